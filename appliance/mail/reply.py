"""An SMTP reply (RFC 5321 §4.2) with its enhanced status code (RFC 2034, RFC 3463)."""

import re

import msgspec

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\Z")
_TEXT = re.compile(r"[\t\x20-\x7e]*\Z")
MAX_LINE = 510
"""Octets of one reply line before its CRLF (RFC 5321 §4.5.3.1.5)."""


class Reply(msgspec.Struct, frozen=True):
    """One reply: code, enhanced code ("" where none is due, RFC 2034 §4) and text, one string a line.

    Printable ASCII only, so that nothing a peer wrote can forge a line; `reply()` cleans text first.
    """

    code: int
    enhanced: str
    lines: tuple[str, ...]
    close: bool = False
    """Whether the server ends the session after it."""

    def __post_init__(self) -> None:
        if not 200 <= self.code <= 599 or not self.lines:
            raise ValueError(f"not a reply: {self.code} {self.lines!r}")
        if self.enhanced and (not _ENHANCED.match(self.enhanced) or self.enhanced[0] != str(self.code)[0]):
            raise ValueError(f"enhanced code {self.enhanced!r} does not fit {self.code}")
        if not all(_TEXT.match(line) for line in self.lines):
            raise ValueError("reply text must be printable ASCII")

    @property
    def positive(self) -> bool:
        """Whether it accepts (2xx, 3xx)."""
        return self.code < 400

    def wire(self) -> bytes:
        """The reply as sent, each line with code, enhanced code and CRLF (RFC 5321 §4.2.1, RFC 2034 §4)."""
        lead = f"{self.enhanced} " if self.enhanced else ""
        last = len(self.lines) - 1
        return "".join(
            f"{self.code}{' ' if i == last else '-'}{lead}{line}"[:MAX_LINE] + "\r\n"
            for i, line in enumerate(self.lines)
        ).encode("ascii")

    def __str__(self) -> str:
        return self.wire().decode("ascii").replace("\r\n", "\n").rstrip("\n")


def reply(code: int, enhanced: str, text: str, *, close: bool = False) -> Reply:
    """A one-line reply; what is not printable in `text` becomes "?", and a letter beyond ASCII is named, as `\\x{FC}`.

    UTF-8 itself may stand in no reply of ours, whether SMTPUTF8 is in use or not (RFC 6531 §3.7.4.2).
    """
    return Reply(code, enhanced, ("".join(map(_plain, text)),), close)


def _plain(letter: str) -> str:
    if " " <= letter <= "~":
        return letter
    return f"\\x{{{ord(letter):X}}}" if letter > "\xa0" and letter.isprintable() else "?"  # RFC 6533 §3
