"""The contract of ``SinkConnection`` for tables: files in a real PostgreSQL with PostGIS."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from node.adapters.datasources.postgis import PostgisConnector
from node.adapters.egress import Egress
from node.base.errors import HansaError, InvalidInput
from node.cage.cage import Cage
from node.datasources.errors import DataSourceRefuses, DataSourceSlow, SinkOccupied, SinkRefuses
from node.datasources.model import Credentials, Scheme, Setup
from node.datasources.sinks import Parcel, SinkConnection
from tests.postgres import postgis_server
from tests.waits import until

pytestmark = pytest.mark.postgres

CSV = b'place,hour,count,share,day,note\nKorenmarkt,1,12,0.5,2026-11-01,"a ""b"", c"\nDampoort,2,,1.25,2026-11-02,\n'
PLACE = "city.counts"


@dataclass
class Database:
    """A sink, with an administrator's own connection beside it."""

    sink: Any
    admin: psycopg.Connection[Any]
    home: Path
    setup: Setup
    cage: Cage

    def parcel(self, body: bytes = CSV, path: str = PLACE, **more: Any) -> Parcel:
        sha256 = hashlib.sha256(body).hexdigest()
        file = self.home / sha256
        file.write_bytes(body)
        return Parcel(
            id=sha256[:24], file=file, path=path, size=len(body), sha256=sha256, origin="urn:uuid:transfer-1", **more
        )

    async def deposit(self, body: bytes = CSV, path: str = PLACE, **more: Any) -> bool:
        return bool(await self.sink.deposit(self.parcel(body, path, **more), nothing))

    def rows(self, query: str) -> list[Any]:
        return self.admin.execute(query).fetchall()

    def tables(self) -> list[str]:
        query = "SELECT relname FROM pg_class WHERE relnamespace = 'city'::regnamespace AND relkind IN ('r', 'v')"
        return sorted(row[0] for row in self.rows(query))


async def nothing(_progress: Any) -> None:
    raise AssertionError("a transaction notes nothing")


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.fixture(scope="module")
def server() -> str:
    """The address of a server with PostGIS, for its administrator."""
    return postgis_server()


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage() as opened:
        yield opened


@pytest.fixture
async def database(server: str, cage: Cage, tmp_path: Path) -> AsyncIterator[Database]:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS city CASCADE")
        admin.execute("CREATE SCHEMA city")
        admin.execute("GRANT CREATE, USAGE ON SCHEMA city TO hansa_writer")
        info = admin.info
        address = f"postgresql://127.0.0.1:{info.port}/{info.dbname}"
        credentials = Credentials(scheme=Scheme.BASIC, name="hansa_writer", secret="writer-secret")
        setup = Setup(name="db", address=address, credentials=credentials, options={"schema": "city"})
        async with Egress(allow_loopback=True) as egress:
            yield Database(PostgisConnector(egress, cage).connect(setup), admin, tmp_path, setup, cage)
        admin.execute("DROP SCHEMA city CASCADE")


async def test_a_table_of_text_arrives_with_its_types(database: Database) -> None:
    assert isinstance(database.sink, SinkConnection)
    assert await database.deposit() is True
    types = database.rows(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'city' "
        "ORDER BY ordinal_position"
    )
    assert dict(types) == {
        "place": "text",
        "hour": "bigint",
        "count": "bigint",
        "share": "double precision",
        "day": "date",
        "note": "text",
    }
    rows = database.rows("SELECT place, hour, count, share, day::text, note FROM city.counts ORDER BY hour")
    assert rows == [
        ("Korenmarkt", 1, 12, 0.5, "2026-11-01", 'a "b", c'),
        ("Dampoort", 2, None, 1.25, "2026-11-02", None),
    ]
    comment = database.rows("SELECT obj_description('city.counts'::regclass)")[0][0]
    assert comment.startswith(f"Sent by Hansa: sha256={sha(CSV)} transfer=urn:uuid:transfer-1 rows=2 checksum=")
    # The same content is there already.
    assert await database.deposit() is False
    assert database.tables() == ["counts"]


