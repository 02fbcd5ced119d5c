"""Tables of others are asked on a page of the own node, and the uses of an agreement are counted on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from node.client import Refusal
from tests.integration.datasources.live_data import accesses
from tests.integration.datasources.test_table_queries import PART, counted_offer, share
from tests.nodes import Running, agree, running
from tests.portal_browser import signed_in
from tests.unit.portal.page import Page, troubles


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("asked")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


def ask(partner: Running, agreement: str, sql: str, **fields: str) -> Any:
    """The answer of the page, as a browser without scripts gets it."""
    place = f"/agreements/{quote(agreement, safe='')}"
    with signed_in(partner) as browser:
        assert f'href="{place}/ask"' in browser.get(place).text
        csrf = Page(browser.get(f"{place}/ask").text).all("input", name="csrf")[0]["value"]
        form = {"csrf": csrf, "sql": sql, "as": "page", **fields}
        return browser.post(f"{place}/ask", data=form, headers={"Origin": partner.url, "Accept-Language": "en"})


def test_a_person_asks_on_the_page_of_the_own_node(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    agreement = str(agree(partner, share(city, "asked", {"template": "open", "part": PART}))["agreementId"])
    answer = ask(partner, agreement, "SELECT number, passed FROM data ORDER BY number LIMIT 2")
    assert answer.status_code == 200, answer.text
    page = Page(answer.text)
    assert troubles(page) == []
    assert [cell.text for cell in page.all("td")] == ["1", "7", "3", "21"]
    assert "Only rows for which “kind = berth”." in page.text
    (event,) = [event for event in accesses(city, agreement) if event["outcome"] == "started"]
    assert event["asked"] == "SELECT number, passed FROM data ORDER BY number LIMIT 2"
    refusal = ask(partner, agreement, "SELECT guard FROM data")
    assert refusal.status_code == 400
    trouble = Page(refusal.text).element("div", id="trouble").text
    assert '"number", "passed"' in trouble
    assert "guard-" not in refusal.text
    file = ask(partner, agreement, "SELECT max(number) AS last FROM data", **{"as": "csv"})
    assert file.content == b"last\r\n99\r\n"
    assert "attachment" in file.headers["content-disposition"]
    file = ask(partner, agreement, "SELECT max(number) AS last FROM data", **{"as": "parquet"})
    assert (file.content[:4], file.headers["content-type"]) == (b"PAR1", "application/vnd.apache.parquet")
    assert file.headers["content-disposition"].endswith('.parquet"')


def test_both_sides_count_the_same_questions(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    agreement = str(agree(partner, share(city, "left", {"offer": counted_offer(3)}))["agreementId"])

    def tallies() -> list[Any]:
        with city.client() as office, partner.client() as client:
            return [side.agreement(agreement)["uses"] for side in (office, client)]

    assert tallies() == [{"used": 0, "most": 3, "left": 3}] * 2
    assert "at most 2 of 3" in Page(ask(partner, agreement, "SELECT count(*) FROM data").text).text
    with partner.client() as client:
        with pytest.raises(Refusal):
            client.ask(agreement, "SELECT nothing FROM data")
        # It fails after the table was read, so it is a use.
        with pytest.raises(Refusal, match="failed while it ran"):
            client.ask(agreement, "SELECT CAST(max(kind) AS INTEGER) FROM data")
        assert tallies() == [{"used": 2, "most": 3, "left": 1}] * 2
        client.ask(agreement, "SELECT 1")
    assert tallies() == [{"used": 3, "most": 3, "left": 0}] * 2
    refusal = Page(ask(partner, agreement, "SELECT 2").text)
    assert refusal.element("div", id="trouble").text
    assert "at most 0 of 3" in refusal.text
