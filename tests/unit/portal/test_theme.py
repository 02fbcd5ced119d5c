"""The colours can be read, whatever a city chooses."""

from __future__ import annotations

import re

import pytest

from node.base.errors import InvalidInput
from node.portal.responder import HERE
from node.portal.theme import TEXT, contrast, style_sheet, tokens

ACCENTS = (
    "#0b5f73",
    "#000000",
    "#ffffff",
    "#ff0000",
    "#00ff00",
    "#ffff00",
    "#0000ff",
    "#808080",
    "#ffcc00",
    "#E4002B",
    "#7f7f00",
    "#fefefe",
    "#010203",
)
CONTROL = 3.0
"""The contrast of borders of controls (WCAG 2.2, 1.4.11)."""

PAIRS = (
    *((ink, ground, TEXT) for ink in ("ink", "muted") for ground in ("paper", "surface", "sunken", "code")),
    *(("ink", ground, TEXT) for ground in ("ok-soft", "wait-soft", "no-soft", "accent-soft", "mark")),
    *((ink, ground, TEXT) for ink in ("accent", "ok", "wait", "no") for ground in ("paper", "surface")),
    *((tone, f"{tone}-soft", TEXT) for tone in ("accent", "ok", "wait", "no")),
    ("muted", "accent-soft", TEXT),
    ("accent", "sunken", TEXT),
    ("on-accent", "accent", TEXT),
    *(("edge", ground, CONTROL) for ground in ("paper", "surface", "sunken")),
)
"""(foreground, background, least contrast) for every pair that the style sheet sets."""

STYLES = (HERE / "static" / "hansa.css").read_text("utf-8")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("accent", ACCENTS)
def test_every_pair_has_the_contrast_that_wcag_asks_for(accent: str, dark: bool) -> None:
    colours = tokens(accent, dark=dark)
    weak = {
        (ink, ground): round(contrast(colours[ink], colours[ground]), 2)
        for ink, ground, least in PAIRS
        if contrast(colours[ink], colours[ground]) < least
    }
    assert weak == {}


def test_contrast_is_that_of_the_definition() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


def test_a_readable_accent_stays_as_it_is() -> None:
    assert tokens("#0b5f73", dark=False)["accent"] == "#0b5f73"


@pytest.mark.parametrize("accent", ["", "red", "#fff", "#12345g", "#0b5f73;} body{display:none", "0b5f73"])
def test_what_is_no_colour_is_refused(accent: str) -> None:
    with pytest.raises(InvalidInput):
        tokens(accent, dark=False)


def test_the_style_sheet_uses_tokens_only() -> None:
    defined = set(re.findall(r"--([\w-]+):", style_sheet("#0b5f73")) + re.findall(r"^  --([\w-]+):", STYLES, re.M))
    assert set(re.findall(r"var\(--([\w-]+)\)", STYLES)) <= defined
    colours = re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgb\([^)]*\)", STYLES)
    allowed = {"#fff", "#0b3d91", "rgb(0 0 0 / 0.15)"}
    assert set(colours) <= allowed, "white paper, the focus on a map (light by night too), one shadow; else tokens"


def test_the_style_sheet_loads_nothing_and_moves_nothing() -> None:
    assert "url(" not in STYLES
    assert "@import" not in STYLES
    assert "animation" not in STYLES.split("*/", 1)[1]
    assert "transition" not in STYLES
    assert ":focus-visible" in STYLES
    assert not re.search(r"outline:\s*(?:0|none)", STYLES.replace("outline: none; }\nh1", ""))
