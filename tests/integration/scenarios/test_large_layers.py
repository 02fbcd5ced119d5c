"""Change layers over a large table at a real node, by its pages."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from node.scenarios.layers import usecases
from node.scenarios.layers.excerpts import LARGE
from node.scenarios.tables import rows as table_rows
from tests.nodes import Running, publish
from tests.portal_browser import post, signed_in
from tests.unit.portal.page import Page, troubles

ROWS = 20_000
TABLE = ("id,count,note\n" + "".join(f"s{n},{n},{'' if n < 5000 else 'ž'}\n" for n in range(ROWS))).encode()


def test_a_layer_is_drawn_over_a_table_that_is_not_read_whole(city: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(TABLE) > LARGE
    iri = publish(city, "many-counts", data=TABLE)["iri"]
    reads: list[int] = []

    def read_rows(body: bytes, *arguments: object) -> object:
        reads.append(len(body))
        return table_rows.read_rows(body, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(usecases, "read_rows", read_rows)
    path = f"/layers/new?{urlencode({'target': iri})}"
    with signed_in(city) as browser:
        page = Page(browser.get(path).text)
        assert troubles(page) == []
        assert [option["value"] for option in page.all("option")][:2] == ["s0", "s1"]
        text = browser.get(f"{path}&feature=s19999").text
        assert "19999</bdi>" in text
        assert ">ž</bdi>" in text
        assert "is not in this data" not in text
        missing = browser.get(f"{path}&feature=nobody").text
        assert 'class="field-error"' in missing
        assert reads == []
        fields = {"target": iri, "version": "1", "file": "many-counts.csv", "do": "set", "set.count": "5"}
        unknown = post(browser, path, "/layers/new", **fields, feature="nobody", title="A", reason="B")
        assert unknown.status_code == 400
        assert "nobody" in unknown.text
        answer = post(browser, path, "/layers/new", **fields, feature="s19999", title="A", reason="B")
        assert answer.status_code == 303, answer.text
        assert reads, "what a person types is compared with all rows"
        reads.clear()
        kept = browser.get(str(answer.headers["location"])).text
        assert "<del>19999</del>" in kept
        assert reads == []
        assert browser.get(f"/layers/new?target={quote(iri, safe='')}&feature=s19999&add=1").status_code == 200
