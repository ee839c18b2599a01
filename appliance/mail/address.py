"""Mailbox addresses of RFC 5321 §4.1.2, strict: one spelling in, one value out.

Two doors lead in. `parse_mail_path` and `parse_rcpt_path` take what a peer wrote after MAIL FROM: and RCPT TO: and
accept nothing beyond the grammar: no source route, no comment, no blank outside quotes, no missing bracket (tricks
by which relays were opened), and beyond ASCII only what RFC 6531 §3.3 adds, where SMTPUTF8 is in use. `parse_address`
and `parse_domain` take what a person typed. Domains written with U-labels become A-labels at both doors. `%` and `!`
in a local part are plain characters; no part of the system gives them a meaning, so such an address is only ever an
unknown one.
"""

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna
import msgspec

MAX_LOCALPART = 64
"""Octets of a local part as written, in UTF-8, RFC 5321 §4.5.3.1.1."""
MAX_DOMAIN = 253
"""Octets of a domain: 255 on the wire of the DNS (RFC 5321 §4.5.3.1.2), less the root's and the first length octet."""

# UTF8-non-ascii (RFC 6531 §3.3) but for controls, blanks, line ends and what turns the direction of writing: none of
# them belongs into an address, and each would forge a log line or a header for the eye.
WIDE = (
    "\u00a1-\u167f\u1681-\u1fff\u200b-\u200d\u2010-\u2027\u2030-\u205e\u2060-\u2065\u206a-\u2fff"
    "\u3001-\ud7ff\ue000-\ufefe\uff00-\U0010ffff"
)
"""Characters beyond ASCII that an address may have, as part of a character class."""
_ATOM = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{WIDE}-]+"
_LOCALPART = re.compile(rf'(?P<dotted>{_ATOM}(?:\.{_ATOM})*)|"(?P<quoted>(?:[ !#-\[\]-~{WIDE}]|\\[ -~])*)"')
_DOTTED = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_PRINTABLE = re.compile(rf"[ -~{WIDE}]+\Z")
_PAIR = re.compile(r"\\(.)")
_SPECIAL = re.compile(r'(["\\])')
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_POSTMASTER = re.compile(rb"<postmaster>", re.IGNORECASE)


class AddressError(ValueError):
    """Not an address. `kind` tells replies apart: "syntax", "source-route", "literal", "length", or "utf8" where it
    is beyond ASCII and SMTPUTF8 is not in use (RFC 6531 §3.5)."""

    def __init__(self, message: str, kind: str = "syntax") -> None:
        super().__init__(message)
        self.kind = kind


class Address(msgspec.Struct, frozen=True):
    """One mailbox. `localpart` is the content without quotes, as given; `domain` an A-label in lower case.

    All quoted forms of one content are the same value (RFC 5321 §4.1.2). `domain` is "" only for bare postmaster
    (RFC 5321 §4.5.1). Raises AddressError where the parts are no address.
    """

    localpart: str
    domain: str

    def __post_init__(self) -> None:
        if not _PRINTABLE.match(self.localpart):
            raise AddressError("the local part must be printable and not empty")
        if len(_quoted(self.localpart).encode()) > MAX_LOCALPART:
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
    def ascii(self) -> bool:
        """Whether it can be sent without SMTPUTF8 (RFC 6531): its domain always can."""
        return self.localpart.isascii()

    @property
    def folded(self) -> str:
        """The local part as it is looked up: neither case nor the way of composing a letter counts."""
        return fold_localpart(self.localpart)


def fold_localpart(localpart: str) -> str:
    """The form under which a local part is stored and found: case-folded, NFC."""
    if localpart.isascii():
        return localpart.lower()
    # Taken apart first: case folding is stable under normalisation only so (Unicode, D145).
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", localpart).casefold())


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

    A local part beyond ASCII becomes NFC (RFC 6532 §3.1). An address literal such as `user@[192.0.2.1]` is taken
    only with `allow_literal`.
    """
    found = _LOCALPART.match(text)
    if text.startswith("@") or not found or text[found.end() : found.end() + 1] != "@":
        raise AddressError(f"not an address (local@domain): {text[:60]!r}")
    domain = text[found.end() + 1 :]
    if domain.startswith("["):
        if not allow_literal:
            raise AddressError("an address literal is not allowed here", "literal")
        return Address(unicodedata.normalize("NFC", _content(found)), _literal(domain))
    if domain != domain.strip():
        raise AddressError(f"blanks around an address: {text[:60]!r}")
    return Address(unicodedata.normalize("NFC", _content(found)), parse_domain(domain))


def parse_mail_path(data: bytes, *, utf8: bool = False) -> tuple[Address | None, bytes]:
    """The reverse-path at the start of `data`, and what follows it ("" or a blank and parameters).

    None is the null reverse-path `<>` (RFC 5321 §4.5.5). `utf8` lets in what RFC 6531 §3.3 adds; whether SMTPUTF8
    is among the parameters is known only behind the path, so the caller looks at both. Raises AddressError.
    """
    if data.startswith(b"<>"):
        return None, _rest(data, 2)
    return _path(data, utf8=utf8)


def parse_rcpt_path(data: bytes, *, utf8: bool = False) -> tuple[Address, bytes]:
    """The forward-path at the start of `data`, and what follows it ("" or a blank and parameters).

    `<postmaster>` alone needs no domain (RFC 5321 §4.1.1.3). `utf8` says that MAIL had SMTPUTF8, and lets in what
    RFC 6531 §3.3 adds. Raises AddressError.
    """
    if _POSTMASTER.match(data):
        return Address(data[1:11].decode("ascii"), ""), _rest(data, 12)
    if data.startswith(b"<>"):
        raise AddressError("the null path is no recipient")
    return _path(data, utf8=utf8)


def _path(data: bytes, *, utf8: bool) -> tuple[Address, bytes]:
    if not data.startswith(b"<"):
        raise AddressError("a path must stand in angle brackets")
    if data.startswith(b"<@"):
        # RFC 5321 Appendix C: a server may decline source routes; ignoring one would relay to a place not named.
        raise AddressError("source routes are not accepted", "source-route")
    if not utf8 and not data.isascii():
        raise AddressError("an address beyond ASCII needs SMTPUTF8", "utf8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise AddressError("an address must be UTF-8") from None
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
    rest = text[end + 1 :].encode()
    return Address(_content(found), _wire_domain(domain)), _rest(rest, 0)


def _wire_domain(domain: str) -> str:
    """A domain of the wire as A-labels. U-labels must be ones by IDNA 2008 (RFC 6531 §3.3): nothing is mapped, so
    that no two spellings of a sender's choice are one domain."""
    domain = domain.translate(_LOWER)
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, strict=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise AddressError(f"not an international domain name: {domain[:60]!r}") from None


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
