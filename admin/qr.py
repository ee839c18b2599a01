"""An address as a QR code, to open it on a phone."""

import markupsafe
import segno


def qr_code(text: str) -> markupsafe.Markup:
    """The code as SVG, dark on white with its quiet zone, whatever the page's colours; "" for no text."""
    if not text:
        return markupsafe.Markup("")
    drawn = segno.make(text, error="m", micro=False)
    return markupsafe.Markup(drawn.svg_inline(light="#fff", dark="#000", border=3, omitsize=True, svgclass="qr"))
