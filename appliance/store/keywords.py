"""Keywords of a message (RFC 3501 §2.3.2) as one text column: sorted, apart by single spaces, case kept.

Case does not count when keywords are compared; the spelling that came first on a message stays.
"""

from collections.abc import Iterable

from appliance.store.errors import Conflict

MAX_KEYWORDS = 64
"""Keywords on one message."""
MAX_KEYWORD = 255
"""Characters of one keyword."""


def join_keywords(keywords: Iterable[str]) -> str:
    """The column's text; raises Conflict beyond the limits."""
    known: dict[str, str] = {}
    for word in keywords:
        known.setdefault(word.lower(), word)
    if len(known) > MAX_KEYWORDS or any(len(word) > MAX_KEYWORD for word in known):
        raise Conflict(f"at most {MAX_KEYWORDS} keywords on a message, each of at most {MAX_KEYWORD} characters")
    return " ".join(known[key] for key in sorted(known))


def split_keywords(text: str) -> tuple[str, ...]:
    """The keywords in a column's text."""
    return tuple(text.split(" ")) if text else ()


def add_keywords(text: str, keywords: Iterable[str]) -> str:
    """The column's text with `keywords` set too."""
    return join_keywords((*split_keywords(text), *keywords))


def remove_keywords(text: str, keywords: Iterable[str]) -> str:
    """The column's text without `keywords`."""
    gone = {word.lower() for word in keywords}
    return join_keywords(word for word in split_keywords(text) if word.lower() not in gone)
