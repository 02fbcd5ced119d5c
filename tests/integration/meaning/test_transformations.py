"""Transformations: refused if they cannot work, and tried on a sample at the terminal, in the API and on a page."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.errors import Overloaded, TooLarge
from node.cage.cage import Cage
from node.cli.main import run
from node.scenarios.model import Transformation
from node.scenarios.transformations.transformer import Transformer
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
SQL = "SELECT hour, sum(intensity) AS total FROM data GROUP BY hour"
UPDATE = (
    "INSERT { ?key to:hour ?hour ; to:total ?total } WHERE { "
    "SELECT ?hour (SUM(?one) AS ?total) (IRI(CONCAT('urn:hour:', STR(?hour))) AS ?key) "
    "WHERE { ?row from:hour ?hour ; from:intensity ?one } GROUP BY ?hour } ; "
    "DELETE { ?row ?any ?value } WHERE { ?row from:hour ?hour ; ?any ?value }"
)
PYTHON = """
from collections import Counter

def transform(rows):
    totals = Counter()
    for row in rows:
        totals[row["hour"]] += row["intensity"]
    return [{"hour": hour, "total": total} for hour, total in totals.items()]
"""
RANDOM = """
import random

def transform(rows):
    return [{"hour": row["hour"], "total": random.randrange(900)} for row in rows]
