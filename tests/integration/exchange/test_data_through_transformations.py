"""Data through a transformation on their way to a consumer: offered, asked for, carried out, signed and recorded."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from node.client import Refusal
from tests.integration.datasources.live_data import accesses
from tests.integration.exchange.test_conversions import agreed, content, manifest, share
from tests.nodes import Running, described, if_ended, running, until
from tests.portal_browser import post, signed_in

COUNTS = b"hour,intensity,keeper\n7,40,Anna\n7,52,Anna\n8,3,Ben\n"
SCHEMAS = {
    "quarters": {"hour": "integer", "intensity": "integer", "keeper": "string"},
    "hours": {"hour": "integer", "total": "integer"},
    "named": {"uur": "integer", "aantal": "integer"},
}
BOMB = "SELECT a.hour AS hour, a.intensity AS total FROM data a, data b, data c, data d"
STEPS: dict[str, tuple[str, Any, str, str]] = {
    "hourly": ("SQL", "SELECT hour, sum(intensity) AS total FROM data GROUP BY hour", "quarters", "hours"),
    "dutch": ("column mapping", {"uur": {"rename": "hour"}, "aantal": {"rename": "total"}}, "hours", "named"),
    "bomb": ("SQL", BOMB, "quarters", "hours"),
    "nosy": ("SQL", "SELECT hour, intensity AS total, keeper FROM data", "quarters", "hours"),
    "place": (
        "SPARQL CONSTRUCT",
        "CONSTRUCT { ?row to:hour ?hour ; to:total ?many } WHERE { ?row from:hour ?hour ; from:intensity ?many }",
        "quarters",
        "hours",
    ),
}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("through")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        with city.client() as client:
            for name, columns in SCHEMAS.items():
                properties = {column: {"type": kind} for column, kind in columns.items()}
                schema = {"type": "object", "required": list(columns), "properties": properties}
                fields = described(name, definition=schema, version="1")
                client.publish({"kind": "schema", "fields": {**fields, "kind": "schema"}, "conditions": "open"})
            for name, (language, definition, source, target) in STEPS.items():
                fields = described(name, language=language, definition=definition, version="1")
                fields |= {"kind": "transformation", "from": f"schema/{source}", "to": f"schema/{target}"}
                client.publish({"kind": "transformation", "fields": fields, "conditions": "open"})
        yield city, partner


def get(partner: Running, agreement: str, **wish: Any) -> dict[str, Any]:
    with partner.client() as client:
        pid = client.transfer(agreement, **wish)["pid"]
        # Two processes that convert, and a child of the cage for each step, on a busy machine.
        return until("the transfer ends", lambda: if_ended(client.transfer_state(pid, wait=5)), seconds=90)


def address(city: Running, name: str, kind: str = "transformations") -> str:
    return f"{city.url}/{kind}/{name}"


def offer(city: Running, slug: str, names: tuple[str, ...] = tuple(STEPS), **more: Any) -> str:
    through = [f"transformation/{name}" for name in names]
    entry = {"formats": [], "conforms_to": ["schema/quarters"], "through": through}
    return share(city, slug, data=more.pop("data", COUNTS), **{**entry, **more})


def test_the_consumer_gets_what_the_transformation_makes(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    agreement = agreed(partner, offer(city, "plain"))
    transfer = get(partner, agreement, through=[address(city, "hourly")])
    assert transfer["state"] == "COMPLETED", transfer
    assert transfer["convertedTo"] == f"csv through {address(city, 'hourly')}"
    path = content(partner, transfer, tmp_path)
    assert path.read_text() == "hour,total\n7,92\n8,3\n"
    signed = manifest(partner, transfer, tmp_path)
    assert signed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert signed.conversion["source"] == {"name": "plain.csv", "sha256": hashlib.sha256(COUNTS).hexdigest()}
    with city.client() as client:
        record = client.record(address(city, "hourly"))
    (step,) = signed.conversion["steps"]
    assert (step["transformation"], step["version"]) == (address(city, "hourly"), 1)
    assert step["sha256"] == record["sha256"]
    assert (step["language"], step["rows"]) == ("SQL", 2)
    rows = json.dumps([{"hour": 7, "total": 92}, {"hour": 8, "total": 3}], separators=(",", ":"))
    assert step["output"] == hashlib.sha256(rows.encode()).hexdigest()
    (entry,) = [event["conversion"] for event in accesses(city, agreement) if event["outcome"] == "started"]
    assert entry["steps"] == [step]


def test_each_language_makes_the_same_as_a_trial(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    agreement = agreed(partner, offer(city, "languages"))
    dutch = get(partner, agreement, through=[address(city, "hourly"), address(city, "dutch")], convert_to="csv")
    assert content(partner, dutch, tmp_path).read_text() == "aantal,uur\n3,8\n92,7\n"
    place = get(partner, agreement, through=[address(city, "place")])
    assert content(partner, place, tmp_path).read_text().splitlines()[1:] == ["7,40", "7,52", "8,3"]


def test_a_schema_is_asked_for_and_the_chain_is_found(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    agreement = agreed(partner, offer(city, "chain", ("hourly", "dutch")))
    transfer = get(partner, agreement, schema=address(city, "named", "schemas"))
    assert transfer["state"] == "COMPLETED", transfer
    assert content(partner, transfer, tmp_path).read_text() == "aantal,uur\n3,8\n92,7\n"
    steps = transfer["reception"]["facts"]["conversion"]["steps"]
    assert [step["transformation"] for step in steps] == [address(city, "hourly"), address(city, "dutch")]


def test_another_format_comes_after_the_transformation(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    agreement = agreed(partner, offer(city, "parquet", formats=["parquet"]))
    transfer = get(partner, agreement, through=[address(city, "hourly")], convert_to="parquet")
    assert transfer["state"] == "COMPLETED", transfer
    assert transfer["reception"]["name"] == "parquet.parquet"
    assert content(partner, transfer, tmp_path).read_bytes()[:4] == b"PAR1"
    refused = get(partner, agreement, through=[address(city, "hourly")], convert_to="geopackage")
    assert (refused["state"], refused["code"]) == ("TERMINATED", "format-not-offered")


def test_a_transformation_sees_the_part_of_the_agreement_only(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    part = {"columns": ["hour", "intensity"], "rows": [{"column": "hour", "operator": "eq", "value": 7}]}
    conditions = {"template": "open", "part": part}
    agreement = agreed(partner, offer(city, "portion", conditions=conditions))
    transfer = get(partner, agreement, through=[address(city, "hourly")])
    assert transfer["state"] == "COMPLETED", transfer
    assert content(partner, transfer, tmp_path).read_text() == "hour,total\n7,92\n"
    assert transfer["reception"]["facts"]["conversion"]["part"] is True
    nosy = get(partner, agreement, through=[address(city, "nosy")])
    assert nosy["state"] == "TERMINATED"
    assert "keeper" in str(nosy["reason"])
    assert "Anna" not in str(nosy)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"through": ["place"]}, "not through"),
        ({"through": ["missing"]}, "not through"),
        ({"schema": "nowhere"}, "no transformations that the publisher offers lead"),
        ({"schema": "quarters"}, "conforms to"),
    ],
)
def test_what_is_not_offered_is_refused_in_words(
    nodes: tuple[Running, Running], wish: dict[str, Any], why: str
) -> None:
    city, partner = nodes
    agreement = agreed(partner, offer(city, "refusals", ("hourly",)))
    if "schema" in wish:
        wish = {"schema": address(city, wish["schema"], "schemas")}
    else:
        wish = {"through": [address(city, name) for name in wish["through"]]}
    transfer = get(partner, agreement, **wish)
    assert (transfer["state"], transfer["code"]) == ("TERMINATED", "format-not-offered")
    assert why in str(transfer["reason"])


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"through": ["x:a"] * 5}, "4"),
        ({"through": ["no address"]}, "no address"),
        ({"through": ["x:a"], "schema": "x:b"}, "together"),
        ({"through": ["x:a"], "crs": "EPSG:31370"}, "coordinate"),
    ],
)
def test_wishes_without_sense_are_refused_before_anything_is_sent(
    nodes: tuple[Running, Running], wish: dict[str, Any], why: str
) -> None:
    city, partner = nodes
    agreement = agreed(partner, offer(city, "sense", ("hourly",)))
    with partner.client() as client, pytest.raises(Refusal, match=why):
        client.transfer(agreement, **wish)


def test_rows_that_multiply_end_at_a_limit_and_nothing_is_left(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    data = b"hour,intensity,keeper\n" + b"".join(b"%d,1,A\n" % (row % 24) for row in range(1000))
    agreement = agreed(partner, offer(city, "bombs", data=data))
    transfer = get(partner, agreement, through=[address(city, "bomb")])
    assert transfer["state"] == "TERMINATED"
    assert "rows" in str(transfer["reason"])
    again = get(partner, agreement, through=[address(city, "hourly")])
    assert again["state"] == "COMPLETED"


def test_a_dataset_offers_only_what_its_readers_may_see(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    with pytest.raises(Refusal) as refused:
        offer(city, "unknown", ("nothing-such",))
    assert "nothing-such is no transformation" in str(refused.value.problem)
    with pytest.raises(Refusal) as refused:
        share(city, "kinds", data=COUNTS, formats=[], through=["schema/hours"])
    assert "is no transformation" in str(refused.value.problem)


def test_a_new_version_of_a_transformation_is_used_and_named(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    publish_changing(city, 1)
    agreement = agreed(partner, offer(city, "versions", ("changing",)))
    first = get(partner, agreement, through=[address(city, "changing")])
    assert first["state"] == "COMPLETED", first["reason"]
    assert content(partner, first, tmp_path).read_text().splitlines()[1] == "7,41"
    publish_changing(city, 2)
    second = get(partner, agreement, through=[address(city, "changing")])
    assert content(partner, second, tmp_path).read_text().splitlines()[1] == "7,42"
    steps = [one["reception"]["facts"]["conversion"]["steps"][0] for one in (first, second)]
    assert [step["version"] for step in steps] == [1, 2]
    assert steps[0]["sha256"] != steps[1]["sha256"]


def publish_changing(city: Running, more: int) -> None:
    definition = f"SELECT hour, intensity + {more} AS total FROM data"
    fields = described("changing", language="SQL", definition=definition, version=str(more))
    fields |= {"kind": "transformation", "from": "schema/quarters", "to": "schema/hours"}
    with city.client() as client:
        client.publish({"kind": "transformation", "fields": fields, "conditions": "open"})


def test_terminal_and_provenance(
    nodes: tuple[Running, Running], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city, partner = nodes
    iri = offer(city, "terminal", ("hourly",))
    output = tmp_path / "hours.csv"
    command = ["get", iri, "--yes", "--node", str(partner.folder), "-o", str(output)]
    assert run([*command, "--schema", address(city, "hours", "schemas")]) == 0
    said = "".join(capsys.readouterr())
    assert f"{address(city, 'hourly')}, version 1: 2 rows" in said
    graph = json.loads((tmp_path / "hours.csv.prov.jsonld").read_text())["@graph"]
    assert graph[0]["@id"] == f"urn:sha256:{hashlib.sha256(COUNTS).hexdigest()}"
    plans = [node["prov:qualifiedAssociation"]["prov:hadPlan"] for node in graph if "prov:used" in node]
    assert [(plan["@id"], plan["dcat:version"]) for plan in plans] == [(address(city, "hourly"), "1")]
    assert graph[-1]["@id"] == f"urn:sha256:{hashlib.sha256(output.read_bytes()).hexdigest()}"
    with output.open() as file:
        assert list(csv.DictReader(file)) == [{"hour": "7", "total": "92"}, {"hour": "8", "total": "3"}]
    assert run(["get", iri, "--yes", "--node", str(partner.folder), "--through", "nonsense"]) == REFUSED
    assert "name the address of a transformation" in "".join(capsys.readouterr())


def test_pages_offer_it_and_show_where_it_came_from(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = offer(city, "pages", ("hourly",))
    with signed_in(city) as browser:
        page = browser.get("/datasets/pages").text
        assert "is also given through these transformations" in page
        assert f'href="{address(city, "hourly")}"' in page or 'href="/transformations/hourly"' in page
    agreement = agreed(partner, iri)
    with signed_in(partner) as browser:
        path = f"/agreements/{quote(agreement, safe='')}"
        assert post(browser, path, f"{path}/get", through=address(city, "hourly")).status_code == 303
    transfer = get(partner, agreement, through=[address(city, "hourly")])
    with signed_in(partner) as browser:
        page = browser.get(f"/received/{quote(transfer['pid'], safe='')}").text
        assert "It went through a transformation: 2 rows after it." in page
        assert address(city, "hourly") in page
        assert "Nothing of the data was lost" not in page