async def test_a_later_version_replaces_an_earlier_one_and_keeps_the_rights(database: Database) -> None:
    await database.deposit()
    database.admin.execute("GRANT SELECT ON city.counts TO PUBLIC")
    later = b"place,open\nVooruit,true\n"
    with pytest.raises(SinkOccupied):
        await database.deposit(later)
    with pytest.raises(SinkOccupied):
        await database.deposit(later, replaces="0" * 64)
    assert await database.deposit(later, replaces=sha(CSV)) is True
    assert database.rows("SELECT * FROM city.counts") == [("Vooruit", True)]
    assert database.rows("SELECT has_table_privilege('public', 'city.counts', 'SELECT')") == [(True,)]
    assert database.tables() == ["counts"]


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ("ALTER TABLE city.counts ENABLE ROW LEVEL SECURITY", "row-level security"),
        ("CREATE POLICY some_rows ON city.counts USING (hour = 1)", "policies"),
        ("CREATE RULE no_more AS ON INSERT TO city.counts DO INSTEAD NOTHING", "rules"),
        (
            "CREATE TRIGGER watch BEFORE UPDATE ON city.counts EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "triggers",
        ),
        ("GRANT SELECT (place) ON city.counts TO PUBLIC", "single columns"),
    ],
)
async def test_a_table_that_its_next_version_would_open_is_not_replaced(
    database: Database, guard: str, words: str
) -> None:
    await database.deposit()
    database.admin.execute(guard.replace("BEFORE UPDATE ON city.counts", "BEFORE UPDATE ON city.counts FOR EACH ROW"))
    with pytest.raises(SinkRefuses, match=words) as raised:
        await database.deposit(b"place,open\nVooruit,true\n", replaces=sha(CSV))
    assert "another table" in raised.value.remedy
    assert len(database.rows("SELECT * FROM city.counts")) == 2
    assert database.tables() == ["counts"]
    assert await database.deposit() is False


async def test_a_large_table_arrives_whole_and_a_reader_never_sees_a_mix(database: Database) -> None:
    sizes = {300_000, 200_000}
    first, second = (b"a,version\n" + f"1,{rows}\n".encode() * rows for rows in sorted(sizes))
    await database.deposit(first)
    stop = asyncio.Event()

    def look() -> list[Any]:
        return database.rows("SELECT DISTINCT count(*) OVER (), version FROM city.counts")

    async def watch() -> set[Any]:
        seen: set[Any] = set()
        while not stop.is_set():
            seen.update(await asyncio.to_thread(look))
        return seen

    watching = asyncio.create_task(watch())
    assert await database.deposit(second, replaces=sha(first)) is True
    stop.set()
    assert await watching <= {(rows, rows) for rows in sizes}
    assert database.rows("SELECT count(*), min(version) FROM city.counts") == [(300_000, 300_000)]


async def test_a_type_that_only_the_last_line_breaks_loses_no_line(database: Database) -> None:
    body = b"a,b\n" + b"1,2\n" * 100_000 + b"x,y\n"
    assert await database.deposit(body) is True
    assert database.rows("SELECT count(*), max(a) FROM city.counts") == [(100_001, "x")]
    torn = b"a,b\n" + b"1,2\n" * 50 + b"1,2,3,4\n"
    with pytest.raises(HansaError) as raised:
        await database.deposit(torn, "city.torn")
    assert raised.value.remedy
    assert database.tables() == ["counts"]


