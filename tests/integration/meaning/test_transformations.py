"""Transformations: refused if they cannot work, and tried on a sample at the terminal, in the API and on a page."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.cli.main import run
from tests.integration.meaning.test_data_checks import described, publish
from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in

QUARTERS = {
    "type": "object",
    "required": ["hour", "intensity"],
    "properties": {"hour": {"type": "integer"}, "intensity": {"type": "integer"}},
    "additionalProperties": False,
}
HOURS = {
    "type": "object",
    "required": ["hour", "total"],
    "properties": {"hour": {"type": "integer"}, "total": {"type": "integer", "maximum": 900}},
}
QUERY = (
    "CONSTRUCT { [] to:hour ?hour ; to:total ?total } WHERE { "
    "SELECT ?hour (SUM(?one) AS ?total) WHERE { ?row from:hour ?hour ; from:intensity ?one } GROUP BY ?hour }"
)
MAPPING = {"group": ["hour"], "total": {"sum": "intensity"}}
EXAMPLE = {
    "input": [{"hour": 7, "intensity": 40}, {"hour": 7, "intensity": 52}, {"hour": 8, "intensity": 3}],
    "output": [{"hour": 7, "total": 92}, {"hour": 8, "total": 3}],
}
SAMPLE = b"hour,intensity\n7,1\n7,2\n9,5\n"
OUTPUT = [{"hour": 7, "total": 3}, {"hour": 9, "total": 5}]


def transformation(name: str, definition: Any, language: str = "SPARQL CONSTRUCT", **more: Any) -> dict[str, Any]:
    ends = {"from": "schema/quarters", "to": "schema/hours"}
    return described(
        "transformation", name, version="1", language=language, definition=definition, **{**ends, **more}
    )


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        for name, definition in (("quarters", QUARTERS), ("hours", HOURS)):
            assert publish(client, described("schema", name, version="1", definition=definition)).status_code == 201
        query = publish(client, transformation("query", QUERY, example=EXAMPLE))
        assert query.status_code == 201, query.text
        mapping = publish(client, transformation("mapping", MAPPING, "column mapping", example=EXAMPLE))
        assert mapping.status_code == 201, mapping.text
        yield client


def rows_of(total: int) -> dict[str, Any]:
    return {"input": [{"hour": 7, "intensity": total}]}


WRONG: dict[str, tuple[Any, str, dict[str, Any], str]] = {
    "no query": ("CONSTRUCT { ?a to:b } WHERE", "SPARQL CONSTRUCT", {}, "cannot be read"),
    "another form": ("SELECT * WHERE { ?a ?b ?c }", "SPARQL CONSTRUCT", {}, "is no CONSTRUCT"),
    "an update": ("INSERT DATA { <a:b> <a:b> 1 }", "SPARQL CONSTRUCT", {}, "is an update"),
    "a call out": (
        "CONSTRUCT { ?r to:hour ?h } WHERE { SERVICE <http://169.254.169.254/> { ?r from:hour ?h } }",
        "SPARQL CONSTRUCT",
        {},
        "SERVICE is not allowed",
    ),
    "another result each time": (
        QUERY.replace("GROUP BY", "FILTER(RAND() < 2) } GROUP BY", 1).replace("} FILTER", "FILTER", 1),
        "SPARQL CONSTRUCT",
        {},
        "RAND gives another result each time",
    ),
    "a column that is not there": (
        QUERY.replace("from:intensity", "from:speed"),
        "SPARQL CONSTRUCT",
        {},
        "reads the column speed, which quarters does not have",
    ),
    "a column that is not made": (
        "CONSTRUCT { [] to:hour ?h } WHERE { ?r from:hour ?h }",
        "SPARQL CONSTRUCT",
        {},
        "hours demands the column total",
    ),
    "another property": (
        QUERY.replace("to:total ?total", "to:total ?total ; <http://x.example/p> 1"),
        "SPARQL CONSTRUCT",
        {"example": EXAMPLE},
        "<http://x.example/p>, which is no column",
    ),
    "two values": (
        "CONSTRUCT { <a:b> to:hour ?h ; to:total ?i } WHERE { ?r from:hour ?h ; from:intensity ?i }",
        "SPARQL CONSTRUCT",
        {"example": EXAMPLE},
        "two values for",
    ),
    "another output": (QUERY.replace("SUM", "MAX"), "SPARQL CONSTRUCT", {"example": EXAMPLE}, "gives another output"),
    "an output beyond the schema": (QUERY, "SPARQL CONSTRUCT", {"example": rows_of(901)}, "output of the example"),
    "an input beyond the schema": (
        MAPPING,
        "column mapping",
        {"example": {"input": [{"hour": 7, "intensity": 1, "more": 2}]}},
        "input of the example",
    ),
    "no rows": (QUERY, "SPARQL CONSTRUCT", {"example": {"input": "x"}}, "has no rows"),
    "a mapping without columns": ({"group": ["hour"]}, "column mapping", {}, "makes no columns"),
    "a mapping of columns that are not there": (
        {"group": ["hour"], "total": {"sum": "speed"}},
        "column mapping",
        {},
        "reads the column speed",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_transformation_that_cannot_work_is_refused_in_words(http: httpx2.Client, name: str) -> None:
    definition, language, more, words = WRONG[name]
    answer = publish(http, transformation("wrong", definition, language, **more))
    assert answer.status_code == 422, answer.text
    violations = [one for one in answer.json()["findings"] if one["severity"] == "violation"]
    assert any(words in one["message"] for one in violations), [one["message"] for one in violations]
    assert all(one["remedy"] for one in violations)
    assert (
        http.get("/api/catalogue/record", params={"iri": f"{http.base_url}transformations/wrong"}).status_code == 404
    )


@pytest.mark.parametrize("name", ["query", "mapping"])
def test_the_api_tries_it_on_a_sample(city: Running, http: httpx2.Client, name: str) -> None:
    where = {"transformation": f"transformation/{name}"}
    answer = http.post(
        "/api/transformations/try", params=where, content=SAMPLE, headers={"X-File-Name": "counts.csv"}
    )
    assert answer.status_code == 200, answer.text
    trial = answer.json()
    assert trial["input"]["count"] == 3
    assert trial["output"] == {"columns": ["hour", "total"], "rows": OUTPUT, "count": 2}
    rows = json.dumps([{"hour": 7, "intensity": 3}, {"hour": 9, "intensity": 5}]).encode()
    again = http.post("/api/transformations/try", params=where, content=rows).json()
    assert again["output"]["rows"] == OUTPUT
    for body, status in ((b"", 400), (b"hour\n7\n", 400 if name == "mapping" else 200), (b"[1,", 400)):
        answer = http.post("/api/transformations/try", params=where, content=body)
        assert answer.status_code == status, answer.text
    large = http.post("/api/transformations/try", params=where, content=b"a,b\n" + b"1,2\n" * 1_100_000)
    assert large.status_code == 413
    with city.http() as stranger:
        assert stranger.post("/api/transformations/try", params=where, content=SAMPLE).status_code == 401


def test_a_query_that_multiplies_rows_ends(city: Running, http: httpx2.Client) -> None:
    product = (
        "CONSTRUCT { [] to:hour ?x ; to:total ?y } WHERE { "
        "?a from:hour ?x . ?b from:intensity ?y . ?c from:hour ?z . ?d from:intensity ?w }"
    )
    answer = publish(http, transformation("product", product))
    assert answer.status_code == 201, answer.text
    body = b"hour,intensity\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(2000))
    trial = http.post("/api/transformations/try", params={"transformation": "transformation/product"}, content=body)
    assert trial.status_code in (413, 503), trial.text
    assert trial.json()["detail"]
    assert http.get("/ready").status_code == 200


def test_the_terminal(
    city: Running,
    http: httpx2.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    sample = tmp_path / "counts.csv"
    sample.write_bytes(SAMPLE)
    assert run(["transform", "transformation/query", "--input", str(sample)]) == 0
    output = capsys.readouterr().out
    assert "input: 3 rows" in output
    assert "output: 2 rows" in output
    description = tmp_path / "hourly.yaml"
    description.write_text(json.dumps(transformation("x", QUERY)))
    assert run(["--json", "transform", str(description), "--input", str(sample)]) == 0
    assert json.loads(capsys.readouterr().out)["output"]["rows"] == OUTPUT
    description.write_text(json.dumps(transformation("x", QUERY.replace("SUM", "SUMM"))))
    assert run(["transform", str(description), "--input", str(sample)]) != 0
    assert "the query cannot be read" in capsys.readouterr().err
    assert run(["transform", str(description), "--input", str(tmp_path / "none.csv")]) != 0


def test_the_page(city: Running, http: httpx2.Client) -> None:
    iri = f"{city.url}/transformations/query"
    with signed_in(city) as browser:
        assert "/transformation/try?iri=" in browser.get("/transformations/query").text
        page = browser.get("/transformation/try", params={"iri": iri})
        assert page.status_code == 200
        fields = {"csrf": csrf_of(page.text), "iri": iri}
        answer = browser.post("/transformation/try", data=fields, files={"file": ("c.csv", SAMPLE, "text/csv")})
        text = html.unescape(answer.text)
        assert answer.status_code == 200
        assert "3 rows" in text
        assert "2 rows" in text
        hostile = b'[{"hour": 7, "intensity": 1, "<script>": "<b>"}]'
        answer = browser.post("/transformation/try", data=fields, files={"file": ("c.json", hostile)})
        assert '<th scope="col"><bdi>&lt;script&gt;' in answer.text
        empty = browser.post("/transformation/try", data=fields, files={"file": ("a.csv", b"", "text/csv")})
        assert empty.status_code == 400
        forged = browser.post(
            "/transformation/try", data={"csrf": "x", "iri": iri}, files={"file": ("a.csv", SAMPLE)}
        )
        assert forged.status_code == 403
    with city.http(headers={"Accept": "text/html"}) as stranger:
        assert "/transformation/try?iri=" not in stranger.get("/transformations/query").text
        assert stranger.get("/transformation/try", params={"iri": iri}).status_code in (303, 401)
