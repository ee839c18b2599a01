"""That a request which changes something was made on our own page: two checks, each enough for a browser of today.

The form carries a token made from the secret of the session cookie (before signing in: of a cookie for visitors), which
no other site can read or set. And the browser says where a request comes from: Sec-Fetch-Site, else Origin.
"""

import hashlib
import hmac
from collections.abc import Mapping

COOKIE = "__Host-visitor"
"""The secret of who is not signed in."""
FIELD = "csrf"
"""The hidden field of every form."""
HEADER = "x-csrf-token"
"""The same for scripts."""


def token_for(secret: str) -> str:
    """The token of a session's or visitor's secret; the secret cannot be told from it."""
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hex()


def is_token(secret: str, token: str) -> bool:
    """Whether a form's token belongs to the secret. Nobody has the empty secret."""
    return bool(secret) and hmac.compare_digest(token_for(secret).encode(), token.encode("utf-8", "surrogatepass"))


def is_own_page(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the browser says that a page of this very host asks; one that says neither is judged by its token."""
    site = headers.get(b"sec-fetch-site")
    if site is not None and site != b"same-origin":
        return False
    origin = headers.get(b"origin")
    return origin is None or origin.lower() == b"https://" + headers.get(b"host", b"").lower()