"""
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
        for name, language, definition in (
            ("sql", "SQL", SQL),
            ("update", "SPARQL UPDATE", UPDATE),
            ("python", "Python function", PYTHON),
        ):
            answer = publish(client, transformation(name, definition, language, example=EXAMPLE))
            assert answer.status_code == 201, answer.text
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
    "a file by its path": ("SELECT * FROM read_csv('/etc/passwd')", "SQL", {}, "'read_csv' cannot be used"),
    "a file by its name": ("SELECT * FROM '/etc/passwd'", "SQL", {}, "there is no table"),
    "a copy": ("COPY data TO '/tmp/x'", "SQL", {}, "is one SELECT"),
    "the time": ("SELECT hour, 1 AS total, current_date FROM data", "SQL", {}, "CURRENT_DATE gives another result"),
    "a column that SQL does not find": ("SELECT hour, speed AS total FROM data", "SQL", {}, '"speed" not found'),
    "a column that SQL does not make": ("SELECT hour FROM data", "SQL", {}, "hours demands the column total"),
    "a load": ("LOAD <http://169.254.169.254/>", "SPARQL UPDATE", {}, "LOAD is not allowed"),
    "an update that calls out": (
        "INSERT { ?r to:hour ?h } WHERE { SERVICE <http://169.254.169.254/> { ?r from:hour ?h } }",
        "SPARQL UPDATE",
        {},
        "SERVICE is not allowed",
    ),
    "a query as an update": (QUERY, "SPARQL UPDATE", {}, "this is no SPARQL update"),
    "a broken function": ("def transform(rows:", "Python function", {}, "was never closed"),
    "no function": ("x = 1", "Python function", {}, "has no function transform"),
    "a function that reads a file": (
        "def transform(rows):\n    return [{'hour': 1, 'total': len(open('/etc/passwd').read())}]",
        "Python function",
        {"example": EXAMPLE},
        "No such file or directory",
    ),
    "a function that returns no rows": (
        "def transform(rows):\n    return 1",
        "Python function",
        {"example": EXAMPLE},
        "returns no list of rows",
    ),
    "a function that changes": (
        RANDOM,
        "Python function",
        {"example": {"input": EXAMPLE["input"]}},
        "another output the second time",
    ),
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


@pytest.mark.parametrize("name", ["query", "mapping", "sql", "update", "python"])
def test_the_api_tries_it_on_a_sample(city: Running, http: httpx2.Client, name: str) -> None:
    where = {"transformation": f"transformation/{name}"}
    answer = http.post(
        "/api/transformations/try", params=where, content=SAMPLE, headers={"X-File-Name": "counts.csv"}
    )
    assert answer.status_code == 200, answer.text
    trial = answer.json()
    assert trial["input"]["count"] == 3
    hashes = {"input": trial["input"]["sha256"], "output": trial["output"].pop("sha256")}
    assert trial["output"] == {"columns": ["hour", "total"], "rows": OUTPUT, "count": 2}
    assert trial["repeatable"] is True
    rows = json.dumps([{"hour": 7, "intensity": 3}, {"hour": 9, "intensity": 5}]).encode()
    again = http.post("/api/transformations/try", params=where, content=rows).json()
    assert again["output"]["rows"] == OUTPUT
    assert again["output"]["sha256"] == hashes["output"]
    assert again["input"]["sha256"] != hashes["input"]
    lacking = {"mapping": 400, "sql": 400, "python": 422}.get(name, 200)
    for body, status in ((b"", 400), (b"hour\n7\n", lacking), (b"[1,", 400)):
        answer = http.post("/api/transformations/try", params=where, content=body)
        assert answer.status_code == status, answer.text
    large = http.post("/api/transformations/try", params=where, content=b"a,b\n" + b"1,2\n" * 1_100_000)
    assert large.status_code == 413
    with city.http() as stranger:
        assert stranger.post("/api/transformations/try", params=where, content=SAMPLE).status_code == 401


SPLIT = {"keep": ["hour"], "intensity": {"rename": "total"}}


def test_a_chain_is_tried_at_the_terminal_in_the_api_and_on_a_page(
    city: Running,
    http: httpx2.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    back = transformation("back", SPLIT, "column mapping") | {"from": "schema/hours", "to": "schema/quarters"}
    assert publish(http, back).status_code == 201
    chain = ["transformation/sql", "transformation/back", "transformation/python"]
    answer = http.post("/api/transformations/try", params={"transformation": chain}, content=SAMPLE).json()
    assert [step["output"]["columns"] for step in answer["steps"]] == [
        ["hour", "total"],
        ["hour", "intensity"],
        ["hour", "total"],
    ]
    assert answer["output"]["rows"] == OUTPUT
    assert answer["transformation"] == f"{city.url}/transformations/python"
    assert answer["repeatable"] is True
    amiss = http.post("/api/transformations/try", params={"transformation": [chain[0], chain[0]]}, content=SAMPLE)
    assert amiss.status_code == 400
    assert amiss.json()["detail"].startswith("transformation 2 of 2: ")
    long = http.post("/api/transformations/try", params={"transformation": chain[:1] * 5}, content=SAMPLE)
    assert long.status_code == 400
    assert "at most 4" in long.json()["detail"]
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    sample = tmp_path / "counts.csv"
    sample.write_bytes(SAMPLE)
    assert run(["transform", *chain, "--input", str(sample)]) == 0
    output = capsys.readouterr().out
    assert f"after {city.url}/transformations/back: 2 rows" in output
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    files[0].write_text(json.dumps(transformation("x", SQL, "SQL")))
    files[1].write_text(json.dumps(back))
    assert run(["--json", "transform", *map(str, files), "--input", str(sample)]) == 0
    assert json.loads(capsys.readouterr().out)["output"]["columns"] == ["hour", "intensity"]
    written = tmp_path / "hours.json"
    sample.write_bytes(b"hour,intensity\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(120)))
    for names in (chain, list(map(str, files))):
        assert run(["--json", "transform", *names, "--input", str(sample), "--output", str(written)]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert len(json.loads(written.read_bytes())) == answer["output"]["count"] == 120
        assert hashlib.sha256(written.read_bytes()).hexdigest() == answer["output"]["sha256"]
        graph = json.loads((tmp_path / "hours.json.prov.jsonld").read_text())["@graph"]
        steps = [part["prov:qualifiedAssociation"] for part in graph if part["@type"] == "prov:Activity"]
        assert len(steps) == len(names)
    assert run(["transform", *chain, "--input", str(sample), "--output", str(tmp_path / "x.xlsx")]) != 0
    with signed_in(city) as browser:
        page = browser.get("/transformation/draft", params={"from": "schema/quarters", "to": "schema/hours"})
        assert "/transformation/try?iri=" in page.text
        iri = " ".join(f"{city.url}/transformations/{name}" for name in ("sql", "back"))
        page = browser.get("/transformation/try", params={"iri": iri})
        fields = {"csrf": csrf_of(page.text), "iri": iri}
        result = browser.post("/transformation/try", data=fields, files={"file": ("c.csv", SAMPLE, "text/csv")})
        assert 'id="step-1"' in result.text
        assert '<th scope="col" class="num"><bdi>intensity</bdi>' in result.text


def test_a_function_that_is_not_deterministic_says_so(city: Running, http: httpx2.Client) -> None:
    random = transformation("random", RANDOM, "Python function", deterministic=False, example=rows_of(1))
    answer = publish(http, random)
    assert answer.status_code == 201, answer.text
    trial = http.post("/api/transformations/try", params={"transformation": "transformation/random"}, content=SAMPLE)
    assert trial.json()["repeatable"] is False
    with signed_in(city) as browser:
        iri = f"{city.url}/transformations/random"
        page = browser.get("/transformation/try", params={"iri": iri})
        fields = {"csrf": csrf_of(page.text), "iri": iri}
        answer = browser.post("/transformation/try", data=fields, files={"file": ("c.csv", SAMPLE, "text/csv")})
        assert "not deterministic" in answer.text


@pytest.mark.parametrize(
    ("language", "definition"),
    [
        ("SQL", "SELECT a.hour AS hour, 1 AS total FROM data a, data b, data c, data d"),
        ("Python function", "def transform(rows):\n    return [{'hour': n, 'total': n} for n in range(10**9)]"),
    ],
)
def test_one_that_makes_too_much_ends(language: str, definition: str) -> None:
    card = Transformation(iri="urn:x", version=1, titles={}, language=language, definition=definition)
    rows = [{"hour": n, "intensity": n} for n in range(100)]
    with Cage(width=1) as cage, pytest.raises((Overloaded, TooLarge)):
        Transformer(cage)(card, rows)


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
