"""The picture of the classes of an ontology: bounded, with links, and safe for names of others."""

from __future__ import annotations

import re

from node.portal.drawing.classes import MOST_CLASSES, MOST_PROPERTIES, WIDTH, ClassBox, class_diagram


def test_it_shows_hierarchy_and_properties() -> None:
    drawing = class_diagram(
        [
            ClassBox(name="way", href="/term?iri=way", depth=0),
            ClassBox(name="path", href="/term?iri=path", depth=1, properties=[("surface", "text"), ("width", "")]),
            ClassBox(name="other", href="/term?iri=other", depth=0),
        ]
    )
    assert re.findall(r'href="/term\?iri=(\w+)"', drawing.inside) == ["way", "path", "other"]
    assert drawing.inside.count('class="wire"') == 1, "only the path is below another class"
    assert ">surface: text<" in drawing.inside
    assert ">width<" in drawing.inside


def test_thousands_of_classes_and_properties_make_a_picture_of_a_bounded_size() -> None:
    many = [(f"property {number}", "x" * 500) for number in range(5000)]
    boxes = [ClassBox(name="c" * 300, href="/term", depth=n, properties=many) for n in range(5000)]
    drawing = class_diagram(boxes)
    assert drawing.inside.count("<a ") == MOST_CLASSES
    assert drawing.inside.count('class="wire-label"') == MOST_CLASSES * (MOST_PROPERTIES + 1)
    assert f">+ {5000 - MOST_PROPERTIES}<" in drawing.inside
    assert len(drawing.inside) < 200_000
    rectangles = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawing.inside)
    assert max(float(x) + float(width) for x, width in rectangles) <= WIDTH


def test_names_of_others_are_text() -> None:
    name = '<script>alert("1")</script>'
    drawing = class_diagram([ClassBox(name=name, href='/x"><b>', depth=0, properties=[(name, name)])])
    assert "<script" not in drawing.inside
    assert "<b>" not in drawing.inside
