"""What administrators write, read: quotas, separators, replies. Each reader raises ProvisionError in one line."""

from appliance.store.directory_acts import SEPARATORS
from config.values import parse_size

MAX_REJECT_TEXT = 200
"""Characters of a reject-address's text; a reply line holds 510 octets with code and address (RFC 5321 §4.5.3.1.5)."""
STATES = ("live", "arriving")
PRIVACY = ("full", "no-subjects", "metadata")
DEFAULT_REJECT_CODE = 550
DEFAULT_REJECT_TEXT = "This address does not take mail"


class ProvisionError(ValueError):
    """A value that cannot be one: one line naming it and what is allowed."""


def read_quota(text: str | int) -> int | None:
    """Bytes, or None for "none". 0 would let nothing in, so it is refused: suspending says that."""
    if text == "none":
        return None
    try:
        size = parse_size(text)
    except ValueError:
        size = 0
    if size < 1:
        raise ProvisionError(f'quota {text!r:.40}: allowed is a number of bytes, a size such as "5GiB", or none')
    return size


def read_separators(text: str) -> str:
    """The characters that start a subaddress (RFC 5233 §2), "" for "off"."""
    if text == "off":
        return ""
    if not text or not SEPARATORS.issuperset(text) or len(set(text)) != len(text):
        raise ProvisionError(
            f"subaddress {text!r:.40}: allowed are characters of {''.join(sorted(SEPARATORS))}, or off"
        )
    return text


def read_unknown(text: str) -> str:
    """The policy for unknown recipients as the store names it."""
    if text not in ("reject", "catch-all"):
        raise ProvisionError(f"unknown {text!r:.40}: allowed are reject and catch-all")
    return text.replace("-", "_")


def read_state(text: str) -> str:
    """Whether a domain's mail comes here already: `live`, or `arriving` while its MX still points elsewhere."""
    if text not in STATES:
        raise ProvisionError(f"state {text!r:.40}: allowed are {' and '.join(STATES)}")
    return text


def read_privacy(text: str) -> str | None:
    """How much of its mail is put on record, or None for "default": as the server says."""
    if text == "default":
        return None
    if text not in PRIVACY:
        raise ProvisionError(f"privacy {text!r:.40}: allowed are {', '.join(PRIVACY)} and default")
    return text


def read_reject(code: int | None, text: str | None) -> tuple[int, str]:
    """Code and text of a refusal; None is the default. The code is 4xx or 5xx (RFC 5321 §4.2.1)."""
    code = DEFAULT_REJECT_CODE if code is None else code
    text = DEFAULT_REJECT_TEXT if text is None else text
    if not 400 <= code <= 599 or code // 10 % 10 > 5:
        raise ProvisionError(f"code {code}: allowed are 4xx and 5xx, such as 450 and 550")
    if not text.strip() or len(text) > MAX_REJECT_TEXT or not (text.isascii() and text.isprintable()):
        raise ProvisionError(f"text: allowed is one line of 1 to {MAX_REJECT_TEXT} printable ASCII characters")
    return code, text
