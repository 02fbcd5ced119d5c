"""QR codes as SVG within a page: no script, no picture fetched from anywhere."""

from __future__ import annotations

import io

from markupsafe import Markup


def qr_svg(text: str, label: str) -> Markup:
    """Return ``text`` as a QR code (error correction M), dark on white whatever the page's colours; ``label`` is its
    name for readers who do not see it."""
    import segno

    buffer = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        buffer, kind="svg", xmldecl=False, svgns=False, omitsize=True, svgclass=None, lineclass=None, light="#fff"
    )
    svg = buffer.getvalue().decode("ascii").strip()
    # The drawing has modules only, no part of the text.
    named = Markup(' class="qr" role="img" aria-label="{}"').format(label)
    return Markup("<svg") + named + Markup(svg.removeprefix("<svg"))  # noqa: S704
