"""Records as the fronts fill them, for tests of what becomes of them."""

from typing import Any

from appliance.mail.session_record import (
    EventRecord,
    MessageRecord,
    RecipientRecord,
    SessionRecord,
    TransactionRecord,
)
from tests.store_house import START

SESSION, TRACE = 1000, 2000


def session(id: int = SESSION, **changes: Any) -> SessionRecord:
    facts: dict[str, Any] = {
        "listener": "smtp.mx",
        "peer": "192.0.2.7",
        "peer_port": 4711,
        "started": START,
        "helo": "far.test",
        "transcript": "+0.000 > 220 mx.test\n",
    }
    return SessionRecord(id, **facts | changes)


def recipient(address: str, **changes: Any) -> RecipientRecord:
    facts: dict[str, Any] = {"code": 250, "reply": "2.1.5 OK", "outcome": "accepted"}
    return RecipientRecord(address, address.rpartition("@")[2], **facts | changes)


def transaction(*to: str, id: int = TRACE, **changes: Any) -> TransactionRecord:
    facts: dict[str, Any] = {
        "session": SESSION,
        "number": 1,
        "mail_from": "joe@far.test",
        "outcome": "accepted",
        "at": START,
        "code": 250,
        "reply": "2.0.0 OK",
        "message_id": "<m@far.test>",
        "header_from": "joe@far.test",
        "subject": "secret plans",
        "transcript": "+0.100 < MAIL FROM:<joe@far.test>\n",
        "recipients": tuple(recipient(one) for one in to),
    }
    return TransactionRecord(id, **facts | changes)


def message(*to: str, id: int = TRACE, events: tuple[EventRecord, ...] = (), **changes: Any) -> MessageRecord:
    return MessageRecord(session(), transaction(*to, id=id, **changes), events)
