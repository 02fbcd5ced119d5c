"""Real nodes for tests: every part as in operation, over real HTTP on loopback, inside this process.

Each node runs in a thread with an event loop of its own, so a test is plain synchronous code that speaks to it
as a stranger, a person or another node would. ``running`` starts one; the fixtures start the usual companies.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from sqlalchemy import text

from node.bootstrap.application import application
from node.bootstrap.build import build
from node.bootstrap.node import HansaNode
from node.cli.creation import create
from node.client import HansaClient, locate
from node.dialogue.process import Exchange
from node.ledger.verification import ledger_checks
from node.settings import load
from tests.messages import Traffic
from tests.postgres import fresh_schema
from tests.waits import PATIENCE
from tests.waits import until as until  # noqa: PLC0414 - what a test does with nodes, it does with patience

CSV = b"hour,count\n2026-01-01T00,12\n2026-01-01T01,7\n"


@dataclass
class Running:
    """A node that runs. ``node`` is the object behind it: look at it, but speak to it over HTTP."""

    node: HansaNode
    app: Any
    folder: Path
    url: str
    did: str
    password: str
    server: uvicorn.Server
    thread: threading.Thread
    traffic: Traffic

    @property
    def dsp(self) -> str:
        """Where its protocol end points hang."""
        return self.node.parts.dsp_address

    @property
    def token(self) -> str:
        """The API token that ``init`` put into its data folder."""
        return (self.folder / "token").read_text("ascii").strip()

    def client(self) -> HansaClient:
        """A client with that token, as the command line is one."""
        return HansaClient(locate(str(self.folder)))

    def http(self, **options: Any) -> httpx2.Client:
        """A plain client that brings nothing along, and trusts no authority: reading them all takes 20 ms."""
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return httpx2.Client(**{"base_url": self.url, "timeout": 30, "trust_env": False, "verify": verify, **options})

    def person(self) -> dict[str, str]:
        """The header of its administrator's requests."""
        return {"Authorization": f"Bearer {self.token}"}

    def as_participant(self, audience: Running) -> dict[str, str]:
        """The header of a request that this node sends to ``audience``: a fresh token for each call."""
        return {"Authorization": f"Bearer {self.node.people.tokens.bearer(audience.did)}"}

    def exchanges(self, pid: str) -> list[Exchange]:
        """Every message of a process of this node, as it went over the wire."""
        stores = self.node.parts.stores
        with stores.uow.read() as tx:
            return [
                *stores.negotiation.negotiations.exchanges(tx, pid),
                *stores.transfer.transfers.exchanges(tx, pid),
            ]

    def stop(self) -> None:
        """End it as SIGTERM would."""
        self.node.catalogue.feed.waits.close()
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the node did not end"


_RUNNING: dict[int, Running] = {}
"""By port."""


@contextmanager
def running(
    folder: Path,
    *,
    template: Path | None = None,
    port: int | None = None,
    prepare: Callable[[HansaNode], None] | None = None,
    options: dict[str, Any] | None = None,
    judged: bool = True,
    **settings: Any,
) -> Iterator[Running]:
    """A node in ``folder``, made there first where there is none yet.

    ``template`` is a migrated SQLite file that spares the migrations; ``options`` go to ``build``; ``prepare`` may
    change the node before its doors are put on; ``settings`` are those of ``hansa.toml``, beside brisk defaults.
    Unless ``judged`` is False, each protocol message that it sent or answered must be valid by the official schemas.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port or 0))
        listener.listen(256)
        number = listener.getsockname()[1]
        password = ""
        if not (folder / "hansa.toml").exists():
            password = _make(folder, number, template, settings)
        node = build(load(folder), **(options or {}))
        if prepare is not None:
            prepare(node)
        app = application(node)
        traffic = Traffic()
        traffic.around_egress(node.parts.egress)
        config = uvicorn.Config(
            traffic.around_doors(app),
            loop="uvloop",
            http="httptools",
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=f"node {folder.name}", daemon=True
        )
        thread.start()
        base = node.parts.base
        server_node = Running(node, app, folder, base, node.parts.me, password, server, thread, traffic)
        try:
            until("the node is ready", lambda: server.started or not thread.is_alive())
            assert server.started, "the node could not be started"
            _RUNNING[number] = server_node
            yield server_node
        finally:
            _RUNNING.pop(number, None)
            if thread.is_alive():
                server_node.stop()
        if judged:
            faults = traffic.faults()
            assert not faults, f"the official schemas find fault with what this node said: {faults}"


def _make(folder: Path, port: int, template: Path | None, settings: dict[str, Any]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    if template is not None and "database_url" not in settings:
        shutil.copy(template, folder / "hansa.sqlite")
    members = {
        "name": folder.name.capitalize(),
        "public_url": f"http://127.0.0.1:{port}",
        "port": port,
        "allow_loopback": True,
        "wait_for_views": True,
        "follow_seconds": 0.2,
        "status_max_age": 0.0,
        "link_check_days": 0,  # links of the records lead to hosts that no test may dial
        "log_level": "debug",
    }
    return create(folder, {**members, **settings}).password


async def until_async(what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """As ``until``, inside an event loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.005)


