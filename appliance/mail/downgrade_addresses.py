"""Address fields beyond ASCII in ASCII (RFC 6857), read tolerantly.

What is ASCII stays as it is written, but for the blanks around it. Names become encoded words, comments too. A domain
becomes A-labels. An address whose local part is beyond ASCII has no other form: an empty group takes its place, whose
name shows it; and as groups do not nest, a group with such a member becomes an empty one that shows its members.
What cannot be read as a mailbox is shown in the same way, so nothing is lost to the eye.
"""

import re
from collections.abc import Iterator

from appliance.mail.address import AddressError, parse_domain
from appliance.mail.encoded_words import decode_words, encode_words
from appliance.mail.field_tokens import Token, field_tokens

MAX_RUN = 400
"""Octets without a place to fold, or of nothing but blanks, that are left as they are."""

_printable = re.compile(r"[ -~\t]*+").fullmatch
_address = re.compile(r"(.+)@([^@]+)").fullmatch


class _Mailbox:
    """One member of the list: `text` in ASCII, `raw` as it was; `lost` where a group took its place. A `remark` is
    no member but a comment between them."""

    def __init__(self, text: str, raw: bytes, *, lost: bool = False, remark: bool = False) -> None:
        self.text = text
        self.raw = raw
        self.lost = lost
        self.remark = remark


def tame(text: str) -> bool:
    """Whether a text is ASCII that can be folded to lines of any sensible length."""
    if not text.isascii() or not _printable(text):
        return False
    if len(text) <= MAX_RUN:
        return True
    return max(map(len, text.split()), default=0) <= MAX_RUN and " " * MAX_RUN not in text.replace("\t", " ")


def downgrade_addresses(value: bytes) -> str:
    """An unfolded address list as one in ASCII; never raises."""
    members: list[str] = []
    group: str | None = None
    inside: list[_Mailbox] = []
    for tokens, sign in _segments(field_tokens(value)):
        if sign == b":":
            group = _phrase(tokens)
            continue
        mailbox = _mailbox(tokens)
        if mailbox and group is None and members and mailbox.remark:
            members[-1] += f" {mailbox.text}"  # behind a group
        elif mailbox:
            members.append(mailbox.text) if group is None else inside.append(mailbox)
        if group is not None and sign != b",":
            members.append(_group(group, inside))
            group, inside = None, []
    return ", ".join(members)


def downgrade_comment(comment: Token) -> str:
    """A comment with encoded words in it where it is not ASCII (RFC 2047 §5 (2))."""
    text = comment.raw.decode("latin-1")
    return text if tame(text) and text.endswith(")") else f"({encode_words(decode_words(comment.content))})"


def _segments(tokens: list[Token]) -> Iterator[tuple[list[Token], bytes]]:
    """The tokens between the signs that take a list apart, with the sign after them: `,`, `;`, `:` of a group's name,
    or b"" at the end."""
    segment: list[Token] = []
    in_angle = in_group = at_sign = False
    for token in tokens:
        sign = token.raw if token.kind == "special" else b""
        opens = sign == b":" and not in_group and not at_sign
        if sign and not in_angle and (opens or sign in b",;"):
            in_group = sign != b";" and (in_group or opens)
            yield segment, sign
            segment, at_sign = [], False
            continue
        in_angle = sign == b"<" or (in_angle and sign != b">")
        at_sign = at_sign or sign == b"@"
        segment.append(token)
    yield segment, b""


def _mailbox(tokens: list[Token]) -> _Mailbox | None:
    raw = b"".join([token.raw for token in tokens]).strip(b" \t")
    if not raw:
        return None
    text = raw.decode("latin-1")
    if all(token.kind in ("blank", "comment") for token in tokens):
        return _Mailbox(" ".join([downgrade_comment(t) for t in tokens if t.kind == "comment"]), raw, remark=True)
    if tame(text):
        return _Mailbox(text, raw)
    signs = b"".join([token.raw for token in tokens if token.kind == "special" and token.raw != b"@"])
    parts = [token for token in tokens if token.kind != "comment"]
    if signs == b"<>":
        opening, closing = (next(i for i, token in enumerate(parts) if token.raw == sign) for sign in (b"<", b">"))
        rest = parts[closing + 1 :]
        before, address = parts[:opening], parts[opening + 1 : closing]
    else:
        before, address, rest = [], parts, []
    if signs not in (b"", b"<>") or any(token.kind != "blank" for token in rest):
        return _Mailbox(_empty_group("", raw), raw, lost=True)
    return _written(before, address, [token for token in tokens if token.kind == "comment"], raw, angle=bool(signs))


def _written(before: list[Token], address: list[Token], comments: list[Token], raw: bytes, *, angle: bool) -> _Mailbox:
    """A mailbox of a known shape."""
    tail = "".join([f" {downgrade_comment(comment)}" for comment in comments])
    plain = b"".join([token.raw for token in address if token.kind != "blank"])
    name, text = _phrase(before), _in_ascii(plain)
    if text is None:
        return _Mailbox(_empty_group(name, plain) + tail, raw, lost=True)
    return _Mailbox((f"{name} <{text}>" if name else f"<{text}>" if angle else text) + tail, raw)


def _empty_group(name: str, shown: bytes) -> str:
    """A group without members, whose name shows what has no form in ASCII."""
    # Between two encoded words no blank is seen: RFC 2047 §6.2.
    blank = " " if name.removesuffix('"').endswith("?=") else ""
    return f"{name} {encode_words(blank + decode_words(shown))} :;".lstrip(" ")


def _in_ascii(address: bytes) -> str | None:
    """An address that can be written in ASCII, its domain in A-labels; None where there is no such form."""
    try:
        text = address.decode()
    except UnicodeDecodeError:
        return None
    found = _address(text)
    if found and not found[2].isascii() and found[1].isascii():
        try:
            text = f"{found[1]}@{parse_domain(found[2])}"
        except AddressError:
            return None
    return text if tame(text) and found else None


def _group(name: str, members: list[_Mailbox]) -> str:
    if any(member.lost for member in members):
        return _empty_group(name, b", ".join([member.raw for member in members]))
    return f"{name}:{','.join([f' {member.text}' for member in members])};"


def _phrase(tokens: list[Token]) -> str:
    """A name in ASCII; comments are the caller's."""
    kept = [token for token in tokens if token.kind != "comment"]
    text = b"".join([token.raw for token in kept]).strip(b" \t").decode("latin-1")
    if tame(text) and not any(token.kind == "special" for token in kept):
        return text
    said: list[bytes] = []
    before = "blank"
    for token in kept:
        if "special" not in (token.kind, before) and "blank" not in (token.kind, before):
            said.append(b" ")  # a word and a quoted string may touch
        said.append(token.content)
        before = token.kind
    return encode_words(decode_words(b"".join(said).strip(b" \t")))
