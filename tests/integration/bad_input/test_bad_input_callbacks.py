"""Callback addresses and DIDs that lead inside: refused with 4xx, nothing stored, nothing dialled.

The node under test talks to nobody on this machine (``allow_loopback`` is off); who calls is told by a header,
since a stranger's real identity could not be resolved without a network.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import HTTPConnection

from node.adapters.egress import Egress
from node.base.errors import ForbiddenAddress, PeerUnreachable
from node.bootstrap.node import HansaNode
from node.identity.jose import b64url
from node.identity.model import Caller, DidDocument
from tests.conformance.dsp import faults
from tests.integration.hostile import footprint, naughty
from tests.nodes import Running, offer_of, publish, running

PEER = "did:web:peer.example"
PEER_DOCUMENT = {"@context": ["https://www.w3.org/ns/did/v1"], "id": PEER, "verificationMethod": [], "service": []}
CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]
HEADER = "x-test-participant"


class Canary:
    """Listens where nobody should call, and counts the calls."""

    def __init__(self) -> None:
        self.hits = 0
        self._stack = ExitStack()
        first = self._listen(socket.AF_INET, ("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        if socket.has_ipv6:
            with suppress(OSError):  # without IPv6 on this machine nobody can be called there either
                self._listen(socket.AF_INET6, ("::1", self.port))

    def _listen(self, family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
        listener = self._stack.enter_context(closing(socket.socket(family, socket.SOCK_STREAM)))
        listener.bind(address)
        listener.listen(64)
        threading.Thread(target=self._count, args=(listener,), daemon=True).start()
        return listener

    def _count(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    bird = Canary()
    with socket.create_connection(("127.0.0.1", bird.port)):
        time.sleep(0.05)
    assert bird.hits == 1, "the canary sings"
    bird.hits = 0
    yield bird
    bird.close()


async def by_header(request: HTTPConnection) -> Caller | None:
    did = request.headers.get(HEADER)
    return Caller(did=did) if did else None


def _know_the_peer(node: HansaNode) -> None:
    real = node.people.peers.did_document

    async def did_document(did: str, *, fresh: bool = False) -> DidDocument:
        return DidDocument(id=PEER, raw=PEER_DOCUMENT) if did == PEER else await real(did, fresh=fresh)

    node.people.peers.did_document = did_document  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(
        tmp_path_factory.mktemp("ssrf"),
        template=sqlite_template,
        allow_loopback=False,
        prepare=_know_the_peer,
        options={"authenticators": (by_header,)},
    ) as started:
        publish(started, "open-data")
        yield started


def opening(node: Running, callback: Any) -> dict[str, Any]:
    iri = f"{node.url}/datasets/open-data"
    return {
        "@context": CONTEXT,
        "@type": "ContractRequestMessage",
        "@id": f"urn:uuid:{time.monotonic_ns()}",
        "consumerPid": f"urn:uuid:{time.monotonic_ns()}",
        "callbackAddress": callback,
        "offer": {**offer_of(node, iri), "target": iri},
    }


def transfer(callback: Any) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@type": "TransferRequestMessage",
        "consumerPid": f"urn:uuid:{time.monotonic_ns()}",
        "agreementId": "urn:uuid:1",
        "format": "HttpData-PULL",
        "callbackAddress": callback,
    }


def _variants(url: str, port: int) -> list[str]:
    """The address as listed, over https, and with the canary's port wherever it names no other."""
    with_port = re.sub(r"(//[^/:@\\]*[^/:@\\\d\]]?[\d\].a-zA-Z]*)/", rf"\1:{port}/", url, count=1)
    found = [url, re.sub("^http:", "https:", url), with_port, re.sub("^http:", "https:", with_port)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("url", naughty("urls_must_not_be_dialled"), ids=repr)
def test_addresses_inside_are_not_called_back(node: Running, canary: Canary, url: str) -> None:
    before = footprint(node)
    with node.http(headers={HEADER: PEER}) as http:
        for address in _variants(url, canary.port):
            for path, body in (("negotiations", opening(node, address)), ("transfers", transfer(address))):
                answer = http.post(f"{node.dsp}/{path}/request", json=body)
                assert 400 <= answer.status_code < 500, f"{address}: {answer.status_code} {answer.text[:200]}"
                assert faults(answer.json()) == []
    assert footprint(node) == before
    assert canary.hits == 0


@pytest.mark.parametrize(
    "callback", [None, 7, {}, [], "", "x" * 5000, "https://peer.example/\0", "https://user@peer.example/"], ids=repr
)
def test_callbacks_that_are_no_addresses(node: Running, callback: Any) -> None:
    before = footprint(node)
    with node.http(headers={HEADER: PEER}) as http:
        for path, body in (("negotiations", opening(node, callback)), ("transfers", transfer(callback))):
            assert http.post(f"{node.dsp}/{path}/request", json=body).status_code == 400
    assert footprint(node) == before


@pytest.mark.parametrize(
    "callback",
    [
        "https://other.example/dsp",
        "https://peer.example.other.example/dsp",
        "https://otherpeer.example/dsp",
        "https://peer.example:22/dsp",
        "https://peer.example@other.example/dsp",
        "http://peer.example/dsp",
    ],
)
def test_an_address_that_is_not_the_callers(node: Running, callback: str) -> None:
    """Threat 2: whoever could name another's address could make us talk to it, in the caller's name."""
    before = footprint(node)
    with node.http(headers={HEADER: PEER}) as http:
        answer: httpx2.Response = http.post(f"{node.dsp}/negotiations/request", json=opening(node, callback))
        assert answer.status_code == 400, answer.text
    assert footprint(node) == before


def test_the_callers_own_address_is_taken(node: Running) -> None:
    """The control: everything about these requests is good but for the address."""
    with node.http(headers={HEADER: PEER}) as http:
        answer = http.post(f"{node.dsp}/negotiations/request", json=opening(node, "https://peer.example/dsp"))
        assert answer.status_code == 201, answer.text


async def test_the_way_out_has_the_same_rules(node: Running, canary: Canary) -> None:
    """Whatever comes to hold such an address later (data addresses, status lists, feeds) is not dialled."""
    egress = Egress(allow_loopback=node.node.parts.settings.allow_loopback)
    try:
        for url in naughty("urls_must_not_be_dialled"):
            for address in _variants(url, canary.port):
                with pytest.raises((ForbiddenAddress, PeerUnreachable)):
                    await egress.request("GET", address, timeout=2)
    finally:
        await egress.close()
    assert canary.hits == 0


@pytest.mark.parametrize("did", naughty("did_web_must_be_refused"), ids=repr)
def test_dids_that_lead_inside_identify_nobody(node: Running, canary: Canary, did: str) -> None:
    """Threat 3: a token's issuer is a DID to be resolved, and thereby an address."""
    now = int(time.time())
    for name in (did, did.replace("%3A8080", f"%3A{canary.port}")):
        claims = {"iss": name, "sub": name, "aud": node.did, "jti": str(now), "iat": now, "exp": now + 60}
        header = {"alg": "ES256", "typ": "JWT", "kid": f"{name}#key-1"}
        token = ".".join(b64url(json.dumps(part).encode()) for part in (header, claims)) + "." + b64url(b"0" * 64)
        with node.http() as http:
            answer = http.get(f"{node.dsp}/catalog/datasets/x", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, answer.text
        assert faults(answer.json()) == []
    assert canary.hits == 0


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}", "http://[::1]:{port}", "http://localhost:{port}"],
)
def test_people_cannot_send_the_node_inside_either(node: Running, canary: Canary, address: str) -> None:
    """Joining a region, following a node, getting an asset: all of it starts with an address somebody typed."""
    url = address.format(port=canary.port)
    with node.http(headers=node.person()) as http:
        for path, body in (
            ("/api/join", {"region": url}),
            ("/api/members", {"url": url}),
            ("/api/negotiations", {"dataset": f"{url}/datasets/x"}),
        ):
            answer = http.post(path, json=body)
            assert answer.status_code == 400, f"{path}: {answer.status_code} {answer.text}"
        assert http.get("/api/conditions", params={"iri": f"{url}/datasets/x"}).status_code == 400
    assert canary.hits == 0
