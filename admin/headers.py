"""What every answer carries, whoever wrote it and whatever its status."""

from email.utils import formatdate

Headers = list[tuple[bytes, bytes]]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
PRIVATE = (b"cache-control", b"no-store")
"""Unless an answer says otherwise: what one person may see, no cache keeps."""
HSTS = (b"strict-transport-security", b"max-age=31536000")
"""RFC 6797 §6.1: a year."""


def complete(headers: Headers, now: int, *, hsts: bool) -> Headers:
    """The fields of an answer with those that are missing. `now` is UTC microseconds.

    `hsts` says that the browser may remember to ask this host by HTTPS only; on "localhost" other programs serve, too.
    """
    there = {name.lower() for name, _ in headers}
    wanted = [*ALWAYS, PRIVATE, *([HSTS] if hsts else [])]
    # RFC 9110 §6.6.1
    wanted.append((b"date", formatdate(now // 1_000_000, usegmt=True).encode()))
    return headers + [field for field in wanted if field[0] not in there]
