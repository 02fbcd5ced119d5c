"""What publishing says of tables and schemas: at the terminal, in the API, and on the page of the asset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.errors import InvalidInput
from node.cli.exits import REFUSED
from node.cli.main import run
from node.cli.sheets import examine
from tests.nodes import Running, running

SCHEMA = {
    "type": "object",
    "required": ["segment", "intensity"],
    "properties": {"segment": {"type": "string"}, "intensity": {"type": "integer", "minimum": 0}},
}
RENAMED = {
    "type": "object",
    "required": ["segment", "intensiteit"],
    "properties": {"segment": {"type": "string"}, "intensiteit": {"type": "integer", "minimum": 0}},
}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("city")) as found:
        yield found


@pytest.fixture
def http(city: Running) -> Iterator[httpx2.Client]:
    token = (city.folder / "token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def upload(http: httpx2.Client, name: str, body: bytes, media_type: str = "text/csv") -> dict[str, Any]:
    headers = {"X-File-Name": name, "Content-Type": media_type}
    return dict(http.post("/api/files", content=body, headers=headers).json())


def described(kind: str, name: str, **more: Any) -> dict[str, Any]:
    fields = {"kind": kind, "id": name, "title": name, "description": "For a test.", "license": "CC-BY-4.0"}
    return {**fields, "contact": {"name": "Mobility", "email": "m@example.org"}, "conditions": "open", **more}


def publish(http: httpx2.Client, fields: dict[str, Any], *files: dict[str, Any]) -> httpx2.Response:
    return http.post("/api/records", json={"fields": fields, "files": list(files)})


def rules(answer: httpx2.Response, rule: str) -> list[str]:
    assert answer.status_code == 201, answer.text
    return [one["message"] for one in answer.json()["warnings"] if one["rule"] == rule]


def test_a_schema_that_breaks_its_last_version_is_told(http: httpx2.Client) -> None:
    assert (
        rules(publish(http, described("schema", "flow", version="1.0.0", definition=SCHEMA)), "schema:breaking") == []
    )
    again = publish(http, described("schema", "flow", version="2.0.0", definition=RENAMED))
    (told,) = rules(again, "schema:breaking")
    assert told == "intensity is now called intensiteit: data that was valid in version 1 is no longer valid"


def test_rows_that_break_their_schema_are_told(http: httpx2.Client) -> None:
    publish(http, described("schema", "counts", version="1.0.0", definition=SCHEMA))
    good = upload(http, "good.csv", b"segment;intensity\ns1;12\n")
    fields = described("dataset", "good", conforms_to="schema/counts")
    assert rules(publish(http, fields, good), "file:breaks-schema") == []
    bad = upload(http, "bad.csv", b"segment;intensity\ns1;12\ns2;many\n;3\n")
    told = rules(publish(http, described("dataset", "bad", conforms_to="schema/counts"), bad), "file:breaks-schema")
    assert [one.partition(": ")[2] for one in told] == [
        "row 2, intensity: 'many' is not a number",
        "row 3, segment: is empty, but required",
    ]


CODED = {
    "type": "object",
    "required": ["segment"],
    "properties": {
        "segment": {"type": "string", "pattern": "^s[0-9]+$"},
        "name": {"type": "string", "pattern": "^(a+)+$"},
        "intensity": {"type": "integer", "minimum": 0},
    },
}


@pytest.mark.parametrize(
    ("name", "media_type", "body"),
    [
        ("rows.csv", "text/csv", b"segment,intensity\ns1,12\nx,many\n"),
        ("rows.json", "application/json", b'[{"segment": "s1"}, {"segment": "x", "intensity": "many"}]'),
        (
            "rows.geojson",
            "application/geo+json",
            b'{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"segment": "s1"}},'
            b' {"type": "Feature", "properties": {"segment": "x", "intensity": "many"}}]}',
        ),
    ],
)
def test_patterns_and_rows_of_json_are_checked(http: httpx2.Client, name: str, media_type: str, body: bytes) -> None:
    slug = name.replace(".", "-")
    publish(http, described("schema", "coded", version="1.0.0", definition=CODED))
    file = upload(http, name, body, media_type)
    answer = publish(http, described("dataset", slug, conforms_to="schema/coded"), file)
    messages = rules(answer, "file:breaks-schema")
    assert len(messages) == 2, messages
    begin = f"{name} does not conform to coded (version 1): row 2, "
    assert messages[0] == f"{begin}segment: 'x' does not match the pattern ^s[0-9]+$"
    assert messages[1].startswith(f"{begin}intensity: 'many' is no")
    page = http.get(answer.json()["iri"], headers={"Accept": "text/html", "Accept-Language": "de"})
    assert "Zeile 2, segment: &#39;x&#39; passt nicht zum Muster" in page.text


def test_a_pattern_that_explodes_costs_seconds_and_is_told(http: httpx2.Client) -> None:
    publish(http, described("schema", "coded", version="1.0.0", definition=CODED))
    body = b"segment,name\n" + b"".join(b"s%d,%s!\n" % (one, b"a" * 60) for one in range(1000))
    answer = publish(
        http, described("dataset", "exploding", conforms_to="schema/coded"), upload(http, "exploding.csv", body)
    )
    (told,) = rules(answer, "file:breaks-schema")
    assert told.startswith("exploding.csv was not compared with the pattern ^(a+)+$ of coded")


def test_the_page_of_the_asset_says_so_too(http: httpx2.Client) -> None:
    ragged = upload(http, "ragged.csv", b"a,b\n1,2\n3\n")
    answer = publish(http, described("dataset", "ragged"), ragged)
    (told,) = rules(answer, "file:doubt")
    assert "1 row has a different number of cells than the header, which has 2: line 3 (1)" in told
    page = http.get(answer.json()["iri"], headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "a different number of cells" in page.text


@pytest.mark.parametrize(
    ("body", "what"), [(b"%PDF-1.7\nx\n", "a PDF document"), (b"PK\x03\x04\0\0", "a zip archive, such as an Excel")]
)
def test_what_is_no_table_is_not_published_as_one(http: httpx2.Client, body: bytes, what: str) -> None:
    answer = publish(http, described("dataset", "no-table"), upload(http, "table.csv", body))
    assert answer.status_code == 422
    (found,) = [one for one in answer.json()["findings"] if one["rule"] == "file:not-a-table"]
    assert what in found["message"]
    assert http.get("/api/catalogue/search", params={"q": "no-table"}).json()["hits"] == []


def test_a_draft_says_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fijn stof.csv"
    path.write_text("plaats;pm10\nKouter;12,5\nKorenmarkt;8,25\n", "utf-8")
    assert run(["publish", str(path)]) == 0
    told = capsys.readouterr().out
    assert "2 rows, 2 columns, separated by semicolon, utf-8" in told
    assert f"hansa publish '{path.with_suffix('.yaml')}'" in told
    written = path.with_suffix(".yaml").read_text("utf-8")
    assert "- name: plaats" in written
    assert 'values: ["Korenmarkt", "Kouter"]' in written
    assert "minimum: 8.25" in written


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("naam,aantal\nCafé,1\n".encode("latin-1"), "not in UTF-8"),
        (b"a,b\n1,2\n3\n", "a different number of cells"),
        (b"%PDF-1.7\n", "a PDF document"),
    ],
)
def test_a_draft_is_not_written_without_a_word(
    body: bytes, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes(body)
    assert run(["publish", str(path)]) == REFUSED
    assert what in capsys.readouterr().err
    assert not path.with_suffix(".yaml").exists()
    if b"%PDF" in body:
        with pytest.raises(InvalidInput):
            examine(path, as_is=True)
    else:
        assert run(["publish", str(path), "--as-found"]) == 0
        assert path.with_suffix(".yaml").exists()


def test_a_person_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes(b"a,b\n1,2\n3\n")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked: list[str] = []

    def answer(question: str, **_: Any) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr("typer.confirm", answer)
    with pytest.raises(InvalidInput, match="was not published"):
        examine(path, as_is=False)
    assert examine(path, as_is=False) is not None
    assert asked == ["  publish it as it was read?"] * 2
