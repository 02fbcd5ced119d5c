"""Data are read where they are, under contract: one address, one token, and a check at every read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from node.datasources.register import DEFAULT_READS
from node.identity.model import Caller, UserRole
from tests.integration.datasources.live_data import Opened, accesses, open_live, share, transfer_here
from tests.integration.datasources.servers import standing
from tests.nodes import Running, receive, running, until
from tests.simulator.data_servers import FileServer, GisServer

SECRET = "never-to-be-seen-4711"
CSV = b"hour,count\n" + b"".join(b"%d,%d\n" % (hour, hour * 7) for hour in range(5000))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("live")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def files() -> Iterator[tuple[FileServer, str]]:
    server = FileServer({"files/counts.csv": CSV}, authorization=f"Bearer {SECRET}")
    with standing(server.app()) as url:
        yield server, url


@pytest.fixture(scope="module")
def gis() -> Iterator[tuple[GisServer, str]]:
    server = GisServer()
    with standing(server.app()) as url:
        yield server, url


def register(city: Running, name: str, kind: str, address: str, **more: Any) -> None:
    with city.client() as client:
        client.data_sources.add(name, kind, address, **more)


@pytest.fixture(scope="module")
def table(nodes: tuple[Running, Running], files: tuple[FileServer, str]) -> Opened:
    city, partner = nodes
    credentials = {"scheme": "bearer", "secret": SECRET}
    register(city, "files", "http", f"{files[1]}/files/", credentials=credentials)
    return open_live(partner, share(city, "files", "counts.csv", slug="table"))


@pytest.fixture(scope="module")
def layer(nodes: tuple[Running, Running], gis: tuple[GisServer, str]) -> Opened:
    city, partner = nodes
    register(city, "gis", "features", f"{gis[1]}/gis/")
    return open_live(partner, share(city, "gis", "points", slug="layer", format="GEOJSON"))


def test_a_file_is_read_with_the_citys_token_and_nothing_of_it_comes_out(table: Opened, files: Any) -> None:
    files[0].requests.clear()
    answer = table.get()
    assert (answer.status_code, answer.content) == (200, CSV)
    assert answer.headers["content-type"].startswith("text/csv")
    assert files[0].requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    assert table.authorization not in str(files[0].requests[-1].headers)
    assert SECRET not in str(answer.headers)
    assert f"{hash(CSV) & 0xFFFFFFFF:x}" not in answer.headers["etag"]


def test_what_moved_is_read_as_it_is_now(table: Opened, files: Any) -> None:
    server = files[0]
    before = table.get()
    server.files["files/counts.csv"] = CSV + b"5000,1\n"
    try:
        after = table.get()
        assert after.content == CSV + b"5000,1\n"
        assert after.headers["etag"] != before.headers["etag"]
        # A part of the earlier bytes must not be continued with the later ones.
        condition = {"Range": "bytes=100-", "If-Range": before.headers["etag"]}
        assert table.get(headers=condition).status_code == 200
        same = {"Range": "bytes=100-", "If-Range": after.headers["etag"]}
        assert table.get(headers=same).content == after.content[100:]
    finally:
        server.files["files/counts.csv"] = CSV


@pytest.mark.parametrize(
    ("span", "part"), [("bytes=0-9", CSV[:10]), ("bytes=7-", CSV[7:]), ("bytes=-5", CSV[-5:]), ("lines=1-2", CSV)]
)
def test_ranges_are_the_sources(table: Opened, span: str, part: bytes) -> None:
    answer = table.get(headers={"Range": span})
    assert answer.content == part
    assert answer.status_code == (200 if part == CSV else 206)
    if answer.status_code == 206:
        assert answer.headers["content-range"].endswith(f"/{len(CSV)}")


@pytest.mark.parametrize("span", ["bytes=999999999-", "bytes=5-2", "bytes=0-1,4-5", "bytes=x", "bytes=-0"])
def test_a_range_that_is_not_there_is_refused(table: Opened, span: str) -> None:
    answer = table.get(headers={"Range": span})
    assert (answer.status_code, answer.json()["code"]) == (416, "range-not-satisfiable")


def test_curl_reads_and_resumes(table: Opened, tmp_path: Path) -> None:
    target = tmp_path / "counts.csv"
    target.write_bytes(CSV[:1000])
    command = ["curl", "-sSf", "-C", "-", "-o", str(target), "-H", f"Authorization: {table.authorization}"]
    subprocess.run([*command, table.endpoint], check=True, timeout=60)
    assert target.read_bytes() == CSV


def test_head_says_what_there_is_and_is_no_use(table: Opened, nodes: Any) -> None:
    before = len(accesses(nodes[0], table.agreement))
    answer = table.get(method="HEAD")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(len(CSV)), b"")
    assert len(accesses(nodes[0], table.agreement)) == before


def test_head_of_a_question_tells_nothing_of_the_answer(layer: Opened, nodes: Any, files: Any, gis: Any) -> None:
    city, partner = nodes
    register(city, "root", "http", files[1], credentials={"scheme": "bearer", "secret": SECRET})
    folder = open_live(partner, share(city, "root", "files/", slug="folder"))
    assert folder.get("/counts.csv").content == CSV
    for live, place in (
        (folder, "/counts.csv"),
        (folder, "/absent.csv"),
        (folder, "/counts.csv?hour=7"),
        (layer, "/collections/points/items?name=p1"),
        (layer, "/collections/points/items/4"),
        (layer, "/collections/points/items/none"),
    ):
        before, asked = len(accesses(city, live.agreement)), len(files[0].requests) + len(gis[0].requests)
        answer = live.get(place, method="HEAD")
        assert answer.status_code == 200, place
        assert not {"content-length", "etag", "link", "content-range"} & {*answer.headers}
        assert len(files[0].requests) + len(gis[0].requests) == asked
        assert len(accesses(city, live.agreement)) == before
    assert "content-length" in layer.get("/conformance", method="HEAD").headers


def test_each_read_is_in_the_ledger_with_what_was_asked(layer: Opened, nodes: Any) -> None:
    before = len(accesses(nodes[0], layer.agreement))
    layer.get("/collections/points")
    layer.get("/collections/points/items?limit=3")
    layer.get("/collections/points/items/4")
    events = accesses(nodes[0], layer.agreement)[before:]
    assert sorted(event["asked"] for event in events) == [
        "collections/points/items/4",
        "collections/points/items?limit=3",
    ]
    assert {event["outcome"] for event in events} == {"started"}


def test_the_layer_is_the_only_one_and_every_link_is_ours(layer: Opened, gis: Any) -> None:
    landing = layer.get("").json()
    pages = [landing, layer.get("/conformance").json(), layer.get("/collections").json()]
    assert [entry["id"] for entry in pages[2]["collections"]] == ["points"]
    assert "create-replace-delete" not in json.dumps(pages[1])
    url: str | None = f"{layer.endpoint}/collections/points/items?limit=10"
    seen: list[int] = []
    while url is not None:
        page = layer.get(url.removeprefix(layer.endpoint)).json()
        pages.append(page)
        seen += [feature["id"] for feature in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        assert url is None or url.startswith(layer.endpoint)
    assert seen == list(range(25))
    assert gis[1] not in json.dumps(pages)
    assert "staff" not in json.dumps(pages)
    for path in (
        "/collections/staff",
        "/collections/staff/items",
        "/collections/points/../staff/items",
        "/api",
        "/gis/",
    ):
        assert layer.get(path).status_code in (400, 404), path
    for path in ("/collections/points%2F..%2Fstaff/items", "/collections/%2e%2e/staff"):
        assert layer.get(path).status_code in (400, 404), path


def test_a_wrong_token_and_another_door_open_nothing(table: Opened, layer: Opened) -> None:
    other = Opened(layer.iri, layer.agreement, layer.transfer, layer.endpoint, table.authorization)
    assert other.get().status_code == 404
    assert Opened("", "", "", table.endpoint, "").get().status_code == 401
    stored = Opened("", "", "", table.endpoint.replace("/live/", "/data/"), table.authorization)
    assert stored.get().status_code == 404
    assert stored.get("/manifest").status_code == 404
    assert table.get("/x").status_code == 400


def test_sixty_four_callers_at_once_are_all_served(table: Opened) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: table.get(), range(64)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content for answer in answers} == {CSV}


def test_pausing_ends_the_access_at_the_next_read_and_says_why(nodes: Any, files: Any) -> None:
    city, partner = nodes
    register(city, "pausing", "http", f"{files[1]}/files/", credentials={"scheme": "bearer", "secret": SECRET})
    live = open_live(partner, share(city, "pausing", "counts.csv", slug="pausing"))
    assert live.get().status_code == 200
    with city.client() as client:
        theirs = transfer_here(city, live)
        client.steer(theirs, "suspend", reason="maintenance")
    answer = live.get()
    assert (answer.status_code, answer.json()["transferState"]) == (403, "SUSPENDED")
    assert "suspended" in json.dumps(answer.json()["reasons"])
    assert accesses(city, live.agreement)[-1]["outcome"] == "refused"
    with city.client() as client:
        until("it is suspended", lambda: client.transfer_state(theirs)["state"] == "SUSPENDED")
        client.steer(theirs, "resume")
    with partner.client() as client:
        until("it goes on", lambda: client.transfer_state(live.transfer, wait=1)["state"] == "STARTED")
        renewed = client.live_access(live.transfer)
    again = Opened(live.iri, live.agreement, live.transfer, renewed["endpoint"], renewed["authorization"])
    assert again.get().status_code == 200
    with city.client() as client:
        client.data_sources.remove("pausing")
    gone = again.get()
    assert (gone.status_code, gone.json()["code"]) == (410, "gone")


def test_a_number_of_uses_is_a_number_of_reads(nodes: Any, files: Any) -> None:
    city, partner = nodes
    register(city, "counted", "http", f"{files[1]}/files/", credentials={"scheme": "bearer", "secret": SECRET})
    limit = {"leftOperand": "count", "operator": "lteq", "rightOperand": "2"}
    terms = {"permission": [{"action": "use", "constraint": [limit]}]}
    live = open_live(partner, share(city, "counted", "counts.csv", slug="counted", conditions=terms))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: live.get(), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, *[403] * 6]
    uses = [event["use"] for event in accesses(city, live.agreement) if event["outcome"] == "started"]
    assert sorted(uses) == [1, 2]


def test_reads_a_minute_are_limited_where_the_steward_says_so(nodes: Any, files: Any) -> None:
    city, partner = nodes
    credentials = {"scheme": "bearer", "secret": SECRET}
    options = {"reads_per_minute": "3"}
    register(city, "slowly", "http", f"{files[1]}/files/", credentials=credentials, options=options)
    live = open_live(partner, share(city, "slowly", "counts.csv", slug="slowly"))
    answers = [live.get() for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


def test_without_a_limit_of_the_steward_there_is_one(nodes: Any, files: Any) -> None:
    city, partner = nodes
    register(city, "usual", "http", f"{files[1]}/files/", credentials={"scheme": "bearer", "secret": SECRET})
    live = open_live(partner, share(city, "usual", "counts.csv", slug="usual"))
    rate = city.node.datasources.reads._rate
    now = [0.0]
    rate._monotonic = lambda: now[0]
    theirs = transfer_here(city, live)
    for _ in range(DEFAULT_READS):
        rate.count(theirs, DEFAULT_READS)
    refusal = live.get()
    assert (refusal.status_code, refusal.json()["code"]) == (429, "too-many-requests")
    assert "600 reads a minute" in refusal.json()["detail"]
    now[0] = 61.0
    assert live.get().status_code == 200
    register(city, "usual", "http", f"{files[1]}/files/", options={"reads_per_minute": "0"})
    rate._moments[theirs].extend([61.0] * DEFAULT_READS)
    assert live.get().status_code == 200


def test_the_token_is_renewed_and_the_old_one_is_void(table: Opened, nodes: Any) -> None:
    with nodes[1].client() as client:
        assert client.live_access(table.transfer)["authorization"] == table.authorization
        renewed = client.live_access(table.transfer, renew=True)
    assert table.get().status_code == 404
    table.authorization = renewed["authorization"]
    assert table.get().status_code == 200
    with pytest.raises(Refusal), nodes[1].client() as client:
        client.live_access("urn:uuid:none")


def test_only_a_steward_shares_what_was_not_shared_and_the_source_must_be_there(nodes: Any, table: Opened) -> None:
    city = nodes[0]
    with pytest.raises(Refusal) as caught:
        share(city, "absent", "x.csv", slug="absent")
    assert "hansa source list" in caught.value.remedy
    check = city.node.catalogue.publication.publish._check
    publisher = Caller(did=city.did, account="eve", roles=frozenset({UserRole.PUBLISHER}))
    stores = city.node.parts.stores
    with stores.uow.read() as tx:
        record = stores.catalogue.records.get(tx, table.iri)
    check._check_data_sources(record, publisher)
    from dataclasses import replace

    other = replace(record, files=tuple(replace(file, source="files/other.csv") for file in record.files))
    with pytest.raises(Exception, match="steward"):
        check._check_data_sources(other, publisher)


def test_nobody_learns_the_name_of_the_source_from_the_record(table: Opened, nodes: Any) -> None:
    city, partner = nodes
    with city.http() as client:
        for accept in ("application/json", "text/turtle", "text/html", "application/ld+json"):
            assert "files/counts.csv" not in client.get(table.iri, headers={"Accept": accept}).text
    with partner.client() as client:
        shown = client.conditions(table.iri)
    assert "files/counts.csv" not in json.dumps(shown)


def test_hansa_get_takes_a_copy_of_live_data(nodes: Any, table: Opened) -> None:
    state = receive(nodes[1], table.agreement)
    assert (state["state"], state["reception"]["received"]) == ("COMPLETED", len(CSV))


def test_the_terminal_opens_it(nodes: Any, table: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["--json", "live", table.iri, "--node", str(nodes[1].folder)]) == DONE
    shown = json.loads(capsys.readouterr().out)
    assert (shown["transfer"], shown["endpoint"]) == (table.transfer, table.endpoint)
    assert run(["live", table.agreement, "--node", str(nodes[1].folder)]) == DONE
    assert f"curl -H 'Authorization: {table.authorization}'" in capsys.readouterr().out.replace("\n", " ")
