"""The classes of an ontology as a picture: the hierarchy from top to bottom, with the properties of each class.

The picture is 440 units wide, so that a phone can show it, and grows downwards to a limit: an ontology may have
thousands of classes. Each class is a link to its page. A list beside the picture has the same classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from node.portal.drawing.chain import WIDTH, Drawing, cut

MOST_CLASSES: Final = 60
MOST_PROPERTIES: Final = 4
_EDGE: Final = 4
_INDENT: Final = 24
_DEEPEST: Final = 6
_BOX: Final = 34
_LINE: Final = 18
_GAP: Final = 10
_LETTER: Final = 8.6
"""The width of a letter of a title, on average."""
_NARROW: Final = frozenset("fijlrtI1 .,:;'|!()[]-")
_WIDE: Final = frozenset("mwMWOQG@%")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassBox:
    """A class: its name, the address of its page, its depth in the hierarchy, its properties as (name, values)."""

    name: str
    href: str
    depth: int
    properties: Sequence[tuple[str, str]] = ()


def class_diagram(boxes: Sequence[ClassBox]) -> Drawing:
    """Return the picture of the first ``MOST_CLASSES`` of ``boxes``, which are in the order of their hierarchy."""
    parts: list[Markup] = []
    wires: list[Markup] = []
    above: dict[int, float] = {}
    y = float(_EDGE)
    for box in boxes[:MOST_CLASSES]:
        depth = min(box.depth, _DEEPEST)
        x = _EDGE + depth * _INDENT
        middle = y + _BOX / 2
        if depth and depth - 1 in above:
            stem = x - _INDENT / 2
            wires.append(
                Markup('<path class="wire" d="M{:g} {:g}V{:g}H{:g}"/>').format(stem, above[depth - 1], middle, x)
            )
        # Deeper classes that follow are below this one.
        above = {level: bottom for level, bottom in above.items() if level < depth} | {depth: y + _BOX}
        parts.append(_box(box, x, y))
        y += _BOX
        shown = box.properties[:MOST_PROPERTIES]
        rest = len(box.properties) - len(shown)
        lines = [f"{name}: {values}" if values else name for name, values in shown] + ([f"+ {rest}"] if rest else [])
        for text in lines:
            y += _LINE
            parts.append(
                Markup('<text class="wire-label" x="{:g}" y="{:g}">{}</text>').format(
                    x + _INDENT, y - 4, _fit(text, WIDTH - x - _INDENT)
                )
            )
        y += _GAP
    return Drawing(width=WIDTH, height=round(y), inside=Markup("").join([*wires, *parts]))


def _box(box: ClassBox, x: float, y: float) -> Markup:
    room, need = WIDTH - x - _EDGE, _width_of(box.name) + 24
    width = min(room, need)
    name = box.name if need <= room else _fit(box.name, room - 24)
    return Markup(
        '<a href="{}"><title>{}</title><g class="step"><rect x="{:g}" y="{:g}" width="{:g}" height="{}" rx="6"/>'
        '<text class="title" x="{:g}" y="{:g}">{}</text></g></a>'
    ).format(box.href, box.name, x, y, width, _BOX, x + 12, y + _BOX / 2 + 5, name)


def _width_of(text: str) -> float:
    """Return the width of a title: a box that is too narrow is worse than one that is too wide."""
    return sum(6.0 if letter in _NARROW else 14.0 if letter in _WIDE else 10.0 for letter in text)


def _fit(text: str, width: float) -> str:
    return cut(text, max(4, int(width / _LETTER)))
