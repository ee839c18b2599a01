"""Status responses of RFC 3501 §7.1 as values: OK, NO, BAD, BYE and PREAUTH, with a response code and a text.

A command that cannot be done raises `ImapError`; the connection alone turns it into a line. Texts are
plain and fixed: whatever a client sent that is not printable ASCII becomes "?".
"""

import msgspec

MAX_TEXT = 500
"""Octets of a status text; longer ones are cut, so that no echo of a client's words grows a line without bound."""


class Status(msgspec.Struct, frozen=True):
    """One status response: `kind` is OK, NO, BAD, BYE or PREAUTH; `code` as in RFC 3501 §7.1, without brackets."""

    kind: str
    text: str
    code: str = ""

    def line(self, tag: str = "*") -> bytes:
        """The response as sent, with CRLF; an untagged one by default."""
        code = f"[{_plain(self.code)}] " if self.code else ""
        # RFC 3501 §9: resp-text has at least one character
        text = _plain(self.text)[:MAX_TEXT] or "Done"
        return f"{_plain(tag)} {self.kind} {code}{text}\r\n".encode("ascii")


class ImapError(Exception):
    """A command that is refused: NO (cannot be done), BAD (not understood) or BYE (and the session ends).

    `tag` is the tag to answer with, "*" while none could be read (RFC 3501 §7.1.3).
    """

    def __init__(self, status: Status, tag: str = "*") -> None:
        super().__init__(f"{status.kind} {status.text}")
        self.status = status
        self.tag = tag

    @property
    def kind(self) -> str:
        """NO, BAD or BYE."""
        return self.status.kind

    @property
    def code(self) -> str:
        """The response code without brackets, "" where there is none."""
        return self.status.code

    @property
    def text(self) -> str:
        """The words for people."""
        return self.status.text

    def line(self, tag: str | None = None) -> bytes:
        """The response as sent; `tag` overrides the one the error carries."""
        return self.status.line(self.tag if tag is None else tag)


def ok(text: str, code: str = "") -> Status:
    """A command was done."""
    return Status("OK", text, code)


def no(text: str, code: str = "") -> ImapError:
    """A command was understood and cannot be done; codes are those of RFC 5530 where one fits. To be raised."""
    return ImapError(Status("NO", text, code))


def bad(text: str, code: str = "") -> ImapError:
    """A command was not understood (RFC 3501 §7.1.3). To be raised."""
    return ImapError(Status("BAD", text, code))


def bye(text: str, code: str = "") -> ImapError:
    """The server ends the session (RFC 3501 §7.1.5). To be raised; as a plain line use `Status("BYE", ...)`."""
    return ImapError(Status("BYE", text, code))


def _plain(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if " " <= c <= "~" else "?" for c in text)
