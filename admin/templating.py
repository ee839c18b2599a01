"""Templates: Jinja2 with every value escaped, and the few words that all pages use."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from admin import charts, words
from admin.assets import ASSETS
from appliance.ids import id_text

DIRECTORY = Path(__file__).parent / "templates"
SOURCES = {path.relative_to(DIRECTORY).as_posix(): path.read_text("utf-8") for path in DIRECTORY.rglob("*.html")}
"""All templates, by name. Read with the program, as `assets` are."""


class Templates:
    """All templates and the assets they name."""

    def __init__(self) -> None:
        self.assets = ASSETS
        self._environment = jinja2.Environment(
            loader=jinja2.DictLoader(SOURCES),
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            # A name that a page forgot to pass is a fault, not an empty text.
            undefined=jinja2.StrictUndefined,
            cache_size=-1,
        )
        self._environment.filters.update(
            size=words.size_text,
            number=words.number_text,
            plural=words.plural,
            utc=words.utc_text,
            agent=words.agent_text,
        )
        self._environment.globals.update(asset=self.asset_url, icon=self.icon, bars=charts.bars, meter=charts.meter)
        self._environment.globals.update(id_text=id_text, share=charts.share)
        # Read now, so that a template that is no good refuses the start.
        for name in SOURCES:
            self._environment.get_template(name)

    def render(self, name: str, now: int, **values: Any) -> str:
        """The page; `now` (UTC microseconds) is what times are told from."""
        template = self._environment.get_template(name)
        return template.render(values, now=now, when=lambda at: _when(at, now))

    def asset_url(self, name: str) -> str:
        """Where a file of `static/` is served; KeyError for one that is not there."""
        return f"/static/{name}?v={self.assets[name].version}"

    def icon(self, name: str) -> markupsafe.Markup:
        """A drawing of the sprite. It says nothing to a screen reader: there is always text beside it."""
        url = f"{self.asset_url('icons.svg')}#{name}"
        return markupsafe.Markup(
            '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"/></svg>'
        ).format(url)


@cache
def templates() -> Templates:
    """Those of this process: made once, never changed."""
    return Templates()


def _when(at: int | None, now: int) -> markupsafe.Markup:
    """A moment: how long ago in words, and in UTC on hover and to screen readers."""
    if at is None:
        return markupsafe.Markup('<span class="muted">never</span>')
    absolute = words.utc_text(at)
    template = '<time datetime="{}" title="{}">{}<span class="sr"> ({})</span></time>'
    return markupsafe.Markup(template).format(words.iso_text(at), absolute, words.ago_text(at, now), absolute)