def geojson(*geometries: Any) -> bytes:
    features = [
        {"type": "Feature", "geometry": geometry, "properties": {"n": number, "name": f"žluť {number}"}}
        for number, geometry in enumerate(geometries)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


@pytest.mark.parametrize(
    ("geometries", "kind"),
    [
        ([{"type": "Point", "coordinates": [3.7, 51.0]}, {"type": "Point", "coordinates": [3.8, 51.1]}], "POINT"),
        ([{"type": "Point", "coordinates": [3.7, 51.0, 12.5]}], "POINT"),
        (
            [{"type": "Point", "coordinates": [3.7, 51]}, {"type": "LineString", "coordinates": [[3, 51], [4, 52]]}],
            "GEOMETRY",
        ),
        ([{"type": "Point", "coordinates": [3.7, 51.0]}, None], "POINT"),
    ],
)
async def test_geojson_arrives_with_its_geometries(database: Database, geometries: list[Any], kind: str) -> None:
    body = geojson(*geometries)
    assert await database.deposit(body) is True
    column = database.rows("SELECT type, srid FROM geometry_columns WHERE f_table_schema = 'city'")
    assert column == [(kind, 4326)]
    rows = database.rows("SELECT n, name, ST_AsGeoJSON(geom)::json FROM city.counts ORDER BY n")
    assert [row[:2] for row in rows] == [(n, f"žluť {n}") for n in range(len(geometries))]
    assert [row[2] for row in rows] == geometries
    assert await database.sink.remove(PLACE, sha(body)) is True


async def test_a_geopackage_arrives_in_its_reference_system(database: Database) -> None:
    import numpy as np
    import pyogrio

    file = database.home / "stops.gpkg"
    point = bytes.fromhex("0101000000") + np.array([104_000.0, 193_000.0]).tobytes()
    pyogrio.raw.write(
        str(file),
        np.array([point, point], dtype=object),
        [np.array([1, 2]), np.array(["a", None], dtype=object)],
        ["n", "name"],
        geometry_type="Point",
        crs="EPSG:31370",
    )
    assert await database.deposit(file.read_bytes()) is True
    rows = database.rows("SELECT n, name, ST_SRID(geom), ST_X(geom) FROM city.counts ORDER BY n")
    assert rows == [(1, "a", 31370, 104_000.0), (2, None, 31370, 104_000.0)]


async def test_what_others_made_stays(database: Database) -> None:
    database.admin.execute("CREATE TABLE city.counts (mine int)")
    database.admin.execute("CREATE VIEW city.view AS SELECT 1 AS n")
    for place in (PLACE, "city.view"):
        with pytest.raises(SinkOccupied):
            await database.deposit(path=place)
        with pytest.raises(SinkOccupied):
            await database.sink.remove(place, sha(CSV))
    assert database.tables() == ["counts", "view"]


@pytest.mark.parametrize("change", ["UPDATE city.counts SET count = 13 WHERE hour = 1", "DELETE FROM city.counts"])
async def test_a_changed_table_is_neither_replaced_nor_dropped(database: Database, change: str) -> None:
    await database.deposit()
    database.admin.execute(change)
    with pytest.raises(SinkOccupied, match="changed"):
        await database.deposit(b"a\n1\n", replaces=sha(CSV))
    with pytest.raises(SinkOccupied, match="changed"):
        await database.deposit()
    with pytest.raises(SinkOccupied, match="changed"):
        await database.sink.remove(PLACE, sha(CSV))
    assert database.tables() == ["counts"]


async def test_a_table_is_dropped_only_if_it_is_that_content(database: Database) -> None:
    assert await database.sink.remove(PLACE, sha(CSV)) is False
    await database.deposit()
    with pytest.raises(SinkOccupied):
        await database.sink.remove(PLACE, "0" * 64)
    assert await database.sink.remove(PLACE, sha(CSV)) is True
    assert database.tables() == []


async def test_a_table_that_a_view_uses_is_refused_in_words(database: Database) -> None:
    await database.deposit()
    database.admin.execute("CREATE VIEW city.daily AS SELECT day FROM city.counts")
    with pytest.raises(SinkRefuses, match="view") as raised:
        await database.deposit(b"a\n1\n", replaces=sha(CSV))
    assert raised.value.remedy
    assert database.rows("SELECT count(*) FROM city.counts") == [(2,)]
    assert database.tables() == ["counts", "daily"]


@pytest.mark.parametrize(
    "place", ["counts", "", "a.b.c", 'city."x"', "city.x;drop", "pg_catalog.x", "../city.x", "city.ä", "city.{name}"]
)
async def test_no_other_name_is_a_table(database: Database, place: str) -> None:
    for call in (database.deposit(path=place), database.sink.remove(place, "0" * 64)):
        with pytest.raises(InvalidInput):
            await call


async def test_a_missing_schema_and_missing_rights_are_said(database: Database) -> None:
    with pytest.raises(SinkRefuses, match="schema"):
        await database.deposit(path="nowhere.counts")
    database.admin.execute("REVOKE CREATE ON SCHEMA city FROM hansa_writer")
    with pytest.raises(DataSourceRefuses) as raised:
        await database.deposit()
    assert "GRANT" in raised.value.remedy


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04junk", b"{not json", b"\x00\x01\x02" * 50, b"a,b\n1,\x002\n"])
async def test_what_is_no_table_is_refused_in_words(database: Database, body: bytes) -> None:
    with pytest.raises(HansaError) as raised:
        await database.deposit(body)
    assert raised.value.status == 422 or raised.value.status == 400
    assert str(database.home) not in raised.value.detail
    assert database.tables() == []


async def test_hostile_names_of_columns_stay_names(database: Database) -> None:
    body = b'"a""); DROP TABLE city.x; --",%s,{}\n1,2,3\n'
    assert await database.deposit(body) is True
    columns = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'city' ORDER BY ordinal_position"
    )
    assert [row[0] for row in database.rows(columns)] == ['a"); DROP TABLE city.x; --', "%s", "{}"]


async def test_of_many_attempts_at_once_there_is_one_table(database: Database) -> None:
    answers = await asyncio.gather(*(database.deposit() for _ in range(16)), return_exceptions=True)
    assert answers.count(True) == 1
    assert all(answer in (True, False) or isinstance(answer, DataSourceSlow) for answer in answers)
    assert database.tables() == ["counts"]


async def test_a_session_that_the_server_ends_leaves_nothing(database: Database) -> None:
    """As a crash of the node does: the server undoes what was not committed."""
    database.admin.execute("CREATE TABLE city.gate (n int)")
    reader = psycopg.connect(database.admin.info.dsn, password=database.admin.info.password, sslmode="prefer")
    body = b"a\n" + b"1\n" * 100_000
    await database.deposit(b"a\n7\n")
    reader.execute("LOCK TABLE city.counts IN ACCESS SHARE MODE")
    sending = asyncio.create_task(database.deposit(body, replaces=sha(b"a\n7\n")))
    waiting = "SELECT pid FROM pg_stat_activity WHERE usename = 'hansa_writer' AND wait_event_type = 'Lock'"
    pid = (await asyncio.to_thread(until, "it waits for the reader", lambda: database.rows(waiting)))[0][0]
    database.admin.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(HansaError):
        await sending
    reader.close()
    assert database.tables() == ["counts", "gate"]
    assert database.rows("SELECT * FROM city.counts") == [(7,)]
    assert await database.deposit(body, replaces=sha(b"a\n7\n")) is True
