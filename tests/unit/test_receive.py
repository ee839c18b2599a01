"""The rules of the story after DATA: failures of the store as replies, header refusals, the key of a message."""

import msgspec
import pytest

from appliance.mail.address import Address
from appliance.mail.envelope import Envelope, MailFrom, Peer, RcptTo, SessionFacts
from appliance.mail.reply import Reply
from appliance.store.errors import NotFound, StoreBroken, StoreBusy, StoreCrowded, StoreError, StoreFull
from smtp import replies
from smtp.inbound.receive import dedupe_key, failure

SESSION = SessionFacts(1, "smtp.mx", Peer("192.0.2.1", 5), Peer("192.0.2.2", 25))
ENVELOPE = Envelope(2, MailFrom(Address("s", "out.test")), (RcptTo(Address("a", "one.test")),))


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (StoreBusy("full"), replies.STORE_BUSY),
        (StoreCrowded("taken"), replies.TOO_MUCH_IN_FLIGHT),
        (StoreFull("full"), replies.DISK_FULL),
        (StoreBroken("EIO"), replies.STORE_BROKEN),
        (NotFound("gone"), replies.CANNOT_PROCESS),
        (StoreError("?"), replies.CANNOT_PROCESS),
    ],
)
def test_every_failure_is_temporary_and_names_nothing(error: StoreError, reply: Reply) -> None:
    assert failure(error) == reply
    assert 400 <= reply.code < 500


def test_the_key_tells_messages_apart_by_client_envelope_id_and_bytes() -> None:
    key = dedupe_key(SESSION, ENVELOPE, "<1@x>", b"d")
    other_peer = msgspec.structs.replace(SESSION, peer=Peer("192.0.2.9", 5))
    other_port = msgspec.structs.replace(SESSION, id=9, peer=Peer("192.0.2.1", 6))
    other_sender = msgspec.structs.replace(ENVELOPE, mail_from=MailFrom(None))
    assert dedupe_key(other_port, msgspec.structs.replace(ENVELOPE, trace=77), "<1@x>", b"d") == key
    others = [
        dedupe_key(other_peer, ENVELOPE, "<1@x>", b"d"),
        dedupe_key(SESSION, other_sender, "<1@x>", b"d"),
        dedupe_key(SESSION, ENVELOPE, "<2@x>", b"d"),
        dedupe_key(SESSION, ENVELOPE, "<1@x>", b"e"),
    ]
    assert len({key, *others}) == 5
