"""The BODY and BODYSTRUCTURE data items (RFC 3501 §7.4.2) of a scanned message.

Extension data is always complete, octets and lines are those of the bytes that BODY[section] gives, and a
message/rfc822 carries envelope, body and lines.
"""

from appliance.mail.content_type import Parameters, parse_parameters, parse_token
from appliance.mail.header import unfold
from appliance.mail.imap_envelope import envelope, text
from appliance.mail.imap_text import NIL, string
from appliance.mail.part_scanner import Part


def body_items(part: Part) -> tuple[bytes, bytes]:
    """BODY (no extension data) and BODYSTRUCTURE of a message or part."""
    if part.kind == "multipart":
        return _multipart(part)
    body_type, subtype, parameters = part.media
    get = part.fields.get
    head = b"%b %b %b %b %b %b %d" % (
        string(body_type),
        string(subtype),
        _parameters(parameters),
        text(get(b"content-id")),
        text(get(b"content-description")),
        string(part.encoding),
        part.body_end - part.body_start,
    )
    tail = _extension(part, text(get(b"content-md5")))
    if part.kind == "message":
        short, full = body_items(part.children[0])
        head += b" " + envelope(part.children[0].fields)
        return b"(%b %b %d)" % (head, short, part.lines), b"(%b %b %d %b)" % (head, full, part.lines, tail)
    if body_type == b"text":
        head += b" %d" % part.lines
    return b"(" + head + b")", b"(" + head + b" " + tail + b")"


def _multipart(part: Part) -> tuple[bytes, bytes]:
    items = [body_items(child) for child in part.children]
    subtype = string(part.media.subtype)
    short = b"".join([item[0] for item in items])
    full = b"".join([item[1] for item in items])
    tail = _extension(part, _parameters(part.media.parameters))
    return b"(%b %b)" % (short, subtype), b"(%b %b %b)" % (full, subtype, tail)


def _extension(part: Part, first: bytes) -> bytes:
    """MD5 or parameters, then disposition, language, location."""
    get = part.fields.get
    disposition, language, location = (
        get(b"content-disposition"),
        get(b"content-language"),
        get(b"content-location"),
    )
    if disposition is None and language is None and location is None:
        return first + b" NIL NIL NIL"
    return b"%b %b %b %b" % (first, _disposition(disposition), _language(language), text(location))


def _parameters(parameters: Parameters) -> bytes:
    if not parameters:
        return NIL
    return b"(" + b" ".join([string(name) + b" " + string(value) for name, value in parameters]) + b")"


def _disposition(value: bytes | None) -> bytes:
    """Always a list (RFC 2183): a bare string breaks clients."""
    if value is None:
        return NIL
    value = unfold(value)
    token = parse_token(value)
    if not token:
        return NIL
    return b"(%b %b)" % (string(token[0]), _parameters(parse_parameters(value, token[1])))


def _language(value: bytes | None) -> bytes:
    """The tags of RFC 3282, as a list where there are any."""
    tags = [token[0] for tag in unfold(value or b"").split(b",")[:64] if (token := parse_token(tag))]
    return b"(" + b" ".join(map(string, tags)) + b")" if tags else NIL
