"""The kit's world without the kit: a node in kit profile, and a peer that only listens and records.

What is proved here needs no JDK: that the plug-in points carry the profile (identity, delays, acting again once our
own message was acknowledged), and that the scripts begin anew with each process. The kit itself: ``make tck``.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from node.dialogue.process import Role
from node.negotiation.model import Negotiation
from node.negotiation.strategy import Hold, Look, Offer, Terminate
from node.vocab.dsp import PULL, V2025_1
from tests.nodes import Running, running, until
from tests.tck.profile import KIT, Kit, offer_id
from tests.tck.script import CONSUMING, LISTED, PROVIDING, RECEIVING, SENDING, Negotiating

ROOT = Path(__file__).resolve().parents[2]
DELAY = 0.1
START = datetime(2026, 11, 20, 9, tzinfo=UTC)


# ---- a peer that listens --------------------------------------------------------------------------------------


@dataclass
class Listener:
    """Takes every message, and remembers it by the process id that it uses for itself."""

    port: int = 0
    heard: list[tuple[str, dict[str, Any], float, str]] = field(default_factory=list)

    def about(self, pid: str) -> list[str]:
        """The messages of one process, by type."""
        found = [body for _, body, _, _ in self.heard if pid in (body.get("consumerPid"), body.get("providerPid"))]
        return [str(body.get("eventType") or body["@type"]) for body in found]


@dataclass
class World:
    """A node in kit profile and its peer."""

    node: Running
    kit: Kit
    listener: Listener

    def post(self, path: str, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.node.http(headers={"Authorization": self.kit.authorization}) as http:
            answer = http.post(self.node.dsp + path, json={"@context": [V2025_1.context], **message})
        return answer.status_code, answer.json()

    def state(self, path: str) -> str:
        with self.node.http(headers={"Authorization": self.kit.authorization}) as http:
            return str(http.get(self.node.dsp + path).json()["state"])

    def ask_for(self, dataset: str) -> tuple[str, str]:
        """Open a negotiation with the node: (its pid, ours)."""
        ours = f"urn:uuid:{uuid.uuid4()}"
        status, answer = self.post(
            "/negotiations/request",
            {
                "@type": "ContractRequestMessage",
                "consumerPid": ours,
                "callbackAddress": self.kit.address,
                "offer": _offer(offer_id(dataset), dataset),
            },
        )
        assert (status, answer["state"]) == (201, "REQUESTED")
        return answer["providerPid"], ours

    def ask_for_bytes(self, agreement: str) -> tuple[str, str]:
        ours = f"urn:uuid:{uuid.uuid4()}"
        status, answer = self.post(
            "/transfers/request",
            {
                "@type": "TransferRequestMessage",
                "consumerPid": ours,
                "agreementId": agreement,
                "format": PULL,
                "callbackAddress": self.kit.address,
            },
        )
        assert (status, answer["state"]) == (201, "REQUESTED")
        return answer["providerPid"], ours

    def trigger(self, what: str, **members: str) -> str:
        """Tell the node to begin as consumer: its pid, from its opening message."""
        known = len(self.listener.heard)
        with self.node.http() as http:
            answer = http.post(
                f"/tck/{what}/requests",
                json={"providerId": KIT, "connectorAddress": self.kit.address, **members},
            )
        assert answer.status_code == 204
        opened = until(
            "the node asks",
            lambda: [body for path, body, _, _ in self.listener.heard[known:] if path == f"/{what}/request"],
        )
        return str(opened[0]["consumerPid"])


def _offer(name: str, dataset: str) -> dict[str, Any]:
    return {"@id": name, "@type": "Offer", "target": dataset, "permission": [{"action": "use"}]}


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            listener.heard.append((self.path, body, time.monotonic(), self.headers["Authorization"]))
            answer: dict[str, Any] = {}
            if self.path.endswith("/request") and "callbackAddress" in body:
                answer = {"consumerPid": body["consumerPid"], "providerPid": f"theirs of {body['consumerPid']}"}
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            return

    return Handler


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    listener = Listener()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(listener))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kit = Kit(address=f"http://127.0.0.1:{server.server_port}", delay=DELAY)
    try:
        with running(
            tmp_path_factory.mktemp("kit") / "node",
            template=sqlite_template,
            options=kit.options(),
            prepare=kit.settle,
        ) as node:
            yield World(node, kit, listener)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


# ---- what the node does by itself -----------------------------------------------------------------------------


@pytest.mark.parametrize("time", ["first", "second"])
@pytest.mark.parametrize(
    ("agreement", "sequence", "end"),
    [
        ("ATP0101", ["TransferStartMessage", "TransferTerminationMessage"], "TERMINATED"),
        (
            "ATP0104",
            [
                "TransferStartMessage",
                "TransferSuspensionMessage",
                "TransferStartMessage",
                "TransferCompletionMessage",
            ],
            "COMPLETED",
        ),
        ("ATP0105", ["TransferTerminationMessage"], "TERMINATED"),
    ],
)
def test_it_acts_again_once_its_own_message_was_taken(
    world: World, agreement: str, sequence: list[str], end: str, time: str
) -> None:
    """Also the second time: the script is counted by process, not by id."""
    theirs, ours = world.ask_for_bytes(agreement)
    until(f"it is {end}", lambda: world.state(f"/transfers/{theirs}") == end)
    assert world.listener.about(ours) == sequence
    starts = [body for _, body, _, _ in world.listener.heard if body["@type"] == "TransferStartMessage"]
    assert all(body["dataAddress"]["endpointProperties"] for body in starts)


def test_an_offer_and_then_an_end(world: World) -> None:
    theirs, ours = world.ask_for("ACN0205")
    until("it ends", lambda: world.state(f"/negotiations/{theirs}") == "TERMINATED")
    assert world.listener.about(ours) == ["ContractOfferMessage", "ContractNegotiationTerminationMessage"]


def test_the_counter_offer_brings_it_to_its_second_entry(world: World) -> None:
    theirs, ours = world.ask_for("ACN0102")
    until("it offers", lambda: world.listener.about(ours) == ["ContractOfferMessage"])
    until("it knows that", lambda: world.state(f"/negotiations/{theirs}") == "OFFERED")
    counter = {
        "@type": "ContractRequestMessage",
        "@id": f"urn:uuid:{uuid.uuid4()}",
        "consumerPid": ours,
        "providerPid": theirs,
        "offer": _offer(offer_id("ACN0102"), "ACN0102"),
    }
    assert world.post(f"/negotiations/{theirs}/request", counter)[0] == 200
    # The same message with another id is a message of its own, and does not fit: 400, never 404 (kit, CN:03-04).
    status, told = world.post(f"/negotiations/{theirs}/request", {**counter, "@id": f"urn:uuid:{uuid.uuid4()}"})
    assert (status, told["@type"]) == (400, "ContractNegotiationError")
    until("it ends", lambda: world.state(f"/negotiations/{theirs}") == "TERMINATED")
    assert world.listener.about(ours)[-1] == "ContractNegotiationTerminationMessage"


def test_nothing_where_the_script_says_nothing(world: World) -> None:
    negotiation, ours = world.ask_for("ACN0202")
    transfer, also_ours = world.ask_for_bytes("ATP0301")
    time.sleep(3 * DELAY)
    assert world.state(f"/negotiations/{negotiation}") == world.state(f"/transfers/{transfer}") == "REQUESTED"
    assert world.listener.about(ours) == world.listener.about(also_ours) == []


def test_it_waits_before_it_acts(world: World) -> None:
    asked = time.monotonic()
    _, ours = world.ask_for_bytes("ATP0201")
    until("it starts", lambda: world.listener.about(ours))
    (heard,) = [at for _, body, at, _ in world.listener.heard if body.get("consumerPid") == ours]
    assert heard - asked > DELAY


def test_as_consumer_it_counters_once(world: World) -> None:
    ours = world.trigger("negotiations", datasetId="ACNC0102", offerId="offerACNC0102")
    pids = {"providerPid": f"theirs of {ours}", "consumerPid": ours}
    offer = _offer("offerACNC0102", "ACNC0102")
    status, _ = world.post(f"/negotiations/{ours}/offers", {"@type": "ContractOfferMessage", **pids, "offer": offer})
    assert status == 200
    until("it counters", lambda: world.listener.about(ours) == ["ContractRequestMessage"] * 2)
    path, counter, _, sent = world.listener.heard[-1]
    assert path == f"/negotiations/theirs%20of%20{ours}/request"
    assert counter["offer"] == {**offer, "permission": [{"action": "use"}]}
    assert sent == world.kit.authorization
    until("the state is back", lambda: world.state(f"/negotiations/{ours}") == "REQUESTED")
    time.sleep(3 * DELAY)
    assert len(world.listener.about(ours)) == 2


def test_as_consumer_it_never_fetches(world: World) -> None:
    ours = world.trigger("transfers", agreementId="ATPC0203", format=PULL)
    start = {
        "@type": "TransferStartMessage",
        "providerPid": f"theirs of {ours}",
        "consumerPid": ours,
        "dataAddress": {
            "@type": "DataAddress",
            "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
            "endpoint": f"{world.kit.address}/bytes",
        },
    }
    assert world.post(f"/transfers/{ours}/start", start)[0] == 200
    until("it ends", lambda: world.state(f"/transfers/{ours}") == "TERMINATED")
    assert world.listener.about(ours) == [
        "TransferRequestMessage",
        "TransferSuspensionMessage",
        "TransferTerminationMessage",
    ]
    stores = world.node.node.parts.stores
    with stores.uow.read() as tx:
        assert stores.transfer.receptions.get(tx, ours) is None
        assert stores.outbox.dead(tx) == []


def test_the_kit_is_known_by_its_word_alone(world: World) -> None:
    theirs, _ = world.ask_for("ACN0202")
    with world.node.http() as http:
        for header in ("Bearer another", "Basic another", f"bearer {world.kit.word}"):
            answer = http.get(f"{world.node.dsp}/negotiations/{theirs}", headers={"Authorization": header})
            assert answer.status_code == 404, header


# ---- the tables -----------------------------------------------------------------------------------------------


def test_the_tables_name_every_test_of_the_kit() -> None:
    names = [*PROVIDING, *CONSUMING, *SENDING, *RECEIVING]
    assert len(names) == len(set(names)) == 15 + 16 + 16 + 16
    assert len(LISTED) == 2


def test_the_configuration_names_every_id_once() -> None:
    told = Kit(address="http://127.0.0.1:1").properties(node="http://n", dsp="http://n/dsp", did="did:web:n")
    lines = told.splitlines()
    keys = [line.partition("=")[0] for line in lines]
    assert len(keys) == len(set(keys))
    for line in ("CN_02_03_DATASETID=ACN0203", "CN_02_03_OFFERID=CD123:ACN0203:456", "TP_C_03_06_FORMAT=" + PULL):
        assert line in lines


def test_the_scripts_count_the_entries_of_one_process() -> None:
    strategy = Negotiating(0.5)

    def look(*messages: str, state: str = "REQUESTED", dataset: str = "ACN0102") -> Look:
        negotiation = Negotiation(
            pid="ours",
            role=Role.PROVIDER,
            peer=KIT,
            peer_pid="theirs",
            peer_address="http://127.0.0.1:1",
            version=V2025_1.name,
            state=state,
            created=START,
            updated=START,
            dataset=dataset,
            offer={},
            offered_by=Role.CONSUMER,
        )
        return Look(
            negotiation=negotiation,
            decision=None,
            own_offer={"@id": "o"},
            same_terms=True,
            messages_so_far=lambda: messages,
        )

    request, offer = "ContractRequestMessage", "ContractOfferMessage"
    assert strategy.next(look(request)) == Offer({"@id": "o"}, after=0.5)
    assert isinstance(strategy.next(look(request, offer, request)), Terminate)
    assert strategy.next(look(request, offer, request, offer, request)) == Hold()
    assert strategy.next(look(request, offer, state="OFFERED")) == Hold()
    assert strategy.next(look(request, dataset="ACN9999")) == Hold()


def test_nothing_in_the_node_knows_the_kit() -> None:
    ids = re.compile(rb"AC[NT]C?0\d{3}|ATPC?0\d{3}|CAT010\d|CD123|TCK_PARTICIPANT|CONNECTOR_UNDER_TEST|\btck\b", re.I)
    files = [
        str(path.relative_to(ROOT))
        for folder in ("node", "federation", "demo")
        for path in (ROOT / folder).rglob("*.py")
        if ids.search(path.read_bytes())
    ]
    assert files == []
