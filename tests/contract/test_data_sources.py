"""The contract of ``DataConnection`` and ``Connector``: each kind of data source, over real HTTP, files and SQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from node.adapters.datasources.brokers.amqp import AmqpConnection, AmqpConnector
from node.adapters.datasources.brokers.kafka.connector import KafkaConnection, KafkaConnector
from node.adapters.datasources.brokers.mqtt import MqttConnection, MqttConnector
from node.adapters.datasources.features import FeaturesConnection, FeaturesConnector
from node.adapters.datasources.folder import FolderConnection, FolderConnector
from node.adapters.datasources.ngsi_ld import NgsiLdConnection, NgsiLdConnector
from node.adapters.datasources.ngsi_v2 import NgsiV2Connection, NgsiV2Connector
from node.adapters.datasources.ogc.wfs import WfsConnection, WfsConnector
from node.adapters.datasources.ogc.wms import WmsConnection, WmsConnector
from node.adapters.datasources.ogc.wmts import WmtsConnection, WmtsConnector
from node.adapters.datasources.postgis import PostgisConnection, PostgisConnector
from node.adapters.datasources.s3 import S3Connection, S3Connector
from node.adapters.datasources.services.gbfs import GbfsConnection, GbfsConnector
from node.adapters.datasources.services.gtfs import GtfsConnection, GtfsConnector
from node.adapters.datasources.services.sensor_things import SensorThingsConnection, SensorThingsConnector
from node.adapters.datasources.services.sparql import SparqlConnection, SparqlConnector
from node.adapters.datasources.web import WebConnection, WebConnector
from node.adapters.egress import Egress
from node.base.clock import SystemClock
from node.base.errors import ForbiddenAddress, HansaError, InvalidInput, NotFound
from node.cage.cage import Cage
from node.datasources.errors import DataSourceUnreachable, NoSuchRange
from node.datasources.model import Credentials, Scheme, Setup
from node.datasources.ports import Connector, DataConnection, Question, ServiceConnection, Span
from tests.fakes.brokers import MemoryBroker, MemoryBrokerConnection
from tests.fakes.data_sources import MemoryConnection, MemoryConnector
from tests.postgres import tcp_address
from tests.simulator.broker_v2 import BrokerV2
from tests.simulator.city_services import ROADS, EndPoint, Mobility, Sensors
from tests.simulator.context_broker import ContextBroker
from tests.simulator.data_servers import Bucket, FileServer, GisServer
from tests.simulator.http_servers import served
from tests.simulator.map_server import MapServer
from tests.simulator.tile_server import TileServer

CONTENTS = {"counts.csv": b"hour,count\n" + b"1,2\n" * 500, "north/more.csv": b"a\n1\n"}
BASE = "https://node.example/live/1"


@dataclass
class Subject:
    """A kind with a source of it. ``whole`` are the bytes of ``item``, if they are bytes of a file."""

    connector: Connector
    setup: Setup
    connection_class: type
    item: str
    media_type: str = ""
    whole: bytes | None = None

    @property
    def connection(self) -> DataConnection:
        return self.connector.connect(self.setup)

    @property
    def question(self) -> Question:
        return Question(media_type=self.media_type, base=BASE)


async def _folder(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    place = tmp_path / "open"
    for name, body in CONTENTS.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(body)
    connector = FolderConnector([place], tmp_path / "node")
    setup = Setup(name="files", address=str(place))
    return Subject(connector, setup, FolderConnection, "counts.csv", "text/csv", CONTENTS["counts.csv"])


async def _memory(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    setup = Setup(name="m", address="memory:")
    connector = MemoryConnector(CONTENTS)
    return Subject(connector, setup, MemoryConnection, "counts.csv", "text/csv", CONTENTS["counts.csv"])


async def _web(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    server = FileServer({f"files/{name}": body for name, body in CONTENTS.items()}, authorization="Bearer sesame")
    _, address = await stack.enter_async_context(_serve(server.app))
    credentials = Credentials(scheme=Scheme.BEARER, secret="sesame")
    setup = Setup(name="web", address=f"{address.url}/files", credentials=credentials)
    return Subject(WebConnector(egress), setup, WebConnection, "counts.csv", "text/csv", CONTENTS["counts.csv"])


async def _s3(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    server = Bucket({f"open/{name}": body for name, body in CONTENTS.items()} | {"secret.csv": b"x"})
    _, address = await stack.enter_async_context(_serve(server.app))
    credentials = Credentials(scheme=Scheme.BASIC, name="reader", secret="reader-secret")
    setup = Setup(name="s3", address=f"{address.url}/city/open/", credentials=credentials)
    connector = S3Connector(egress, SystemClock())
    return Subject(connector, setup, S3Connection, "counts.csv", "text/csv", CONTENTS["counts.csv"])


async def _features(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(GisServer().app))
    setup = Setup(name="gis", address=f"{address.url}/gis/")
    return Subject(FeaturesConnector(egress), setup, FeaturesConnection, "points", "application/geo+json")


async def _wfs(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(MapServer().app))
    setup = Setup(name="gis", address=f"{address.url}/ows", options={"map": "/srv/city.map"})
    return Subject(WfsConnector(egress), setup, WfsConnection, "city:points", "application/gml+xml")


async def _wms(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(MapServer().app))
    setup = Setup(name="maps", address=f"{address.url}/ows")
    return Subject(WmsConnector(egress), setup, WmsConnection, "city:points", "image/png")


async def _wmts(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(TileServer().app))
    setup = Setup(name="tiles", address=f"{address.url}/wmts")
    return Subject(WmtsConnector(egress), setup, WmtsConnection, "aerial", "image/png")


async def _ngsi_ld(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(ContextBroker(tenant="city").app))
    setup = Setup(name="broker", address=f"{address.url}/ngsi-ld/v1", options={"tenant": "city"})
    return Subject(
        NgsiLdConnector(egress, Cage(), base="https://node.example", clock=SystemClock()),
        setup,
        NgsiLdConnection,
        "TrafficCounter",
        "application/ld+json",
    )


async def _ngsi_v2(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(BrokerV2().app))
    setup = Setup(name="orion", address=f"{address.url}/v2", options={"tenant": "city", "service_path": "/parking"})
    return Subject(
        NgsiV2Connector(egress, base="https://node.example", clock=SystemClock()),
        setup,
        NgsiV2Connection,
        "OffStreetParking",
        "application/json",
    )


async def _sensorthings(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(Sensors().app))
    setup = Setup(name="sensors", address=f"{address.url}/v1.1")
    return Subject(SensorThingsConnector(egress), setup, SensorThingsConnection, "Observations", "application/json")


async def _sparql(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(EndPoint().app))
    setup = Setup(name="graphs", address=f"{address.url}/sparql")
    return Subject(SparqlConnector(egress), setup, SparqlConnection, ROADS, "text/turtle")


async def _gtfs(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(Mobility().app))
    options = {"schedule": "timetable.zip", "trip_updates": "trips.pb"}
    setup = Setup(name="trams", address=address.url, options=options)
    return Subject(GtfsConnector(egress), setup, GtfsConnection, "trip_updates", "application/x-protobuf")


async def _gbfs(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    _, address = await stack.enter_async_context(_serve(Mobility().app))
    setup = Setup(name="bikes", address=f"{address.url}/gbfs.json")
    return Subject(GbfsConnector(egress), setup, GbfsConnection, "en/station_status", "application/json")


async def _postgis(stack: AsyncExitStack, egress: Egress, tmp_path: Path) -> Subject:
    address, user, password = tcp_address()
    with psycopg.connect(f"{address}?sslmode=prefer", user=user, password=password, autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS shared CASCADE")
        admin.execute("CREATE SCHEMA shared")
        admin.execute("CREATE TABLE shared.counts (hour int, place text)")
        admin.execute("INSERT INTO shared.counts SELECT n, 'p' || n % 3 FROM generate_series(1, 2500) n")
    credentials = Credentials(scheme=Scheme.BASIC, name=user, secret=password)
    setup = Setup(name="db", address=address, options={"schema": "shared"}, credentials=credentials)
    return Subject(PostgisConnector(egress, Cage()), setup, PostgisConnection, "counts", "text/csv")


def _serve(app: Callable[[], object]) -> object:
    return served(lambda address: (app(), address))


SERVICES = ("wfs", "wms", "wmts")
"""The kinds whose requests are those of a protocol (``ServiceConnection``)."""

MAKERS = {
    "memory": _memory,
    "folder": _folder,
    "web": _web,
    "s3": _s3,
    "features": _features,
    "wfs": _wfs,
    "wms": _wms,
    "wmts": _wmts,
    "ngsi-ld": _ngsi_ld,
    "ngsi-v2": _ngsi_v2,
    "sensorthings": _sensorthings,
    "sparql": _sparql,
    "gtfs": _gtfs,
    "gbfs": _gbfs,
    "postgis": _postgis,
}
KINDS = [pytest.param(name, marks=pytest.mark.postgres) if name == "postgis" else name for name in MAKERS]


@pytest.fixture(params=KINDS)
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with AsyncExitStack() as stack:
        egress = await stack.enter_async_context(Egress(allow_loopback=True))
        yield await MAKERS[request.param](stack, egress, tmp_path)


async def content(connection: DataConnection, item: str, question: Question) -> bytes:
    async with connection.read(item, question) as extract:
        body = b"".join([chunk async for chunk in extract.chunks])
        assert extract.size in (None, len(body))
        assert extract.is_part is (question.span is not None and connection.abilities.ranges)
        return body


async def test_it_lists_no_more_than_was_asked_for_and_the_item_is_there(subject: Subject) -> None:
    connection = subject.connection
    assert isinstance(connection, subject.connection_class)
    items = await connection.items(100)
    if not connection.abilities.lists:
        assert items == ()
        return
    assert subject.item in [item.path for item in items]
    assert len(await connection.items(1)) == 1
    sizes = {item.path: item.size for item in items}
    assert subject.whole is None or sizes[subject.item] == len(subject.whole)


async def test_an_item_is_read_whole_and_the_same_twice(subject: Subject) -> None:
    body = await content(subject.connection, subject.item, subject.question)
    assert body
    assert await content(subject.connection, subject.item, subject.question) == body
    if subject.whole is not None:
        assert body == subject.whole


async def test_a_part_is_what_it_is_of_the_whole(subject: Subject) -> None:
    if subject.whole is None:
        assert not subject.connection.abilities.ranges
        return
    for span in (
        Span(start=0, end=1),
        Span(start=5, end=700),
        Span(start=1900),
        Span(start=-7),
        Span(start=0, end=10**6),
    ):
        start, end = span.within(len(subject.whole)) or (0, 0)
        async with subject.connection.read(subject.item, replace(subject.question, span=span)) as extract:
            assert b"".join([chunk async for chunk in extract.chunks]) == subject.whole[start:end]
            assert (extract.is_part, extract.start, extract.total) == (True, start, len(subject.whole))
            assert extract.etag
    with pytest.raises(NoSuchRange):
        await content(subject.connection, subject.item, replace(subject.question, span=Span(start=10**7)))


@pytest.mark.parametrize("item", ["absent", "absent.csv", ""])
async def test_what_is_not_there_is_not_found(subject: Subject, item: str) -> None:
    if subject.connector.kind in ("ngsi-ld", "ngsi-v2") and item == "absent":
        # A broker does not tell a type that it does not know from one without entities.
        assert await content(subject.connection, item, subject.question) == b"[]"
        return
    with pytest.raises(NotFound):
        await content(subject.connection, item, subject.question)


@pytest.mark.parametrize(
    "item", ["../secret.csv", "..", "a/../../b", "/etc/passwd", "a//b", "a\x00b", "\n", "a\\..\\b"]
)
async def test_no_name_leads_out_of_the_source(subject: Subject, item: str) -> None:
    with pytest.raises((InvalidInput, NotFound)):
        await content(subject.connection, item, subject.question)


async def test_a_question_that_it_cannot_answer_is_refused_in_words(subject: Subject) -> None:
    bad = {"features": ("limit", "0"), "postgis": ("colour", "red"), "ngsi-ld": ("type", "Depot")}
    bad["ngsi-v2"] = ("type", "Depot")
    pair = bad.get(subject.connector.kind, ("limit", "10"))
    question = replace(subject.question, parameters=(pair,))
    if subject.connector.kind == "features":
        question = replace(question, path=f"collections/{subject.item}/items")
    with pytest.raises(InvalidInput) as caught:
        await content(subject.connection, subject.item, question)
    assert caught.value.remedy
    assert "127.0.0.1" not in caught.value.detail + caught.value.remedy


async def test_a_source_that_is_down_is_said_to_be_and_nothing_of_it_is_told(subject: Subject) -> None:
    if subject.connector.kind in ("memory", "folder"):
        return
    scheme = subject.setup.address.partition("://")[0]
    setup = replace(subject.setup, address=f"{scheme}://127.0.0.1:9/city/open")
    setup = replace(setup, address=f"{scheme}://127.0.0.1:9/city") if scheme == "postgresql" else setup
    for read in (
        lambda: subject.connector.connect(setup).items(5),
        lambda: content(subject.connector.connect(setup), subject.item, subject.question),
    ):
        if subject.connector.kind == "http" and read.__code__.co_names[-1] == "items":
            continue
        with pytest.raises(DataSourceUnreachable) as caught:
            await read()
        said = f"{caught.value.detail} {caught.value.remedy}"
        assert "127.0.0.1" not in said
        assert not setup.credentials.secret or setup.credentials.secret not in said


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.0.0.1", "[::1]", "127.0.0.1", "localhost", "db.internal", "[::ffff:10.0.0.1]"]
)
async def test_a_place_that_the_node_may_not_dial_is_refused_before_anything_is_sent(
    subject: Subject, host: str
) -> None:
    kinds: dict[str, Connector] = {
        "http": WebConnector(Egress()),
        "s3": S3Connector(Egress(), SystemClock()),
        "features": FeaturesConnector(Egress()),
        "wfs": WfsConnector(Egress()),
        "wms": WmsConnector(Egress()),
        "wmts": WmtsConnector(Egress()),
        "ngsi-ld": NgsiLdConnector(Egress(), Cage(), base="https://node.example", clock=SystemClock()),
        "ngsi-v2": NgsiV2Connector(Egress(), base="https://node.example", clock=SystemClock()),
        "sensorthings": SensorThingsConnector(Egress()),
        "sparql": SparqlConnector(Egress()),
        "gtfs": GtfsConnector(Egress()),
        "gbfs": GbfsConnector(Egress()),
        "postgis": PostgisConnector(Egress(), Cage()),
    }
    kind = subject.connector.kind
    if kind not in kinds:
        return
    address = f"postgresql://{host}/city" if kind == "postgis" else f"https://{host}/city/"
    with pytest.raises(ForbiddenAddress):
        kinds[kind].check(replace(subject.setup, address=address))


@pytest.mark.parametrize(
    "address", ["", "x", "ftp://h/x", "https://", "https://u:p@h.example/", "../..", "https://h/?q=1"]
)
async def test_an_address_of_something_else_is_refused(subject: Subject, address: str) -> None:
    with pytest.raises(HansaError) as caught:
        subject.connector.check(replace(subject.setup, address=address))
    assert isinstance(caught.value, InvalidInput | ForbiddenAddress)


@pytest.mark.parametrize(
    ("connector", "address"),
    [
        (MqttConnector(Egress()), "mqtts://broker.example.org"),
        (AmqpConnector(Egress()), "amqps://broker.example.org/city"),
        (KafkaConnector(Egress()), "kafkas://broker.example.org,other.example.org:9095"),
        (MemoryBroker(), "mqtts://broker.example.org"),
    ],
    ids=["mqtt", "amqp", "kafka", "memory"],
)
async def test_a_broker_keeps_the_part_of_the_contract_without_reads(connector: Connector, address: str) -> None:
    """``test_brokers.py`` has the contract of its messages."""
    setup = Setup(name="broker", address=address)
    connection = connector.connect(setup)
    assert isinstance(connection, MqttConnection | AmqpConnection | KafkaConnection | MemoryBrokerConnection)
    assert (await connection.items(5), connection.is_description("city", "")) == ((), False)
    for item, error in (("city/air", NotFound), ("../air", InvalidInput), ("a\x00b", InvalidInput)):
        with pytest.raises(error):
            connection.read(item, Question(base=BASE))
    with pytest.raises((InvalidInput, ForbiddenAddress)):
        connector.check(replace(setup, address=""))


@pytest.mark.parametrize(
    "address",
    [
        "mqtts://169.254.169.254",
        "mqtts://10.0.0.1:8883",
        "mqtts://[::1]",
        "mqtt://localhost",
        "mqtts://db.internal",
        "mqtts://[::ffff:10.0.0.1]",
        "mqtt://broker.example.org",
        "https://broker.example.org",
        "mqtts://u:p@broker.example.org",
        "mqtts://broker.example.org/topic",
        "mqtts://broker.example.org:0",
        "mqtts://broker.example.org:port",
    ],
)
def test_a_broker_that_the_node_may_not_dial_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises((InvalidInput, ForbiddenAddress)):
        MqttConnector(Egress()).check(Setup(name="broker", address=address))


async def test_a_service_gives_a_sample_and_errors_in_its_own_form(subject: Subject) -> None:
    connection = subject.connection
    assert isinstance(connection, ServiceConnection) is (subject.connector.kind in SERVICES)
    if not isinstance(connection, ServiceConnection):
        return
    sample = replace(subject.question, parameters=await connection.sample(subject.item))
    assert not connection.is_description(subject.item, "", sample.parameters)
    assert await content(connection, subject.item, sample)
    headers_only = await content(connection, subject.item, replace(sample, wants_body=False))
    assert headers_only == b""
    media_type, body = connection.error_document(InvalidInput("no <such> thing", remedy="ask & see"), sample)
    assert media_type.partition(";")[0]
    assert b"no " in body
    assert b"<such>" not in body


async def test_leaving_a_read_early_does_no_harm(subject: Subject) -> None:
    for _ in range(3):
        async with subject.connection.read(subject.item, subject.question) as extract:
            async for _chunk in extract.chunks:
                break
    assert await content(subject.connection, subject.item, subject.question)


async def test_only_an_api_has_places_that_describe(subject: Subject) -> None:
    describes = subject.connection.is_description(subject.item, "")
    assert describes is (subject.connector.kind in ("features", *SERVICES))
    if subject.connector.kind == "features":
        landing = json.loads(await content(subject.connection, subject.item, subject.question))
        assert all(link["href"].startswith(BASE) for link in landing["links"])