# ---- what is published and agreed in most tests ---------------------------------------------------------------


def publish(
    node: Running,
    slug: str = "traffic-counts",
    *,
    data: bytes | None = CSV,
    conditions: Any = "open",
    audience: str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Publish a dataset with one CSV file at ``node``; what the API answered."""
    files = []
    with node.client() as client:
        if data is not None:
            path = node.folder / f"{slug}.csv"
            path.write_bytes(data)
            client.upload(path)
            digest = hashlib.sha256(data).hexdigest()
            files.append({"name": path.name, "mediaType": "text/csv", "size": len(data), "sha256": digest})
        submission: dict[str, Any] = {"fields": described(slug, **fields), "files": files}
        if conditions is not None:
            submission["conditions"] = conditions
        if audience is not None:
            submission["audience"] = audience
        return client.publish(submission)


def table(size: int, seed: str = "table") -> bytes:
    """A CSV file of ``size`` bytes at least, that does not compress well and is another one for another ``seed``."""
    lines = hashlib.shake_256(seed.encode()).hexdigest(size // 2 + 1)
    return b"noise\n" + b"\n".join(lines[at : at + 64].encode() for at in range(0, len(lines), 64)) + b"\n"


def described(slug: str, **fields: Any) -> dict[str, Any]:
    """The fields of a dataset with nothing to mend, but for its conditions."""
    return {
        "kind": "dataset",
        "id": slug,
        "title": slug.replace("-", " ").capitalize(),
        "description": "Counts of vehicles by the hour, made up for a test.",
        "contact": {"name": "Mobility department", "email": "mobility@example.org"},
        "theme": "TRAN",
        "license": "CC-BY-4.0",
        **fields,
    }


def offer_of(node: Running, iri: str) -> dict[str, Any]:
    """The offer that ``node`` has published with a dataset."""
    with node.node.parts.stores.uow.read() as tx:
        record = node.node.parts.stores.catalogue.records.get(tx, iri)
    assert record is not None
    assert record.offer is not None
    return record.offer


def ask(provider: Running, consumer: Running, iri: str) -> str:
    """Begin a negotiation of the published offer though the provider may not answer; its pid at the consumer."""
    negotiations = consumer.node.protocol.negotiation.negotiations
    begun = negotiations.request(
        provider=provider.did, address=provider.dsp, dataset=iri, offer=offer_of(provider, iri)
    )
    consumer.node.worker.wake()
    return begun.pid


def agree(consumer: Running, iri: str, *, purpose: str | None = None) -> dict[str, Any]:
    """Negotiate to the end; the consumer's view of the negotiation."""
    with consumer.client() as client:
        pid = client.negotiate(iri, purpose=purpose)["pid"]
        ended = until("the negotiation ends", lambda: if_ended(client.negotiation(pid, wait=5)))
    if ended["state"] == "FINALIZED":
        let_provider_finish(str(ended["agreementId"]))
    return ended


def let_provider_finish(agreement_id: str) -> None:
    """Give the provider, if it runs in this process, the moment to write that the consumer has taken its last
    message: until then it has an agreement that is not in force."""
    for node in tuple(_RUNNING.values()):
        stores, deadline = node.node.parts.stores, time.monotonic() + 5
        while time.monotonic() < deadline and node.thread.is_alive():
            with stores.uow.read() as tx:
                agreement = stores.negotiation.agreements.get(tx, agreement_id)
            if agreement is None or agreement.finalized is not None:
                break
            time.sleep(0.01)


def receive(consumer: Running, agreement_id: str) -> dict[str, Any]:
    """Transfer to the end; the consumer's view of the transfer."""
    with consumer.client() as client:
        pid = client.transfer(agreement_id)["pid"]
        return until("the transfer ends", lambda: if_ended(client.transfer_state(pid, wait=5)))


def if_ended(state: dict[str, Any]) -> dict[str, Any] | None:
    """A negotiation or a transfer as the API tells it, once it has come to its end; what ``until`` waits for."""
    return state if state["state"] in ("FINALIZED", "COMPLETED", "TERMINATED") else None


def rows(node: Running, table: str) -> int:
    """How many rows a table of its database has."""
    with node.node.parts.stores.uow.read() as tx:
        return int(tx.connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def is_sound(node: Running) -> bool:
    """Whether everything that is numbered is as it was signed (I9)."""
    parts = node.node.parts
    return all(check.sound for check in ledger_checks(parts.stores.uow, parts.stores.ledger, parts.log_keys))


def puts_off(node: Running, words: str) -> bool:
    """Whether a message of ``node`` waits because of ``words``."""
    with node.node.parts.stores.uow.read() as tx:
        reasons = tx.connection.execute(text("SELECT last_error FROM outbox WHERE NOT dead")).scalars().all()
    return any(words in (reason or "") for reason in reasons)


def admit(region: Running, city: Running, credential: str = "MembershipCredential") -> dict[str, Any]:
    """``city`` applies, a person of ``region`` approves, the credential arrives: the credential."""
    with city.client() as client, region.client() as office:
        client.join(region.url, credential)
        waiting = until(
            "the application arrives", lambda: [one for one in office.decisions() if one["peer"] == city.did]
        )
        office.decide(waiting[0]["id"], approve=True)
        credentials: list[dict[str, Any]] = until(
            "the credential arrives",
            lambda: [one for one in client.memberships()["credentials"] if credential in one["types"]],
        )
        return credentials[0]


# ---- fixtures -------------------------------------------------------------------------------------------------


@pytest.fixture
def running_node(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    """One node of this test's own."""
    with running(tmp_path / "node", template=sqlite_template) as node:
        yield node


Start = Callable[..., AbstractContextManager[Running]]
"""``running`` on one of the stores."""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """``running`` for tests that go over both stores: each node that it makes has a database of its own."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        yield lambda folder, **options: running(folder, template=template, **options)
        return
    server = request.getfixturevalue("postgres_server")
    with ExitStack() as stack:

        def on_postgres(folder: Path, **options: Any) -> AbstractContextManager[Running]:
            if not (folder / "hansa.toml").exists():
                options["database_url"] = stack.enter_context(fresh_schema(server))
            return running(folder, **options)

        yield on_postgres


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    """A node without a region, shared by the tests of one module."""
    with running(tmp_path_factory.mktemp("city") / "node", template=sqlite_template) as node:
        yield node


@pytest.fixture
def client(city: Running) -> Iterator[HansaClient]:
    """The API of ``city``, for its first administrator."""
    with city.client() as client:
        yield client


@dataclass
class Pair:
    """Two nodes that know each other by nothing but their addresses."""

    provider: Running
    consumer: Running


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    """A provider and a consumer without a region, shared by the tests of one module."""
    home = tmp_path_factory.mktemp("pair")
    with ExitStack() as stack:
        provider, consumer = (
            stack.enter_context(running(home / name, template=sqlite_template)) for name in ("provider", "consumer")
        )
        yield Pair(provider, consumer)


@dataclass
class Company:
    """A region with its rulebook, and cities that it admitted."""

    region: Running
    cities: tuple[Running, ...]


@pytest.fixture(scope="module")
def region_and_cities(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Company]:
    """A region and two cities that hold its membership credential, shared by the tests of one module."""
    with admitted_company(tmp_path_factory.mktemp("region"), sqlite_template) as region:
        yield region


@pytest.fixture
def cities(tmp_path: Path, sqlite_template: Path) -> Iterator[Company]:
    """A region and two cities that it admitted, of this test's own: it may revoke a membership."""
    with admitted_company(tmp_path, sqlite_template) as region:
        yield region


@contextmanager
def admitted_company(home: Path, template: Path) -> Iterator[Company]:
    """A region, and two cities that hold its membership credential."""
    with company(home, template) as region:
        for city in region.cities:
            admit(region.region, city)
        yield region


def revoke(members: Company, city: Running) -> None:
    """Have the region revoke the membership of ``city``."""
    with members.region.client() as office:
        (credential,) = [one for one in office.issued_credentials() if one["holder"] == city.did]
        office.revoke(credential["id"], "left the region")


@contextmanager
def company(home: Path, template: Path, *, cities: int = 2, **settings: Any) -> Iterator[Company]:
    """A region with a rulebook, and cities that have not applied yet. ``settings`` are the first city's."""
    with ExitStack() as stack:
        region = stack.enter_context(running(home / "region", template=template, issuer=True))
        with region.client() as client:
            client.publish({"fields": rulebook(region.did)})
        names = [f"city{number}" for number in range(1, cities + 1)]
        members = [
            stack.enter_context(
                running(home / name, template=template, region=region.did, **(settings if name == "city1" else {}))
            )
            for name in names
        ]
        yield Company(region, tuple(members))


def rulebook(region: str) -> dict[str, Any]:
    """The fields of a rulebook under which ``region`` (its DID) admits members and mobility partners."""
    return {
        "kind": "rulebook",
        "id": "common-rules",
        "title": "Rules of the test region",
        "description": "Who may take part, and which credentials there are. Made up for a test.",
        "publisher": {"name": "Region"},
        "contact": {"name": "Region", "email": "region@example.org"},
        "license": "CC-BY-4.0",
        "theme": ["GOVE"],
        "version": "1.0",
        "valid_from": "2026-01-01",
        "purposes": [{"name": "ImproveTransportMobility", "label": "mobility planning", "text": "Planning."}],
        "audiences": [
            {
                "name": "members",
                "label": "members",
                "text": "Everybody who holds a membership credential.",
                "credentials": ["MembershipCredential"],
            }
        ],
        "credentials": [
            {"type": kind, "label": label, "text": f"The holder is a {label}.", "issuers": [region]}
            for kind, label in (
                ("MembershipCredential", "member"),
                ("MobilityPartnerCredential", "mobility partner"),
            )
        ],
        "templates": [{"name": "open", "text": "Free to use."}, {"name": "members", "text": "For members."}],
        "law": "Belgian law",
        "court": "Courts of Brussels",
        "disputes": "Between the named contacts.",
        "notice": "P1M",
        "retention": "P5Y",
        "text": "Members keep to what they agree.",
    }
