"""What a submission server may do to a message (RFC 6409 §8): add a missing Date and Message-ID, cut Bcc.

Fields are added on top or cut out whole; every other byte stays as it came.
"""

from appliance.mail.date_time import date_time
from appliance.mail.header import cut_fields, header_fields


def complete(block: bytes, now: int, trace: str, hostname: str) -> bytes:
    """The header block as it is to be stored; `now` is UTC microseconds, `trace` makes the Message-ID unique."""
    names = {field.key for field in header_fields(block)}
    added = b""
    if b"date" not in names:
        added += f"Date: {date_time(now)}\r\n".encode("ascii")  # RFC 6409 §8.2
    if b"message-id" not in names:
        added += f"Message-ID: <{trace}@{hostname}>\r\n".encode("ascii")  # RFC 6409 §8.3
    if b"bcc" in names:
        block = cut_fields(block, lambda field: field.key == b"bcc")  # RFC 5322 §3.6.3
    return added + block
