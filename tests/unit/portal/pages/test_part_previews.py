"""What a partner gets of a part, as its publisher sees it on the page of the asset."""

from __future__ import annotations

from dataclasses import replace

from starlette.testclient import TestClient

from node.catalogue.publication.part_preview import PartTable
from tests.fakes.portal.node import COUNTS, NOW, FakeNode
from tests.fakes.portal.table_questions import agreement_about_table
from tests.unit.portal.page import Page, troubles

ENGLISH = {"Accept-Language": "en"}
PLACE = "/datasets/traffic-counts"


def test_a_publisher_sees_what_a_partner_gets(node: FakeNode, els: TestClient, visitor: TestClient) -> None:
    assert "partner=show" not in els.get(PLACE, headers=ENGLISH).text
    offer = agreement_about_table(NOW).agreement.body
    node.records[COUNTS][0] = replace(node.records[COUNTS][0], offer=offer)
    node.partner_tables = [
        PartTable(file="a.csv", columns=(("number", "BIGINT"),), rows=(("<b>1</b>",),), count=4),
        PartTable(file="b.csv"),
        PartTable(file="c.csv", fault="the file is not on this node yet"),
    ]
    assert "?partner=show#partner" in els.get(PLACE, headers=ENGLISH).text
    page = Page(els.get(f"{PLACE}?partner=show", headers=ENGLISH).text)
    assert troubles(page) == []
    section = page.element("section", aria_labelledby="partner").text
    for words in (
        "Only the columns “number” and “passed”.",
        "<b>1</b>",
        "4 rows of a.csv",
        "No row of b.csv",
        "c.csv",
    ):
        assert words in section
    assert 'id="partner"' not in visitor.get(f"{PLACE}?partner=show").text
