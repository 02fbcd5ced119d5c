"""Tables that answer: rows of open files, page by page, filtered, sorted and counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.nodes import Running, described, running
from tests.unit.portal.page import Page, troubles

ROWS = [
    (f"2026-01-{1 + number % 28:02}", ("Gent", "Brugge", "Zottegem")[number % 3], number) for number in range(120)
]
TABLE = ("day,place,bikes of all\n" + "".join(f"{day},{place},{bikes}\n" for day, place, bikes in ROWS)).encode()
COUNT = "bikes of all"


def offer(node: Running, slug: str, data: bytes, *, is_open: bool = True, **options: Any) -> None:
    """Publish a dataset with a table that everybody who sees it may download, or nobody without an agreement."""
    path = node.folder / f"{slug}.csv"
    path.write_bytes(data)
    with node.client() as client:
        file = {**client.upload(path), "mediaType": "text/csv", "open": is_open}
        client.publish({"fields": described(slug), "files": [file], "conditions": "open", **options})


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("tables") / "gent", template=sqlite_template) as started:
        offer(started, "counts", TABLE)
        offer(started, "secret", TABLE, is_open=False)
        offer(started, "inside", TABLE, audience="internal")
        offer(started, "odd", b'name,note\n"a,b","<script>alert(1)</script>"\nc,\xc3\xa9t\xc3\xa9\n')
        offer(started, "uneven", b"id,name\n# 1,b\n" + b"".join(b"%d,x\n" % n for n in range(50)) + b"50,y,more\n")
        offer(
            started,
            "times",
            b"at,n,note\n2026-01-31T23:30:00Z,1,x\n2026-02-01T00:00:00Z,2,x\n2026-02-03T05:00:00Z,-5,y\n,9,\n",
        )
        offer(started, "german", "Straße;n\nKöln;1\nMünchen;2\n".encode("latin-1"))
        offer(started, "curly", "Straße;n\n„Köln“;1\n".encode("cp1252"))
        offer(started, "decimal", b"place;level\nGent;1,5\nBrugge;10,25\n")
        yield started


def address(node: Running, slug: str = "counts", ending: str = "json", **parameters: Any) -> str:
    named = {"iri": f"{node.url}/datasets/{slug}", "file": f"{slug}.csv", **parameters}
    return (
        f"/record/table.{ending}?{httpx2.QueryParams(named)}"
        if ending
        else f"/record/table?{httpx2.QueryParams(named)}"
    )


def asked(node: Running, slug: str = "counts", **parameters: Any) -> dict[str, Any]:
    with node.http() as visitor:
        answer = visitor.get(address(node, slug, **parameters))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_rows_come_page_by_page_in_the_order_of_the_file(node: Running) -> None:
    first, last = asked(node), asked(node, page=3)
    assert [column["name"] for column in first["columns"]] == ["day", "place", COUNT]
    assert [column["numeric"] for column in first["columns"]] == [False, False, True]
    assert first["total"] == last["total"] == 120
    assert first["rows"][0] == ["2026-01-01", "Gent", "0"]
    assert len(first["rows"]) == 50
    assert last["rows"][-1] == ["2026-01-08", "Zottegem", "119"]
    assert asked(node, page=9)["rows"] == []


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ({"is.place": "gen"}, 40),
        ({"is.place": "=gent"}, 0),
        ({"is.place": "=Gent"}, 40),
        ({f"is.{COUNT}": ">100"}, 20),
        ({f"is.{COUNT}": "<5"}, 6),
        ({"is.day": ">2026-01-28"}, 4),
        ({"is.place": "Brugge", f"is.{COUNT}": ">100"}, 7),
        ({"is.place": "100%"}, 0),
        ({"is.place": "' OR 1=1 --"}, 0),
        ({f"is.{COUNT}": ">many"}, 0),
    ],
)
def test_filters_narrow_by_part_whole_and_order(node: Running, filters: dict[str, str], total: int) -> None:
    assert asked(node, **filters)["total"] == total


def test_numbers_are_sorted_as_numbers_and_values_are_counted(node: Running) -> None:
    rows = asked(node, sort=COUNT, desc="1")["rows"]
    assert [row[2] for row in rows[:3]] == ["119", "118", "117"]
    groups = asked(node, count="place", **{f"is.{COUNT}": "<3"})["groups"]
    assert groups == [
        {"value": "Gent", "figure": 2},
        {"value": "Brugge", "figure": 1},
        {"value": "Zottegem", "figure": 1},
    ]
    levels = asked(node, "decimal", sort="level")
    assert levels["columns"][1]["numeric"], "a decimal comma is read as one"
    assert [row[0] for row in levels["rows"]] == ["Gent", "Brugge"]


def groups_of(node: Running, slug: str = "counts", **parameters: Any) -> list[tuple[str, Any]]:
    return [(group["value"], group["figure"]) for group in asked(node, slug, **parameters)["groups"]]


def test_groups_have_figures_and_moments_are_put_together(node: Running) -> None:
    assert groups_of(node, count="place", how="sum", of=COUNT)[0] == ("Zottegem", sum(range(2, 120, 3)))
    assert groups_of(node, count="place", how="mean", of=COUNT, **{"is.place": "Gent"}) == [("Gent", 58.5)]
    assert groups_of(node, count="day", per="month", how="max", of=COUNT) == [("2026-01", 119)]
    assert [value for value, _ in groups_of(node, count="day")] == [f"2026-01-{day:02}" for day in range(1, 29)]
    times = groups_of(node, "times", count="at", per="month", how="sum", of="n")
    assert times == [("2026-01", 1), ("2026-02", -3), ("", 9)]
    assert groups_of(node, "times", count="note", how="min", of="n") == [("", 9), ("x", 1), ("y", -5)]
    with node.http() as visitor:
        assert visitor.get(address(node, count="day", how="sum", of="place")).status_code == 400
        assert visitor.get(address(node, count="day", how="sum", of="n; DROP")).status_code == 400
        sheet = visitor.get(address(node, ending="csv", count="place").replace("table.csv", "groups.csv"))
    assert sheet.text.splitlines() == ["place,count", "Brugge,40", "Gent,40", "Zottegem,40"]
    # Half a question, and a period that there is not, count the values.
    assert groups_of(node, count="place", how="sum", per="decade") == groups_of(node, count="place")


def test_the_chart_says_what_the_table_says(node: Running) -> None:
    with node.http(headers={"Accept": "text/html", "Accept-Language": "en"}) as visitor:
        along_time = visitor.get(address(node, "times", "", count="at", per="day", how="sum", of="n")).text
        by_note = visitor.get(address(node, "times", "", count="note", how="sum", of="n")).text
    page = Page(along_time)
    assert troubles(page) == []
    (chart,) = page.all("svg", class_="columns")
    assert "sum of n by at" in str(chart.get("aria-label"))
    assert along_time.count('<rect class="more"') == 2
    assert along_time.count('<rect class="less"') == 1
    assert "is.at=2026-02-03" in along_time, "a click on a period filters by it"
    assert by_note.count('class="bar"') == 3
    assert troubles(Page(by_note)) == []


def test_tables_in_latin_1_are_read_and_others_say_why_not(node: Running) -> None:
    page = asked(node, "german")
    assert ([column["name"] for column in page["columns"]], page["rows"]) == (
        ["Straße", "n"],
        [["Köln", "1"], ["München", "2"]],
    )
    with node.http() as visitor:
        refusal = visitor.get(address(node, "curly"))
    assert refusal.status_code == 400
    assert "windows-1252" in refusal.text


def test_the_rows_that_match_are_exported_as_they_are(node: Running) -> None:
    with node.http() as visitor:
        answer = visitor.get(address(node, ending="csv", sort=COUNT, **{"is.place": "Brugge"}))
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"].startswith("attachment")
        lines = answer.text.splitlines()
        assert lines[:2] == [f"day,place,{COUNT}", "2026-01-02,Brugge,1"]
        assert len(lines) == 41
        assert visitor.get(address(node, "odd", "csv")).text.splitlines()[1].startswith('"a,b",')


def test_an_odd_line_at_the_end_hides_no_other(node: Running) -> None:
    page = asked(node, "uneven")
    assert page["total"] == 52
    assert page["rows"][0] == ["# 1", "b"], "no comment either"


def test_nobody_reads_rows_of_what_they_may_not_download(node: Running) -> None:
    with node.http() as visitor, node.http(headers=node.person()) as admin:
        for slug in ("secret", "inside", "nothing"):
            for ending in ("json", "csv", ""):
                assert visitor.get(address(node, slug, ending)).status_code == 404, (slug, ending)
        for parameters in ({"file": "../keys"}, {"file": ""}, {"version": "9"}, {"version": "x"}, {"iri": ""}):
            assert visitor.get(address(node, **parameters)).status_code == 404, parameters
        assert admin.get(address(node, "secret")).status_code == 404, "it is not open, so nobody reads it here"


def test_a_question_that_cannot_be_answered_is_refused_with_a_remedy(node: Running) -> None:
    with node.http() as visitor:
        for parameters in ({"sort": 'x" --'}, {"is.nothing": "1"}, {"count": "nothing"}):
            answer = visitor.get(address(node, **parameters))
            assert answer.status_code == 400, (parameters, answer.text)
        many = {f"is.c{number}": "x" for number in range(30)}
        assert visitor.get(address(node, **many)).status_code == 400


def test_the_page_shows_the_table_and_every_state_has_an_address(node: Running) -> None:
    with node.http(headers={"Accept": "text/html", "Accept-Language": "en"}) as visitor:
        asset = visitor.get("/datasets/counts").text
        assert "Browse all rows" in asset
        text = visitor.get(address(node, ending="", sort=COUNT, count="place", **{"is.day": "2026-01-0"})).text
        page = Page(text)
        assert troubles(page) == []
        for part in ("Rows 1–44 of 44", "number of rows by place", "Filter day", "Export these rows (44)"):
            assert part in text or part in page.text, part
        assert 'aria-sort="ascending"' in text
        odd = visitor.get(address(node, "odd", "")).text
        assert "<script>alert" not in odd
        assert "&lt;script&gt;alert(1)" in odd
        assert "Rows 1–50 of 120" in visitor.get(address(node, ending="")).text
        assert "No rows match" in visitor.get(address(node, ending="", **{"is.place": "x"})).text
