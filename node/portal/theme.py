"""Design tokens: the colours of the portal, in light and dark, and a city's accent made readable in both.

The tokens are data, so that a test can check the contrast of every pair of text and ground in the style sheet against
WCAG 2.2 (1.4.3: 4.5:1 for text; 1.4.11: 3:1 for controls). A city may choose any accent: it is moved towards black or
white just until it is readable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from node.base.errors import InvalidInput

LIGHT: Final[dict[str, str]] = {
    "paper": "#f5f6f4",
    "surface": "#ffffff",
    "sunken": "#edefed",
    "ink": "#1a2126",
    "muted": "#535e66",
    "line": "#d8dcda",
    "edge": "#7c878e",
    "ok": "#17653a",
    "ok-soft": "#e6f3ea",
    "wait": "#765000",
    "wait-soft": "#fbf1da",
    "no": "#a0261c",
    "no-soft": "#fceae7",
    "mark": "#ffe9a8",
    "code": "#f1f3f1",
}
DARK: Final[dict[str, str]] = {
    "paper": "#11161a",
    "surface": "#192025",
    "sunken": "#0d1114",
    "ink": "#e6ebee",
    "muted": "#a5b1b8",
    "line": "#2d383e",
    "edge": "#7b8890",
    "ok": "#82d4a0",
    "ok-soft": "#14301f",
    "wait": "#ecc274",
    "wait-soft": "#33280f",
    "no": "#ffa598",
    "no-soft": "#3b1c18",
    "mark": "#5c4a12",
    "code": "#10161a",
}

TEXT: Final = 4.5
STEPS: Final = 50
"""The most steps in which a colour is moved, from itself to black or white."""

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two ``#rrggbb`` colours, from 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def tokens(accent: str, *, dark: bool) -> dict[str, str]:
    """Return all tokens for light or dark mode, with the city's ``accent``.

    Raises ``InvalidInput`` if ``accent`` is not ``#rrggbb``.
    """
    if not _HEX.fullmatch(accent):
        raise InvalidInput(f"the accent colour {accent!r} is not of the form #rrggbb", remedy="write it like #0b5f73")
    base: Mapping[str, str] = DARK if dark else LIGHT
    toward = "#ffffff" if dark else "#000000"
    soft = _mix(accent.lower(), base["surface"], 0.16 if dark else 0.09)
    for _ in range(STEPS):
        # A bright accent makes even a thin tint too strong for small text on it.
        if contrast(base["muted"], soft) >= TEXT:
            break
        soft = _mix(soft, base["surface"], 0.8)
    grounds = (base["paper"], base["surface"], base["sunken"], soft)
    # On dark ground a colour at the minimum contrast looks dull, so it gets a little more there.
    least = TEXT + (1.2 if dark else 0)
    readable = accent.lower()
    for step in range(1, STEPS + 1):
        if min(contrast(readable, ground) for ground in grounds) >= least:
            break
        readable = _mix(toward, accent.lower(), step / STEPS)
    on_accent = max(("#ffffff", "#0b0f12"), key=lambda ink: contrast(ink, readable))
    return {**base, "accent": readable, "accent-soft": soft, "on-accent": on_accent}


def style_sheet(accent: str) -> str:
    """Return the custom properties as CSS: light, dark by preference, and light again on paper."""
    light, dark = (_declarations(tokens(accent, dark=dark)) for dark in (False, True))
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        "@media print { :root { color-scheme: light; } }\n"
    )


def _declarations(values: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in values.items())


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(colour: str, other: str, share: float) -> str:
    """Return ``colour`` mixed into ``other`` with the given ``share``."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)
