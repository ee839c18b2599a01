"""How a handler or a guard says no: with an error page, or by sending the browser elsewhere."""

from litestar.exceptions import HTTPException

WORDS: dict[int, tuple[str, str]] = {
    400: ("That request was not understood", "Go back and try again. If you typed the address, check it."),
    403: ("This page is not for you", "You are signed in, but this page is for somebody else."),
    404: ("There is no such page", "Check the address, or begin at the start page."),
    405: ("That cannot be done here", "Go back, and use the buttons and links of the page."),
    409: ("That does not fit how things are now", "Reload the page before and look again."),
    413: ("That was too much", "A form may hold one megabyte. Nothing was saved."),
    415: ("That is no form of ours", "Use the form of the page. Nothing was saved."),
    421: ("This server does not go by that name", "Use the server's own name, or one of its domains."),
    429: ("Too many tries", "Wait a while before you try again."),
    500: ("Something went wrong on our side", "It is not your fault. Nothing half-done was saved. Try again."),
    503: ("The server is too busy", "Nothing was saved. Try again in a minute."),
    507: ("The server's disk is full", "Nothing was saved. The administrator has to make room."),
}
"""Title and advice by status."""


class Refused(HTTPException):
    """An error page; with words of its own where the status alone does not say enough."""

    def __init__(
        self, status: int, title: str = "", advice: str = "", *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail=title or str(status), status_code=status, headers=headers)
        known = WORDS.get(status, WORDS[500 if status >= 500 else 400])
        self.title, self.advice = title or known[0], advice or known[1]


class Elsewhere(HTTPException):
    """Not here: the browser is sent to a path of our own."""

    def __init__(self, path: str) -> None:
        super().__init__(detail="elsewhere", status_code=303)
        self.path = path
