"""Pictures of numbers, drawn here as SVG: no script, no style attribute, printable. A table says the same in words.

Each bar has a <title> for who points at it; to screen readers the picture is nothing, the table beside it all.
"""

from collections.abc import Sequence

import markupsafe
import msgspec

WIDTH, HEIGHT, FOOT = 720, 150, 18
"""Units of the drawing; FOOT is room for the words under the axis."""
KINDS = ("", " second", " third")
"""Classes of stacked values: the accent, a warning, a refusal."""


class Bar(msgspec.Struct, frozen=True):
    """One column: its label, what is said of it, and its values from the bottom up."""

    label: str
    title: str
    values: tuple[int, ...]


def bars(data: Sequence[Bar], every: int = 1) -> markupsafe.Markup:
    """Columns side by side, each stacked of up to three values; every n-th has its label under it."""
    if not data:
        return markupsafe.Markup("")
    highest = max(1, *(sum(bar.values) for bar in data))
    step = WIDTH / len(data)
    parts = [_column(bar, number * step, step, highest) for number, bar in enumerate(data)]
    parts += [_label(bar.label, (n + 0.5) * step) for n, bar in enumerate(data) if n % every == 0]
    axis = markupsafe.Markup('<path class="axis" d="M0 {0}.5H{1}"/>').format(HEIGHT - FOOT, WIDTH)
    frame = '<svg class="chart" viewBox="0 0 {} {}" aria-hidden="true" focusable="false">{}</svg>'
    return markupsafe.Markup(frame).format(WIDTH, HEIGHT, markupsafe.Markup("").join([*parts, axis]))


def meter(used: int, limit: int | None) -> markupsafe.Markup:
    """How full something is, as a line; nothing where there is no limit."""
    if not limit:
        return markupsafe.Markup("")
    share = min(100.0, 100 * max(used, 0) / limit)
    kind = "bar full" if share >= 95 else "bar"
    frame = (
        '<span class="meter"><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="{}" width="{:.1f}" height="4"/></svg></span>'
    )
    return markupsafe.Markup(frame).format(kind, share)


def share(value: int, most: int) -> markupsafe.Markup:
    """A value beside others of its column, as a line: the most of them is the whole width."""
    part = 100 * max(value, 0) / max(most, 1)
    frame = (
        '<span class="share"><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="bar" width="{:.1f}" height="4"/></svg></span>'
    )
    # Something that is there is seen, however little it is.
    return markupsafe.Markup(frame).format(max(part, 0.8) if value > 0 else 0)


def _column(bar: Bar, left: float, step: float, highest: int) -> markupsafe.Markup:
    room, bottom, parts = HEIGHT - FOOT - 4, float(HEIGHT - FOOT), []
    for value, kind in zip(bar.values, KINDS, strict=False):
        if value > 0:
            # Something that is there is seen, however little it is.
            tall = max(1.5, room * value / highest)
            bottom -= tall
            rect = '<rect class="bar{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
            parts.append(markupsafe.Markup(rect).format(kind, left + step * 0.12, bottom, step * 0.76, tall))
    # The whole height answers to the pointer.
    ground = '<rect x="{:.1f}" y="0" width="{:.1f}" height="{}" fill-opacity="0"/>'
    parts.append(markupsafe.Markup(ground).format(left, step, HEIGHT - FOOT))
    return markupsafe.Markup("<g><title>{}</title>{}</g>").format(bar.title, markupsafe.Markup("").join(parts))


def _label(text: str, middle: float) -> markupsafe.Markup:
    return markupsafe.Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(middle, HEIGHT - 4, text)
