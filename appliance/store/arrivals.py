"""A message enters a mailbox: the rows that every arrival needs, by SMTP as by APPEND. Fixed SQL, the hot path.

The UID comes from `mailbox.uidnext`, raised by UPDATE .. RETURNING in the same transaction: it rises strictly and is
never given twice (RFC 3501 §2.3.1.1). So does the modseq (RFC 7162 §3.1.1).
"""

from appliance.mail.structure import Rendition
from appliance.records import SEEN
from appliance.store.blobs import Blobs, StoredBody
from appliance.store.errors import Conflict
from appliance.store.tx import Tx

MAX_UID = 2**32 - 1
"""UIDs are 32-bit (RFC 3501 §2.3.1.1)."""

_RENDITION = """
INSERT INTO rendition (blob, domain, envelope, bodystructure, body, sent_at, message_id,
    from_text, to_text, cc_text, bcc_text, subject_text, parts, header)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
NEXT_UID = """
UPDATE mailbox SET uidnext = uidnext + 1, highestmodseq = highestmodseq + 1, "exists" = "exists" + 1,
    unseen = unseen + ?, bytes = bytes + ?
WHERE {where} RETURNING id, account, domain, uidvalidity, uidnext - 1, highestmodseq
"""
_HEADER_SIZE = """
SELECT length(r.header) FROM mailbox m JOIN blob b ON b.domain = m.domain AND b.sha256 = ?
JOIN rendition r ON r.blob = b.id WHERE m.id = ?
"""
INSERT = """
INSERT INTO message (mailbox, uid, domain, blob, prefix, flags, keywords, modseq, internaldate, savedate, size, trace)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def add_body(tx: Tx, blobs: Blobs, stored: StoredBody, rendition: Rendition, domain: int) -> int:
    """The blob of a body in a domain with its rendition: the one that is there, or new; gives its id."""
    blob = blobs.insert(tx, stored, domain)
    r = rendition
    tx.execute(
        _RENDITION,
        (blob, domain, r.envelope, r.bodystructure, r.body, r.sent_at, r.message_id, r.from_text, r.to_text,
         r.cc_text, r.bcc_text, r.subject_text, r.parts, r.header),
    )  # fmt: skip
    return blob


def served_size(tx: Tx, mailbox: int, stored: StoredBody, rendition: Rendition) -> int:
    """Octets of a body as it is served in a mailbox, without prefix.

    Where its domain has the very same body already, the rendition that is there stays. That of mail which came with
    SMTPUTF8 has the downgraded header; a client that puts such a body into a mailbox gets it so, too.
    """
    if rendition.downgraded:
        row = tx.execute(_HEADER_SIZE, (stored.sha256, mailbox)).fetchone()
        if row is not None:
            return stored.size - len(rendition.header) + int(row[0])
    return stored.size


def unseen_of(flags: int) -> int:
    """1 where the flags lack \\Seen, else 0."""
    return 0 if flags & SEEN else 1


def add_message(
    tx: Tx,
    mailbox: int,
    uid: int,
    modseq: int,
    *,
    domain: int,
    blob: int,
    size: int,
    prefix: bytes = b"",
    flags: int = 0,
    keywords: str = "",
    internaldate: int,
    trace: int | None,
) -> None:
    """The message row under a UID just taken; `size` is prefix and body together, as they are served.

    Raises Conflict past the last UID.
    """
    if uid > MAX_UID:
        raise Conflict("the folder has used up its 2^32-1 UIDs: move its messages to a new one")
    text = prefix.decode("utf-8")
    tx.execute(
        INSERT,
        (mailbox, uid, domain, blob, text, flags, keywords, modseq, internaldate, tx.now, size, trace),
    )
