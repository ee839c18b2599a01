"""Mailbox addresses of RFC 5321 §4.1.2, strict: one spelling in, one value out.

Two doors lead in. `parse_mail_path` and `parse_rcpt_path` take what a peer wrote after MAIL FROM: and RCPT TO: and
accept nothing beyond the grammar: ASCII only, no source route, no comment, no blank outside quotes, no missing
bracket (tricks by which relays were opened). `parse_address` and `parse_domain` take what a person typed: there a
domain may be written with U-labels, which become A-labels. `%` and `!` in a local part are plain characters; no
part of the system gives them a meaning, so such an address is only ever an unknown one.
"""

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna
import msgspec

MAX_LOCALPART = 64
"""Octets of a local part as written, RFC 5321 §4.5.3.1.1."""
MAX_DOMAIN = 253
"""Octets of a domain: 255 on the wire of the DNS (RFC 5321 §4.5.3.1.2), less the root's and the first length octet."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCALPART = re.compile(rf'(?P<dotted>{_ATOM}(?:\.{_ATOM})*)|"(?P<quoted>(?:[ !#-\[\]-~]|\\[ -~])*)"')
_DOTTED = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_PRINTABLE = re.compile(r"[ -~]+\Z")
_PAIR = re.compile(r"\\(.)")
_SPECIAL = re.compile(r'(["\\])')
_POSTMASTER = re.compile(rb"<postmaster>", re.IGNORECASE)


class AddressError(ValueError):
    """Not an address. `kind` tells replies apart: "syntax", "source-route", "literal" or "length"."""

    def __init__(self, message: str, kind: str = "syntax") -> None:
        super().__init__(message)
        self.kind = kind


class Address(msgspec.Struct, frozen=True):
    """One mailbox. `localpart` is the content without quotes, in the case given; `domain` an A-label in lower case.

    All quoted forms of one content are the same value (RFC 5321 §4.1.2). `domain` is "" only for bare postmaster
    (RFC 5321 §4.5.1). Raises AddressError where the parts are no address.
    """

    localpart: str
    domain: str

    def __post_init__(self) -> None:
        if not _PRINTABLE.match(self.localpart):
            raise AddressError("the local part must be printable ASCII and not empty")
        if len(_quoted(self.localpart)) > MAX_LOCALPART:
            raise AddressError(f"the local part is longer than {MAX_LOCALPART} octets", "length")
        if not self.domain:
            if self.localpart.lower() != "postmaster":
                raise AddressError("only postmaster may stand without a domain")
        elif self.domain[0] != "[":
            _check_domain(self.domain)

    @property
    def text(self) -> str:
        """As written in a path or header, with the least quoting; "postmaster" for bare postmaster."""
        return f"{_quoted(self.localpart)}@{self.domain}" if self.domain else "postmaster"

    @property
    def folded(self) -> str:
        """The local part as it is looked up: case does not count."""
        return fold_localpart(self.localpart)


def fold_localpart(localpart: str) -> str:
    """The form under which a local part is stored and found: case-folded, NFC."""
    return localpart.lower() if localpart.isascii() else unicodedata.normalize("NFC", localpart.casefold())


def subaddress_candidates(localpart: str, separators: str) -> tuple[str, ...]:
    """The folded local parts to look up: as given, then what stands before the first separator (RFC 5233 §4).

    Nothing is stripped where either side of the separator would be empty. `separators` "" turns tags off.
    """
    folded = fold_localpart(localpart)
    at = min((i for i in map(folded.find, separators) if i >= 0), default=-1)
    return (folded, folded[:at]) if 0 < at < len(folded) - 1 else (folded,)


def parse_domain(text: str) -> str:
    """A domain as a person writes it, as A-labels in lower case without the final dot; raises AddressError.

    U-labels go through UTS #46 and IDNA 2008. Labels are letters, digits and inner hyphens (RFC 5321 §4.1.2).
    """
    name = text.strip().removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, transitional=False).decode("ascii").removesuffix(".")
        except (idna.IDNAError, UnicodeError):  # UnicodeError: the codec below idna, for a lone surrogate
            raise AddressError(f"not an international domain name: {text[:60]!r}") from None
    name = name.lower()
    _check_domain(name)
    return name


def parse_address(text: str, *, allow_literal: bool = False) -> Address:
    """An address as a person writes it, `local@domain` and nothing around it; raises AddressError.

    An address literal such as `user@[192.0.2.1]` is taken only with `allow_literal`.
    """
    found = _LOCALPART.match(text)
    if text.startswith("@") or not found or text[found.end() : found.end() + 1] != "@":
        raise AddressError(f"not an address (local@domain): {text[:60]!r}")
    domain = text[found.end() + 1 :]
    if domain.startswith("["):
        if not allow_literal:
            raise AddressError("an address literal is not allowed here", "literal")
        return Address(_content(found), _literal(domain))
    if domain != domain.strip():
        raise AddressError(f"blanks around an address: {text[:60]!r}")
    return Address(_content(found), parse_domain(domain))


def parse_mail_path(data: bytes) -> tuple[Address | None, bytes]:
    """The reverse-path at the start of `data`, and what follows it ("" or a blank and parameters).

    None is the null reverse-path `<>` (RFC 5321 §4.5.5). Raises AddressError.
    """
    if data.startswith(b"<>"):
        return None, _rest(data, 2)
    return _path(data)


def parse_rcpt_path(data: bytes) -> tuple[Address, bytes]:
    """The forward-path at the start of `data`, and what follows it ("" or a blank and parameters).

    `<postmaster>` alone needs no domain (RFC 5321 §4.1.1.3). Raises AddressError.
    """
    if _POSTMASTER.match(data):
        return Address(data[1:11].decode("ascii"), ""), _rest(data, 12)
    if data.startswith(b"<>"):
        raise AddressError("the null path is no recipient")
    return _path(data)


def _path(data: bytes) -> tuple[Address, bytes]:
    if not data.startswith(b"<"):
        raise AddressError("a path must stand in angle brackets")
    if data.startswith(b"<@"):
        # RFC 5321 Appendix C: a server may decline source routes; ignoring one would relay to a place not named.
        raise AddressError("source routes are not accepted", "source-route")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise AddressError("an address must be ASCII") from None
    found = _LOCALPART.match(text, 1)
    if not found:
        raise AddressError("bad local part")
    at = found.end()
    end = text.find(">", at)
    if text[at : at + 1] != "@" or end < 0:
        raise AddressError("a path must be <local@domain>")
    domain = text[at + 1 : end]
    if domain.startswith("["):
        raise AddressError("address literals are not accepted", "literal")
    return Address(_content(found), domain.lower()), _rest(data, end + 1)


def _rest(data: bytes, at: int) -> bytes:
    rest = data[at:]
    if rest and rest[:1] != b" ":
        raise AddressError("only parameters after a blank may follow a path")
    return rest


def _content(found: re.Match[str]) -> str:
    quoted = found["quoted"]
    return found["dotted"] if quoted is None else _PAIR.sub(r"\1", quoted)


def _quoted(localpart: str) -> str:
    return localpart if _DOTTED.match(localpart) else '"' + _SPECIAL.sub(r"\\\1", localpart) + '"'


def _check_domain(name: str) -> None:
    if len(name) > MAX_DOMAIN or any(len(label) > 63 for label in name.split(".")):
        raise AddressError(f"a domain is at most {MAX_DOMAIN} octets, each label at most 63", "length")
    if not _DOMAIN.match(name):
        raise AddressError(f"not a domain (labels of letters, digits, inner hyphens): {name[:60]!r}")


def _literal(text: str) -> str:
    """An address literal in canonical form (RFC 5321 §4.1.3): IPv4, or IPv6 with its tag."""
    inner = text[1:-1]
    try:
        if text.endswith("]") and inner[:5].lower() == "ipv6:":
            return f"[IPv6:{IPv6Address(inner[5:])}]"
        if text.endswith("]"):
            return f"[{IPv4Address(inner)}]"
    except AddressValueError:
        pass
    raise AddressError(f"not an address literal: {text[:60]!r}", "literal")
