"""The contract of ``SinkConnection`` for entities: files in a scripted context broker (``EntityStore``).

No real broker can be had from the registries that the tests may use.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.adapters.datasources.ngsi_ld import NgsiLdConnector
from node.adapters.egress import Egress
from node.base.clock import SystemClock
from node.base.errors import HansaError, InvalidInput
from node.cage.cage import Cage
from node.datasources.errors import (
    DataSourceRefuses,
    DataSourceUnreachable,
    EarlierContent,
    SinkOccupied,
    SinkRefuses,
)
from node.datasources.model import Credentials, Scheme, Setup
from node.datasources.sinks import WAIT, Parcel, SinkConnection
from tests.fakes.entity_broker import EntityStore
from tests.simulator.http_servers import served

PLACE = "ghent/Counter.station"
CSV = (
    b"station,hour,share,day,at,open,type,Sp\xc3\xa4t am Tag\n"
    b"Korenmarkt,1,0.5,2026-11-01,2026-11-01 08:00:00,true,Counter,a\n"
    b"Dam/poort,2,,2026-11-02,2026-11-02 08:00:00,false,Counter,b\n"
)
SHARED = os.environ.get("HANSA_SHARED", "")


def table(count: int, more: str = "") -> bytes:
    return b"station,n\n" + b"".join(f"s{number},{number}{more}\n".encode() for number in range(count))


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@dataclass
class Broker:
    """A sink, with the scripted broker behind it."""

    sink: Any
    store: EntityStore
    home: Path

    def parcel(self, body: bytes = CSV, path: str = PLACE, **more: Any) -> Parcel:
        file = self.home / sha(body)
        file.write_bytes(body)
        whole = {"origin": "urn:uuid:transfer-1", **more}
        return Parcel(id=sha(body)[:24], file=file, path=path, size=len(body), sha256=sha(body), **whole)

    async def deposit(self, body: bytes = CSV, path: str = PLACE, **more: Any) -> bool:
        return bool(await self.sink.deposit(self.parcel(body, path, **more), nothing))

    @property
    def counters(self) -> dict[str, dict[str, Any]]:
        return self.store.of("Counter")

    @property
    def states(self) -> list[str]:
        return [entity["state"]["value"] for entity in self.store.of("HansaShipment").values()]

    @property
    def traces(self) -> int:
        """How many entities there are that are no data."""
        return len(self.store.of("HansaShipment")) + len(self.store.of("HansaShipmentPart"))


async def nothing(_progress: Any) -> None:
    raise AssertionError("the broker keeps the record of what was sent")


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage() as opened:
        yield opened


@pytest.fixture
async def broker(cage: Cage, tmp_path: Path) -> AsyncIterator[Broker]:
    store = EntityStore()
    credentials = Credentials(scheme=Scheme.BEARER, secret="writer-secret")
    async with Egress(allow_loopback=True) as egress, served(lambda address: (store.app(), address)) as (_, address):
        options = {"tenant": "city", "context": "https://data.example/context.jsonld"}
        setup = Setup(name="broker", address=f"{address.url}/ngsi-ld/v1", credentials=credentials, options=options)
        yield Broker(
            NgsiLdConnector(egress, cage, base="https://node.example", clock=SystemClock()).connect(setup),
            store,
            tmp_path,
        )


async def test_a_table_arrives_as_entities_and_is_recognised(broker: Broker) -> None:
    assert isinstance(broker.sink, SinkConnection)
    assert broker.sink.is_replacing
    assert await broker.deposit() is True
    assert broker.counters == {
        "urn:ngsi-ld:Counter:Korenmarkt": {
            "id": "urn:ngsi-ld:Counter:Korenmarkt",
            "type": "Counter",
            "hour": {"type": "Property", "value": 1},
            "share": {"type": "Property", "value": 0.5},
            "day": {"type": "Property", "value": {"@type": "Date", "@value": "2026-11-01"}},
            "at": {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-11-01T08:00:00Z"}},
            "open": {"type": "Property", "value": True},
            "Spat_am_Tag": {"type": "Property", "value": "a"},
        },
        "urn:ngsi-ld:Counter:Dam%2Fpoort": {
            "id": "urn:ngsi-ld:Counter:Dam%2Fpoort",
            "type": "Counter",
            "hour": {"type": "Property", "value": 2},
            "day": {"type": "Property", "value": {"@type": "Date", "@value": "2026-11-02"}},
            "at": {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-11-02T08:00:00Z"}},
            "open": {"type": "Property", "value": False},
            "Spat_am_Tag": {"type": "Property", "value": "b"},
        },
    }
    (record,) = broker.store.of("HansaShipment").values()
    assert (record["sha256"]["value"], record["state"]["value"]) == (sha(CSV), "whole")
    assert record["transfer"]["value"] == "urn:uuid:transfer-1"
    assert {headers["ngsild-tenant"] for _, headers, _ in broker.store.requests} == {"city"}
    assert all("context.jsonld" in headers["link"] for _, headers, _ in broker.store.requests)
    broker.store.requests.clear()
    assert await broker.deposit() is False
    assert {name for name, _, _ in broker.store.requests} == {"query"}


async def test_the_record_is_not_offered_to_be_shared(broker: Broker) -> None:
    await broker.deposit()
    assert [item.path for item in await broker.sink.items(10)] == ["Counter"]


async def test_features_arrive_with_their_places(broker: Broker) -> None:
    point = {"type": "Point", "coordinates": [3.72, 51.05]}
    features = [
        {
            "type": "Feature",
            "id": 7,
            "properties": {"name": "žluť", "tags": ["a"], "type": "kiosk"},
            "geometry": point,
        },
        {"type": "Feature", "id": "https://x.example/8", "properties": None, "geometry": None},
    ]
    body = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    assert await broker.deposit(body, "Counter") is True
    assert broker.counters["urn:ngsi-ld:Counter:7"] == {
        "id": "urn:ngsi-ld:Counter:7",
        "type": "Counter",
        "location": {"type": "GeoProperty", "value": point},
        "name": {"type": "Property", "value": "žluť"},
        "tags": {"type": "Property", "value": ["a"]},
        "type_": {"type": "Property", "value": "kiosk"},
    }
    assert set(broker.counters) == {"urn:ngsi-ld:Counter:7", "https://x.example/8"}
    assert await broker.deposit(body, "Counter") is False
    other = body.replace(b'"features"', b'"crs": {"properties": {"name": "EPSG:31370"}}, "features"', 1)
    with pytest.raises(InvalidInput, match="coordinate reference system"):
        await broker.deposit(other, "x/Counter")


async def test_entities_arrive_normalized_and_without_foreign_contexts(broker: Broker) -> None:
    entity = {
        "id": "urn:ngsi-ld:Counter:1",
        "type": "Counter",
        "@context": "http://169.254.169.254/latest",
        "createdAt": "2026-11-01T08:00:00Z",
        "count": {"value": 5, "observedAt": "2026-11-01T08:00:00Z", "quality": {"type": "Property", "value": 1}},
        "depot": {"type": "Relationship", "object": "urn:ngsi-ld:Depot:1", "createdAt": "2026-11-01T08:00:00Z"},
        "speed": [
            {"type": "Property", "value": 2, "datasetId": "urn:b"},
            {"type": "Property", "value": 1, "datasetId": "urn:a"},
        ],
        "label": "simplified",
    }
    assert await broker.deposit(json.dumps([entity]).encode(), "Counter") is True
    assert broker.counters["urn:ngsi-ld:Counter:1"] == {
        "id": "urn:ngsi-ld:Counter:1",
        "type": "Counter",
        "count": {
            "type": "Property",
            "value": 5,
            "observedAt": "2026-11-01T08:00:00Z",
            "quality": {"type": "Property", "value": 1},
        },
        "depot": {"type": "Relationship", "object": "urn:ngsi-ld:Depot:1"},
        "speed": entity["speed"],
        "label": {"type": "Property", "value": "simplified"},
    }
    assert "169.254" not in json.dumps([body for _, _, body in broker.store.requests])
    with pytest.raises(InvalidInput, match="of the type Counter, which is not Bus") as raised:
        await broker.deposit(json.dumps(entity).encode(), "Bus")
    assert "--to Counter" in raised.value.remedy
    with pytest.raises(InvalidInput, match="no column names them"):
        await broker.deposit(json.dumps(entity).encode(), "x/Counter.station")


@pytest.mark.skipif(not SHARED, reason="HANSA_SHARED names no folder with the examples of Smart Data Models")
async def test_examples_of_smart_data_models_arrive_and_leave(broker: Broker) -> None:
    examples = sorted(Path(SHARED, "data/ngsi-ld").glob("*/*/examples/example-normalized.jsonld"))[:60]
    assert examples
    sent, without_moment = 0, []
    for path in examples:
        entity = json.loads(path.read_bytes())
        if (
            not isinstance(entity, dict)
            or not isinstance(entity.get("type"), str)
            or ":" not in str(entity.get("id"))
        ):
            continue
        place = f"{sent}/{entity['type']}"
        if "TT0" in path.read_text("utf-8"):  # a time of day that is none, in the published example
            with pytest.raises(InvalidInput, match=r"says observedAt .*, which is no moment"):
                await broker.deposit(path.read_bytes(), place)
            without_moment.append(entity["type"])
            continue
        assert await broker.deposit(path.read_bytes(), place) is True, path
        assert await broker.deposit(path.read_bytes(), place) is False, path
        assert await broker.sink.remove(place, sha(path.read_bytes())) is True, path
        sent += 1
    assert sent > 10
    assert set(without_moment) <= {"PhreaticObserved"}
    assert broker.store.entities == {}


async def test_many_entities_go_in_batches(broker: Broker) -> None:
    body = table(2_345)
    assert await broker.deposit(body) is True
    assert len(broker.counters) == 2_345
    sizes = [len(sent) for name, _, sent in broker.store.requests if name == "create"]
    assert sum(sizes) == 2_345
    assert max(sizes) <= 100
    assert await broker.sink.remove(PLACE, sha(body)) is True
    assert broker.store.entities == {}


async def test_a_later_version_replaces_what_changed_and_deletes_what_is_gone(broker: Broker) -> None:
    first, later = b"station,n\na,1\nb,2\nc,3\n", b"station,n\nb,2\nc,4\nd,5\n"
    await broker.deposit(first)
    with pytest.raises(EarlierContent):
        await broker.deposit(later)
    with pytest.raises(EarlierContent):
        await broker.deposit(later, replaces="0" * 64)
    broker.store.requests.clear()
    assert await broker.deposit(later, replaces=sha(first)) is True
    values = {name.rpartition(":")[2]: entity["n"]["value"] for name, entity in broker.counters.items()}
    assert values == {"b": 2, "c": 4, "d": 5}
    data = [
        [entity["id"].rpartition(":")[2] for entity in sent]
        for name, _, sent in broker.store.requests
        if name in ("create", "upsert") and sent[0]["type"] == "Counter"
    ]
    assert data == [["d"], ["c"]]
    assert (broker.states, broker.traces) == (["whole"], 2)
    with pytest.raises(SinkOccupied):
        await broker.sink.remove(PLACE, sha(first))
    assert await broker.sink.remove(PLACE, sha(later)) is True
    assert broker.store.entities == {}


async def test_what_others_put_there_stays(broker: Broker) -> None:
    own = {"id": "urn:ngsi-ld:Counter:a", "type": "Counter", "n": {"type": "Property", "value": 1}}
    broker.store.entities[own["id"]] = own
    for body in (b"station,n\nb,1\na,2\n", b"station,n\na,1\n"):
        with pytest.raises(EarlierContent, match="urn:ngsi-ld:Counter:a"):
            await broker.deposit(body)
        assert broker.store.entities == {own["id"]: own}
    with pytest.raises(SinkRefuses, match="no record which of them"):
        await broker.sink.remove(PLACE, sha(CSV))
    assert await broker.deposit(b"station,n\nb,1\n") is True
    # Another place cannot have an entity that this one has.
    with pytest.raises(EarlierContent, match="urn:ngsi-ld:Counter:b"):
        await broker.deposit(b"station,n\nb,1\nc,1\n", "prague/Counter.station")
    assert await broker.deposit(b"station,n\nc,1\n", "prague/Counter.station") is True
    assert await broker.sink.remove(PLACE, sha(b"station,n\nb,1\n")) is True
    assert set(broker.counters) == {own["id"], "urn:ngsi-ld:Counter:c"}


@pytest.mark.parametrize("change", ["value", "more", "gone"])
async def test_changed_entities_are_neither_replaced_nor_deleted(broker: Broker, change: str) -> None:
    body = table(150)
    await broker.deposit(body)
    name = "urn:ngsi-ld:Counter:s120"
    entity = broker.store.entities[name]
    changed = {
        "value": {**entity, "n": {"type": "Property", "value": 0}},
        "more": {**entity, "note": {"type": "Property", "value": "mine"}},
    }
    if change == "gone":
        del broker.store.entities[name]
    else:
        broker.store.entities[name] = changed[change]
    before = dict(broker.store.entities)
    for call in (broker.deposit(body), broker.deposit(table(3), replaces=sha(body))):
        with pytest.raises(SinkOccupied, match="changed"):
            await call
    assert broker.store.entities == before
    if change == "gone":
        assert await broker.sink.remove(PLACE, sha(body)) is True
        assert broker.store.entities == {}
    else:
        with pytest.raises(SinkOccupied, match="changed"):
            await broker.sink.remove(PLACE, sha(body))
        assert broker.store.entities == before


async def test_a_copy_is_removed_only_if_it_is_that_copy(broker: Broker) -> None:
    assert await broker.sink.remove(PLACE, sha(CSV)) is False
    await broker.deposit()
    with pytest.raises(SinkOccupied):
        await broker.sink.remove(PLACE, "0" * 64)
    assert len(broker.counters) == 2
    assert await broker.sink.remove(PLACE, sha(CSV)) is True
    assert broker.store.entities == {}


@pytest.mark.parametrize("ends_after", range(9))
async def test_an_attempt_that_ends_anywhere_says_so_and_continues(broker: Broker, ends_after: int) -> None:
    """The broker ends after so many writes, as a crash of the node does: record, parts, batches, the last word."""
    body = table(450)
    broker.store.ends_after = ends_after
    if ends_after < 8:
        with pytest.raises(DataSourceUnreachable):
            await broker.deposit(body)
        assert broker.states in ([], ["sending"])
    broker.store.ends_after = None
    assert await broker.deposit(body) is True
    assert (len(broker.counters), broker.states) == (450, ["whole"])
    values = {entity["n"]["value"] for entity in broker.counters.values()}
    assert values == set(range(450))


@pytest.mark.parametrize("ends_after", range(1, 8))
async def test_an_attempt_that_will_not_continue_leaves_no_data(broker: Broker, ends_after: int) -> None:
    body = table(450)
    broker.store.ends_after = ends_after
    with pytest.raises(DataSourceUnreachable):
        await broker.deposit(body)
    broker.store.ends_after = None
    await broker.sink.abandon(broker.parcel(body))
    assert broker.counters == {}
    assert broker.states == ["withdrawn"]
    # Another file takes the place, or the trace goes with the deletion.
    assert await broker.sink.remove(PLACE, sha(body)) is False
    assert broker.store.entities == {}
    assert await broker.deposit(b"station,n\nx,1\n") is True


@pytest.mark.parametrize("ends_after", range(1, 12))
async def test_a_replacement_that_ends_anywhere_continues_or_is_taken_back(broker: Broker, ends_after: int) -> None:
    first, later = table(300), table(250, "0") + b"new,1\n"
    for gives_up in (False, True):
        assert await broker.deposit(first) is True
        broker.store.ends_after = ends_after
        try:
            assert await broker.deposit(later, replaces=sha(first)) is True
            return
        except DataSourceUnreachable:
            broker.store.ends_after = None
        if gives_up:
            await broker.sink.abandon(broker.parcel(later))
            assert all(entity["n"]["value"] < 300 for entity in broker.counters.values())
            assert "urn:ngsi-ld:Counter:new" not in broker.counters
            assert broker.states in (["whole"], ["partial"])
            # The earlier version is sent once more, or deleted.
            is_new = broker.states == ["partial"]
            assert await broker.deposit(first) is is_new
            assert len(broker.counters) == 300
            assert await broker.sink.remove(PLACE, sha(first)) is True
        else:
            assert await broker.deposit(later, replaces=sha(first)) is True
            assert len(broker.counters) == 251
            assert (broker.states, broker.traces) == (["whole"], 2)
            assert await broker.sink.remove(PLACE, sha(later)) is True
        assert broker.store.entities == {}


async def test_a_record_without_its_list_is_no_proof_of_a_deletion(broker: Broker) -> None:
    await broker.deposit()
    for name in broker.store.of("HansaShipmentPart"):
        del broker.store.entities[name]
    with pytest.raises(SinkRefuses, match="record of what this node put"):
        await broker.sink.remove(PLACE, sha(CSV))
    assert len(broker.counters) == 2


async def test_a_batch_whose_answer_was_not_heard_is_recognised(broker: Broker) -> None:
    body = table(5)
    broker.store.operations, broker.store.deaf = ("create",), True
    for _ in range(3):
        broker.store.deaf = True
        with pytest.raises(DataSourceUnreachable):
            await broker.deposit(body)
    broker.store.deaf = False
    assert await broker.deposit(body) is True
    assert len(broker.counters) == 5


async def test_a_rival_between_look_and_write_keeps_its_entity(broker: Broker) -> None:
    theirs = {"id": "urn:ngsi-ld:Counter:s1", "type": "Counter", "n": {"type": "Property", "value": 99}}
    body = table(3)

    async def both() -> None:
        broker.store.rival = dict(theirs)
        with pytest.raises(SinkOccupied, match="at the same time"):
            await broker.deposit(body)

    await both()
    assert broker.counters["urn:ngsi-ld:Counter:s1"] == theirs
    with pytest.raises(SinkOccupied, match="changed"):
        await broker.sink.abandon(broker.parcel(body))
    assert broker.counters["urn:ngsi-ld:Counter:s1"] == theirs
    del broker.store.entities["urn:ngsi-ld:Counter:s1"]
    await broker.sink.abandon(broker.parcel(body))
    assert broker.counters == {}


async def test_a_broker_that_keeps_something_else_is_noticed(broker: Broker) -> None:
    def cut(entity: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in entity.items() if entity["type"] != "Counter" or name != "n"}

    broker.store.alters = cut
    with pytest.raises(SinkRefuses, match="otherwise than it was sent"):
        await broker.deposit(table(3))
    assert broker.states == ["sending"]


async def test_entities_that_the_broker_does_not_take_are_named(broker: Broker) -> None:
    broker.store.spoils = ("urn:ngsi-ld:Counter:s120",)
    with pytest.raises(SinkRefuses, match=r"s120: an attribute is not to our taste"):
        await broker.deposit(table(150))
    await broker.sink.abandon(broker.parcel(table(150)))
    assert broker.counters == {}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, SinkRefuses),
        (400, SinkRefuses),
        (403, DataSourceRefuses),
        (404, SinkRefuses),
        (413, SinkRefuses),
        (429, DataSourceUnreachable),
        (500, DataSourceUnreachable),
        (501, SinkRefuses),
        (503, DataSourceUnreachable),
        (507, DataSourceUnreachable),
    ],
)
async def test_refusals_and_faults(broker: Broker, status: int, error: type[HansaError]) -> None:
    broker.store.fault, broker.store.operations = status, ("upsert",)
    with pytest.raises(error) as raised:
        await broker.deposit()
    assert raised.value.remedy
    assert raised.value.facts == ({WAIT: "120"} if status in (429, 503) else {})
    assert broker.store.entities == {}


async def test_wrong_credentials_are_said(broker: Broker) -> None:
    broker.store.authorization = "Bearer another"
    with pytest.raises(DataSourceRefuses):
        await broker.deposit()


@pytest.mark.parametrize(
    "place",
    [
        "",
        "/",
        "counts.csv/",
        "9Counter",
        "Counter.",
        ".Counter",
        "../Counter",
        "a/../Counter",
        "Cöunter",
        "a b",
        "x:y",
    ],
)
async def test_no_other_name_is_a_place(broker: Broker, place: str) -> None:
    for call in (broker.deposit(path=place), broker.sink.remove(place, "0" * 64)):
        with pytest.raises(InvalidInput):
            await call
    assert broker.store.requests == []


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        (b"", PLACE, "."),
        (b"\x00\x01\x02" * 50, PLACE, "."),
        (b"PK\x03\x04junk", PLACE, "."),
        (b"{not json", PLACE, "no JSON"),
        (b"[1, 2]", "Counter", "no entities"),
        (b'{"a": 1}', "Counter", "no entities"),
        (b'[{"id": "x", "type": "Counter"}]', "Counter", "no URI"),
        (b"[" * 100_000, "Counter", "no JSON"),
        (b"station,n\n", PLACE, "has no entities"),
        (b"station,n\na,1\na,2\n", PLACE, "two rows"),
        (b"station,n\na,1\n,2\n", PLACE, "no station"),
        (b"place,n\na,1\n", PLACE, "no column station"),
        (b"station,a b,a_b\nx,1,2\n", PLACE, "two columns"),
        (b"SQLite format 3\x00" + bytes(100), PLACE, "GeoPackage"),
    ],
)
async def test_what_holds_no_entities_is_refused_in_words(
    broker: Broker, body: bytes, place: str, words: str
) -> None:
    with pytest.raises(HansaError, match=words) as raised:
        await broker.deposit(body, place)
    assert raised.value.status in (400, 422)
    assert raised.value.remedy
    assert str(broker.home) not in raised.value.detail
    assert broker.store.entities == {}
