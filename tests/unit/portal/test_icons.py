"""The pictures of the portal."""

from __future__ import annotations

import re
from pathlib import Path

import node.portal
from node.semantics.kinds import KINDS

ICONS = Path(node.portal.__file__).with_name("templates") / "_icons.html"


def test_every_kind_of_asset_has_a_picture_of_its_own() -> None:
    drawings = dict(re.findall(r"""^  "([a-z-]+)": '(.+)',?$""", ICONS.read_text("utf-8"), re.MULTILINE))
    pictures = [drawings[kind] for kind in [*KINDS, "other"]]
    assert len(set(pictures)) == len(KINDS) + 1
