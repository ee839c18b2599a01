"""Forms: what was typed, read into values, with what is wrong beside each field. What was typed is kept.

A handler makes a `Form` of the fields, takes its values one by one, and looks at `faults` once:

    form = Form(await request.fields())
    name = form.text("name", missing="Type the domain's name.")
    if form.faults:
        return page(request, "domains/add.html", status=422, form=form)
"""

from collections.abc import Sequence
from urllib.parse import parse_qsl

MAX_FIELDS = 200
MAX_TEXT = 1000
"""Characters of a line of text, where a form says nothing else."""
WHOLE = ""
"""The name under which a fault stands that belongs to no field."""


class FormError(ValueError):
    """A body that is no form."""


class Fields:
    """The fields of a form or a query by name; of one that comes twice the first counts."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def get(self, name: str) -> str:
        """The value, "" where there is none."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """All values, as of several checkboxes."""
        return self._values.get(name, [])

    def __contains__(self, name: str) -> bool:
        return name in self._values


def read_fields(body: bytes) -> Fields:
    """The fields of `application/x-www-form-urlencoded`, in UTF-8. Raises FormError for anything else."""
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise FormError("not the fields of a form") from error
    return Fields(pairs)


class Form:
    """What was typed, or what a form shows first, and what is wrong with it."""

    def __init__(self, fields: Fields | None = None, **first: str) -> None:
        """Of the fields that came; or, for a form that is shown first, with the values it begins with."""
        self._fields = fields
        self._first = first
        self.faults: dict[str, str] = {}
        """What is wrong, by field, in the order it was found; under WHOLE what belongs to none."""

    def typed(self, name: str) -> str:
        """What stands in a field."""
        return self._first.get(name, "") if self._fields is None else self._fields.get(name)

    def fault(self, name: str, line: str) -> None:
        """Something is wrong with a field; the first fault of each stays."""
        self.faults.setdefault(name, line)

    def refuse(self, error: Exception, name: str = WHOLE) -> None:
        """As `fault`, with the one line that an act or the store refused with."""
        line = str(error).strip()
        self.fault(name, f"{line[:1].upper()}{line[1:]}{'' if line.endswith(('.', '!', '?')) else '.'}")

    def text(self, name: str, *, missing: str = "", longest: int = MAX_TEXT) -> str:
        """A line of text without blanks around it; with `missing`, it may not be empty."""
        value = self.typed(name).strip()
        if not value and missing:
            self.fault(name, missing)
        elif len(value) > longest:
            self.fault(name, f"This is too long: at most {longest} characters.")
        elif not value.isprintable():
            self.fault(name, "This holds a character that cannot be shown.")
        return value

    def secret(self, name: str, *, missing: str, longest: int = MAX_TEXT) -> str:
        """A password, exactly as it was typed."""
        value = self.typed(name)
        if not value:
            self.fault(name, missing)
        elif len(value) > longest:
            self.fault(name, f"This is too long: at most {longest} characters.")
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """One of the values a list or radio buttons offer."""
        value = self.typed(name)
        if value not in allowed:
            self.fault(name, "Choose one of these.")
            return allowed[0]
        return value

    def flag(self, name: str) -> bool:
        """Whether a checkbox is on."""
        return self.typed(name) != ""

    def same(self, name: str, wanted: str) -> None:
        """That the name of what is to be lost was typed."""
        if self.typed(name).strip().casefold() != wanted.casefold():
            self.fault(name, f"Type {wanted} to confirm.")
