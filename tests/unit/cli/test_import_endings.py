"""The endings of catalogue files: terminal, page and documentation name the same."""

from __future__ import annotations

import re
from pathlib import Path

from node.cli.commands.imports import MEDIA_TYPES
from node.portal.pages.imports import ENDINGS

ROOT = Path(__file__).resolve().parents[3]


def test_every_documented_ending_is_read_by_terminal_and_page() -> None:
    guide = (ROOT / "docs/how-to/import-a-catalogue.md").read_text("utf-8")
    table = guide.partition("| syntax | endings |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`(\.[a-z]+)`", table))
    assert ".geojson" in documented
    assert documented == set(MEDIA_TYPES) == set(ENDINGS)


def test_the_script_of_the_page_knows_the_media_type_of_each() -> None:
    script = (ROOT / "node/portal/static/imports.js").read_text("utf-8")
    types = dict(re.findall(r'(\w+): "(application/[a-z+-]+|text/turtle)"', script))
    assert {f".{ending}": media_type for ending, media_type in types.items()} == MEDIA_TYPES
