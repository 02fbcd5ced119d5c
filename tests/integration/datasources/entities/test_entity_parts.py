"""A part of the entities of a type under contract: whatever a partner asks, nothing else comes out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.datasources.live_data import Opened, accesses, open_live, share
from tests.integration.datasources.servers import standing
from tests.nodes import Running, running
from tests.simulator.context_broker import ContextBroker, counter

PLAIN = {"Accept": "application/json"}
COLUMNS = ["id", "kind", "intensity"]
BIKES = {"column": "kind", "value": "bikes"}
ONE, TWO = counter(1)["id"], counter(2)["id"]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("entity-parts")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def broker(nodes: tuple[Running, Running]) -> Iterator[ContextBroker]:
    server = ContextBroker()
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("broker", "ngsi-ld", f"{url}/ngsi-ld/v1")
        yield server


def opened(nodes: tuple[Running, Running], slug: str, part: dict[str, Any]) -> Opened:
    conditions = {"template": "open", "part": part}
    iri = share(nodes[0], "broker", "TrafficCounter", slug=slug, format="JSON_LD", conditions=conditions)
    return open_live(nodes[1], iri)


@pytest.fixture(scope="module")
def columns(nodes: tuple[Running, Running], broker: ContextBroker) -> Opened:
    return opened(nodes, "columns", {"columns": COLUMNS})


@pytest.fixture(scope="module")
def rows(nodes: tuple[Running, Running], broker: ContextBroker) -> Opened:
    return opened(nodes, "rows", {"columns": COLUMNS, "rows": [BIKES]})


def pages(live: Opened, query: str = "") -> list[dict[str, Any]]:
    """All entities, page by page."""
    url: str | None = f"/entities{query}"
    entities: list[dict[str, Any]] = []
    while url is not None:
        answer = live.get(url, headers=PLAIN)
        assert answer.status_code == 200, answer.text
        entities += answer.json()
        target = re.search(r'<([^>]+)>; rel="next"', answer.headers["link"])
        url = target[1].removeprefix(live.endpoint) if target else None
    return entities


def test_only_the_attributes_of_the_part_leave(columns: Opened) -> None:
    expected = [
        {name: value for name, value in counter(number).items() if name in ("type", *COLUMNS)} for number in range(25)
    ]
    assert pages(columns, "?limit=7") == expected
    for query in ("?options=keyValues", "?options=concise", "?options=sysAttrs", "?pick=id,kind", "?attrs=kind"):
        answer = columns.get(f"/entities{query}", headers=PLAIN)
        assert answer.status_code == 200, answer.text
        assert "guard" not in answer.text
        assert "location" not in answer.text
        assert all({*entity} <= {"type", *COLUMNS} for entity in answer.json())
    assert columns.get(f"/entities/{ONE}", headers=PLAIN).json() == expected[1]


@pytest.mark.parametrize(
    "query",
    [
        "attrs=guard",
        "attrs=kind,guard",
        "pick=guard",
        "pick=id,modifiedAt",
        "q=guard",
        "q=guard==%22guard-1%22",
        "q=kind;guard",
        "q=(kind%7Cguard==%22guard-1%22)",
        "q=kind==%22x%5C%22;guard==1;kind==%22%22",
        "q=kind==%22x%22%20;%20guard",
        "q=kind==%22x%22guard",
        "q=kind%2Bguard",
        "q=refDepot==%22urn:ngsi-ld:Depot:1%22",
        "q=kind==%22x%2522%7Cguard==%2522guard-1%22",
        "q=location%5Btype%5D==%22Point%22",
        "georel=near;maxDistance==10&geometry=Point&coordinates=[3.61,51]",
        "georel=near;maxDistance==10&geometry=Point&coordinates=[3.61,51]&geoproperty=kind",
        "orderBy=guard",
        "omit=kind",
    ],
)
def test_nothing_that_a_reader_asks_tells_of_an_attribute_that_is_left_out(
    columns: Opened, broker: ContextBroker, query: str
) -> None:
    before = len(broker.requests)
    answer = columns.get(f"/entities?{query}")
    assert answer.status_code == 400, answer.text
    assert len(broker.requests) == before
    assert "guard" not in answer.json()["remedy"]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("q=intensity%3E230", [24]),
        ("q=intensity%3E=230;kind==%22bikes%22", [23]),
        ("q=intensity.observedAt%3E=2026-11-24T00:00:00Z", [23, 24]),
        ("q=kind&limit=1&offset=3", [3]),
    ],
)
def test_attributes_of_the_part_can_be_asked(columns: Opened, query: str, numbers: list[int]) -> None:
    answer = columns.get(f"/entities?{query}&count=true", headers=PLAIN)
    assert [entity["id"] for entity in answer.json()] == [counter(number)["id"] for number in numbers]
    assert "ngsild-results-count" in answer.headers


def test_the_history_has_the_attributes_of_the_part_only(columns: Opened, broker: ContextBroker) -> None:
    answer = columns.get("/temporal/entities?limit=2", headers=PLAIN)
    assert [{*entity} for entity in answer.json()] == [{"type", *COLUMNS}] * 2
    assert broker.requests[-1].query_params["attrs"] == "kind,intensity"
    for query, attributes in (
        ("attrs=type", "kind,intensity"),
        ("attrs=id", "kind,intensity"),
        ("attrs=kind,id", "kind"),
    ):
        for path in ("/temporal/entities", f"/temporal/entities/{ONE}"):
            assert "guard" not in columns.get(f"{path}?{query}").text
            assert broker.requests[-1].query_params.getlist("attrs") == [attributes]
    assert "guard" not in columns.get(f"/temporal/entities/{ONE}").text
    assert columns.get(f"/temporal/entities/{ONE}?attrs=guard").status_code == 400


def test_only_the_entities_of_the_part_leave(rows: Opened, broker: ContextBroker) -> None:
    expected = [counter(number)["id"] for number in range(1, 25, 2)]
    entities = pages(rows, "?limit=5")
    assert [entity["id"] for entity in entities] == expected
    assert {tuple(entity) for entity in entities} == {("id", "type", "kind", "intensity")}
    assert broker.requests[-1].query_params["q"] == 'kind=="bikes"'
    plain = pages(rows, "?options=keyValues&limit=1000&pick=id,intensity")
    assert plain[0] == {"id": ONE, "intensity": 10}
    assert [entity["id"] for entity in pages(rows, "?attrs=intensity")] == expected
    assert rows.get(f"/entities/{ONE}", headers=PLAIN).json()["intensity"]["value"] == 10
    outside, absent = rows.get(f"/entities/{TWO}"), rows.get("/entities/urn:ngsi-ld:TrafficCounter:99")
    assert (outside.status_code, absent.status_code) == (404, 404)
    assert {key: value for key, value in outside.json().items() if key != "instance"} == {
        key: value for key, value in absent.json().items() if key != "instance"
    }


def test_a_broker_that_ignores_the_question_shows_no_more(rows: Opened, broker: ContextBroker) -> None:
    everything = [counter(number) for number in range(25)]
    broker.lies = lambda request, content: everything if request.url.path.endswith("/entities") else content
    try:
        entities = rows.get("/entities?limit=5", headers=PLAIN).json()
    finally:
        broker.lies = None
    assert [entity["id"] for entity in entities] == [counter(number)["id"] for number in range(1, 25, 2)]
    assert "guard" not in json.dumps(entities)


@pytest.mark.parametrize(
    "query",
    [
        "q=intensity%3E0",
        "q=kind==%22secret-lane%22",
        "count=true",
        "georel=near;maxDistance==10&geometry=Point&coordinates=[3.61,51]",
        "attrs=guard",
        "pick=guard",
        "options=concise",
        "format=concise",
        "lang=nl",
        "type=Depot",
    ],
)
def test_of_some_entities_a_reader_can_only_turn_the_pages(rows: Opened, broker: ContextBroker, query: str) -> None:
    before = len(broker.requests)
    assert rows.get(f"/entities?{query}").status_code == 400
    assert len(broker.requests) == before


def test_a_query_of_the_node_that_the_broker_does_not_know_is_no_fault_of_the_reader(
    rows: Opened, columns: Opened, broker: ContextBroker
) -> None:
    whole, broker.entities = broker.entities, []
    broker.refuses = True
    try:
        answers = [live.get("/entities") for live in (rows, columns)]
    finally:
        broker.refuses, broker.entities = False, whole
    assert [answer.status_code for answer in answers] == [502, 400]
    assert "bikes" not in answers[0].text


def test_some_entities_have_no_history(rows: Opened) -> None:
    for path in ("/temporal/entities", f"/temporal/entities/{ONE}"):
        answer = rows.get(path)
        assert answer.status_code == 404
        assert "without history" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("part", "numbers"),
    [
        ({"box": [3.595, 50.9, 3.625, 51.1]}, [0, 1, 2]),
        ({"rows": [{"column": "intensity", "operator": "gteq", "value": 220}]}, [22, 23, 24]),
        (
            {"rows": [{"column": "intensity", "operator": "neq", "value": 0}, BIKES], "box": [3.0, 50, 3.645, 52]},
            [1, 3],
        ),
        ({"period": {"column": "intensity.observedAt", "from": "2026-11-03", "until": "2026-11-04"}}, [2, 3]),
        ({"rows": [{"column": "id", "value": TWO}]}, [2]),
        ({"rows": [{"column": "refDepot", "value": "urn:ngsi-ld:Depot:1"}], "box": [3.835, 50, 4, 52]}, [24]),
        ({"rows": [{"column": "modifiedAt", "operator": "gteq", "value": "2026-11-24"}]}, [23, 24]),
        ({"period": {"column": "kind.modifiedAt", "until": "2026-11-02"}}, [0, 1]),
        ({"rows": [{"column": "absent", "value": "x"}]}, []),
        ({"rows": [{"column": "kind", "value": 'bikes" | guard=="guard-2'}]}, []),
    ],
)
def test_boxes_numbers_periods_and_names_are_kept_exactly(
    nodes: tuple[Running, Running], broker: ContextBroker, part: dict[str, Any], numbers: list[int]
) -> None:
    live = opened(nodes, f"part-{abs(hash(json.dumps(part)))}", part)
    assert pages(live, "?limit=10") == [counter(number) for number in numbers]
    plain = pages(live, "?options=keyValues")
    assert [entity["intensity"] for entity in plain] == [number * 10 for number in numbers]
    assert all(entity["refDepot"] == "urn:ngsi-ld:Depot:1" for entity in plain)


def test_times_that_decide_about_the_part_are_shown_to_those_who_ask_for_them(
    nodes: tuple[Running, Running], broker: ContextBroker
) -> None:
    live = opened(nodes, "times", {"period": {"column": "modifiedAt", "from": "2026-11-25"}})
    last = counter(24)
    assert live.get(f"/entities/{last['id']}", headers=PLAIN).json() == last
    assert live.get(f"/entities/{ONE}", headers=PLAIN).status_code == 404
    (timed,) = live.get("/entities?options=sysAttrs&limit=1000", headers=PLAIN).json()
    assert timed["modifiedAt"] == timed["kind"]["modifiedAt"] == "2026-11-25T09:00:00Z"
    assert live.get("/entities?options=keyValues&limit=1000", headers=PLAIN).json()[0].keys() == last.keys()


def test_without_identifiers_no_entity_can_be_asked_for(
    nodes: tuple[Running, Running], broker: ContextBroker
) -> None:
    live = opened(nodes, "nameless", {"columns": ["intensity"]})
    assert {tuple(entity) for entity in pages(live)} == {("type", "intensity")}
    before = len(broker.requests)
    assert live.get(f"/entities/{ONE}").status_code == 404
    assert live.get(f"/temporal/entities/{ONE}").status_code == 404
    assert len(broker.requests) == before


def test_attributes_with_several_instances_and_other_forms_are_narrowed_exactly(
    nodes: tuple[Running, Running], broker: ContextBroker
) -> None:
    several = {
        **counter(1),
        "id": "urn:ngsi-ld:TrafficCounter:several",
        "kind": [
            {"type": "Property", "value": "bikes"},
            {"type": "Property", "value": "secret-lane", "datasetId": "urn:ngsi-ld:dataset:2"},
        ],
    }
    moment = {"@type": "DateTime", "@value": "2026-11-20T08:00:00Z"}
    full = {
        **counter(3),
        "speed": [
            {"type": "Property", "value": 5},
            {"type": "Property", "value": 6, "datasetId": "urn:ngsi-ld:dataset:gps"},
        ],
        "name": {"type": "LanguageProperty", "languageMap": {"nl": "Zuid"}},
        "seen": {"type": "Property", "value": moment},
        "status": {"type": "VocabProperty", "vocab": "open"},
        "raw": {"type": "JsonProperty", "json": {"a": [1]}},
        "lanes": {"type": "ListProperty", "valueList": [1, 2]},
    }
    live = opened(nodes, "forms", {"rows": [BIKES, {"column": "seen", "operator": "gteq", "value": "2026-11-20"}]})
    entities = broker.entities
    broker.entities = [several, full, {**full, "id": TWO, "seen": {"type": "Property", "value": "2026-11-01"}}]
    try:
        assert pages(live) == [full]
        assert pages(live, "?options=keyValues") == [
            {
                "id": full["id"],
                "type": "TrafficCounter",
                "kind": "bikes",
                "intensity": 30,
                "guard": "guard-3",
                "location": {"type": "Point", "coordinates": [3.63, 51.0]},
                "refDepot": "urn:ngsi-ld:Depot:1",
                "speed": {"dataset": {"@none": 5, "urn:ngsi-ld:dataset:gps": 6}},
                "name": {"languageMap": {"nl": "Zuid"}},
                "seen": moment,
                "status": {"vocab": "open"},
                "raw": {"json": {"a": [1]}},
                "lanes": {"valueList": [1, 2]},
            }
        ]
    finally:
        broker.entities = entities


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("lt", ["-7", " 599.5", "1e2"]), ("gteq", ["5000", "600", "6e2", "n/a"]), ("neq", None), ("eq", ["600"])],
)
def test_a_number_that_the_broker_keeps_as_text_is_ordered_as_a_number(
    nodes: tuple[Running, Running], broker: ContextBroker, operator: str, expected: list[str] | None
) -> None:
    texts = ["5000", "600", "6e2", "-7", " 599.5", "1e2", "n/a"]
    live = opened(nodes, f"texts-{operator}", {"rows": [{"column": "intensity", "operator": operator, "value": 600}]})
    entities = broker.entities
    broker.entities = [{**counter(1), "intensity": {"type": "Property", "value": text}} for text in texts]
    try:
        values = [entity["intensity"] for entity in pages(live, "?options=keyValues")]
    finally:
        broker.entities = entities
    assert sorted(values) == sorted(expected if expected is not None else [t for t in texts if t != "600"])


def test_an_entity_without_any_place_touches_no_box(nodes: tuple[Running, Running], broker: ContextBroker) -> None:
    live = opened(nodes, "placeless", {"box": [-180, -90, 180, 90]})
    entities = broker.entities
    broker.entities = [counter(1)]
    broker.lies = lambda request, content: (
        [*content, {**counter(2), "location": []}] if request.url.path.endswith("/entities") else content
    )
    try:
        assert pages(live) == [counter(1)]
    finally:
        broker.entities, broker.lies = entities, None


def test_each_read_is_recorded_with_its_part(nodes: tuple[Running, Running], rows: Opened) -> None:
    rows.get("/entities?limit=1")
    assert accesses(nodes[0], rows.agreement)[-1]["part"] == {"columns": COLUMNS, "rows": ["kind eq bikes"]}
