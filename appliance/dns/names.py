"""What a name must be before anybody is asked about it."""

import re

MAX_NAME = 253
"""Octets of a name without the root's dot: 255 on the wire, of which two are the first length and the root."""
_LABEL = re.compile(r"[!-\-/-\[\]-~]{1,63}")
"""Printable ASCII but for the dot and the backslash: master files escape with it, names in mail never do."""


class BadName(ValueError):
    """One line that says why a text cannot be a name."""


def check_name(text: str) -> str:
    """The name in lower case, without the root's dot. Raises BadName.

    More than host names is taken (`_dmarc.example.org`, what an SPF macro makes), but only ASCII: an
    internationalised name is asked as its A-labels.
    """
    name = text.removesuffix(".")
    if not name.isascii():
        raise BadName(f"not ASCII: {text[:80]!a}; allowed are A-labels such as xn--bcher-kva.example")
    # RFC 1035 §2.3.4: labels 63 octets or less, names 255 or less
    if len(name) > MAX_NAME:
        raise BadName(f"{len(name)} octets long; allowed are {MAX_NAME}")
    for label in name.split("."):
        if not _LABEL.fullmatch(label):
            raise BadName(f"{label[:80]!a} is no label; allowed are 1 to 63 printable characters without backslash")
    return name.lower()
