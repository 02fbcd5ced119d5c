"""What everybody who fetches other participants' documents promises; and what the one over HTTP does besides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from node.adapters.egress import Egress
from node.adapters.peers import HttpPeers
from node.base.errors import (
    Conflict,
    ForbiddenAddress,
    HansaError,
    InvalidInput,
    Overloaded,
    PeerUnreachable,
    TooLarge,
    Unauthenticated,
)
from node.identity.credentials.access_tokens import AccessTokens, OutgoingTokens
from node.identity.documents import build_document
from node.identity.messages import credential_message, credential_request
from node.identity.model import DidDocument
from node.identity.ports import Peers
from node.identity.tokens import IdToken, read_token, verify_token
from tests.fakes.keys import MemoryKeyRing
from tests.fakes.stores.peers import MemoryPeers
from tests.simulator.http_servers import Address, served
from tests.simulator.peer_documents import HandClock, Participant

ME = Participant("me.example")
SCOPES = ["org.eclipse.dspace.dcp.vc.type:MembershipCredential:read"]


class Peer:
    """A participant over HTTP that counts, and answers what the test wants."""

    def __init__(self, address: Address) -> None:
        self.address, self.did = address, address.did
        self.keyring = MemoryKeyRing(address.did)
        self.raw: Any = build_document(self.keyring, address.url, issuer=True)
        self.answers: dict[str, Response] = {}
        self.hits: dict[str, int] = {}
        self.tokens: list[IdToken] = []
        self.messages: list[Any] = []
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.hits[path] = self.hits.get(path, 0) + 1
        await asyncio.sleep(0.002)
        if request.method == "POST":
            self.messages.append(await request.json())
        authorization = request.headers.get("authorization")
        if authorization is not None:
            read = read_token(authorization.removeprefix("Bearer "), audience=self.did, now=HandClock().now())
            self.tokens.append(verify_token(read, DidDocument(id=ME.did, raw=ME.document())))
        if path == "/.well-known/did.json" and path not in self.answers:
            return JSONResponse(self.raw)
        return self.answers.get(path, PlainTextResponse("nothing here", 404))


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    def make(address: Address) -> tuple[Any, Peer]:
        one = Peer(address)
        return one.app, one

    async with served(make) as (_, one):
        yield one


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(allow_loopback=True) as one:
        yield one


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def outgoing(clock: HandClock) -> OutgoingTokens:
    return OutgoingTokens(ME.keyring, clock, AccessTokens(ME.keyring, clock))


@pytest.fixture
def http_peers(egress: Egress, clock: HandClock) -> HttpPeers:
    return HttpPeers(egress, outgoing(clock), clock)


@pytest.fixture(params=["http", "memory"])
def peers(request: pytest.FixtureRequest, http_peers: HttpPeers, peer: Peer) -> Peers:
    """Both, with the same participant behind them."""
    metadata = {"type": "IssuerMetadata", "issuer": peer.did, "credentialsSupported": []}
    if request.param == "http":
        peer.answers = {
            "/dcp/presentations/query": JSONResponse({"presentation": ["vp"]}),
            "/status/1": PlainTextResponse("a.b.c"),
            "/schema": JSONResponse({"type": "object"}),
            "/issuer/metadata": JSONResponse(metadata),
            "/issuer/credentials": Response(status_code=201, headers={"Location": "/issuer/requests/77"}),
            "/dcp/credentials": Response(),
        }
        return http_peers
    memory = MemoryPeers()
    memory.documents[peer.did] = peer.raw

    async def show(access_token: str, scopes: Sequence[str]) -> list[Any]:
        return ["vp"]

    memory.shows[peer.did] = show
    memory.lists[f"{peer.address.url}/status/1"] = "a.b.c"
    memory.json_documents[f"{peer.address.url}/schema"] = {"type": "object"}
    memory.metadata[peer.did] = metadata
    memory.request_answer = "77"
    return memory


class TestPeers:
    async def test_a_document_is_found_by_its_did(self, peers: Peers, peer: Peer) -> None:
        document = await peers.did_document(peer.did)
        assert (document.id, document.raw) == (peer.did, peer.raw)
        assert await peers.did_document(peer.did, fresh=True) == document

    @pytest.mark.parametrize(
        "did", ["did:web:", "did:key:z6Mk", "did:web:10.0.0.1", "did:web:a", "", "did:web:A.example"]
    )
    async def test_names_that_are_not_resolved(self, peers: Peers, did: str) -> None:
        with pytest.raises(InvalidInput):
            await peers.did_document(did)

    async def test_somebody_who_is_not_there(self, peers: Peers) -> None:
        with pytest.raises(PeerUnreachable):
            await peers.did_document("did:web:127.0.0.1%3A1")

    async def test_presentations_lists_and_schemas(self, peers: Peers, peer: Peer) -> None:
        document = await peers.did_document(peer.did)
        assert await peers.presentations(document, "access", SCOPES) == ["vp"]
        assert await peers.status_list(f"{peer.address.url}/status/1", max_age=60) == "a.b.c"
        assert await peers.json_document(f"{peer.address.url}/schema") == {"type": "object"}

    async def test_issuance(self, peers: Peers, peer: Peer) -> None:
        document = await peers.did_document(peer.did)
        assert (await peers.issuer_metadata(document))["issuer"] == peer.did
        assert await peers.request_credentials(document, credential_request("1", ["a"])) == "77"
        await peers.deliver_credentials(document, credential_message(issuer_pid="1", holder_pid="2", rejection="no"))

    async def test_a_participant_without_the_service(self, peers: Peers, peer: Peer) -> None:
        bare = DidDocument(id=peer.did, raw={"id": peer.did})
        with pytest.raises(InvalidInput):
            await peers.presentations(bare, "access", SCOPES)


class TestDocuments:
    async def test_they_are_kept_for_five_minutes(self, http_peers: HttpPeers, peer: Peer, clock: HandClock) -> None:
        for _ in range(5):
            await http_peers.did_document(peer.did)
            clock.forward(59)
        assert peer.hits["/.well-known/did.json"] == 1
        clock.forward(6)
        await http_peers.did_document(peer.did)
        assert peer.hits["/.well-known/did.json"] == 2

    async def test_many_at_once_are_one_request(self, http_peers: HttpPeers, peer: Peer) -> None:
        await asyncio.gather(*(http_peers.did_document(peer.did) for _ in range(50)))
        assert peer.hits["/.well-known/did.json"] == 1

    async def test_a_flood_of_unknown_keys_costs_a_few_fetches_and_then_one_a_minute(
        self, http_peers: HttpPeers, peer: Peer, clock: HandClock
    ) -> None:
        await http_peers.did_document(peer.did)
        for _ in range(30):
            await http_peers.did_document(peer.did, fresh=True)
            clock.forward(1)
        assert peer.hits["/.well-known/did.json"] == 1 + 5, "at once, and after 1, 2, 4 and 8 seconds"
        for _ in range(600):
            await http_peers.did_document(peer.did, fresh=True)
            clock.forward(1)
        assert peer.hits["/.well-known/did.json"] <= 6 + 12

    async def test_a_look_that_came_too_early_hides_no_new_key(
        self, http_peers: HttpPeers, peer: Peer, clock: HandClock
    ) -> None:
        await http_peers.did_document(peer.did)
        await http_peers.did_document(peer.did, fresh=True)  # as whoever proves an agreement does
        peer.raw = {**peer.raw, "verificationMethod": []}
        clock.forward(1)
        assert (await http_peers.did_document(peer.did, fresh=True)).raw == peer.raw

    async def test_a_look_that_failed_is_done_again_soon(
        self, http_peers: HttpPeers, peer: Peer, clock: HandClock
    ) -> None:
        await http_peers.did_document(peer.did)
        peer.answers["/.well-known/did.json"] = PlainTextResponse("too many", 429)
        for _ in range(5):
            with pytest.raises(PeerUnreachable):
                await http_peers.did_document(peer.did, fresh=True)
        assert peer.hits["/.well-known/did.json"] == 2, "a failure counts for two seconds"
        del peer.answers["/.well-known/did.json"]
        peer.raw = {**peer.raw, "verificationMethod": []}
        clock.forward(3)
        assert (await http_peers.did_document(peer.did, fresh=True)).raw == peer.raw

    async def test_all_who_meet_a_new_key_at_once_wait_for_the_new_document(
        self, http_peers: HttpPeers, peer: Peer
    ) -> None:
        await http_peers.did_document(peer.did)
        peer.raw = {**peer.raw, "verificationMethod": []}
        found = await asyncio.gather(*(http_peers.did_document(peer.did, fresh=True) for _ in range(20)))
        assert [document.raw for document in found] == [peer.raw] * 20
        assert peer.hits["/.well-known/did.json"] == 2

    async def test_a_flood_of_strangers_pushes_nobody_out(
        self, http_peers: HttpPeers, peer: Peer, clock: HandClock
    ) -> None:
        async def strangers(first: int, number: int) -> int:
            names = [f"{peer.did}:nobody:{one}" for one in range(first, first + number)]
            found = await asyncio.gather(*map(http_peers.did_document, names), return_exceptions=True)
            assert all(isinstance(one, HansaError) for one in found)
            return sum(isinstance(one, Overloaded) for one in found)

        await http_peers.did_document(peer.did)
        for first in range(0, 1200, 100):
            assert await strangers(first, 100) == 0
        crowd = asyncio.create_task(strangers(2000, 300))
        await asyncio.sleep(0.01)
        assert (await http_peers.did_document(peer.did)).id == peer.did
        assert 100 < await crowd < 300, "those beyond the limit are turned away at once, the others are looked up"
        clock.forward(299)
        await http_peers.did_document(peer.did)
        assert peer.hits["/.well-known/did.json"] == 1

    async def test_a_removed_key_is_gone_after_five_minutes(
        self, http_peers: HttpPeers, peer: Peer, clock: HandClock
    ) -> None:
        before = await http_peers.did_document(peer.did)
        peer.raw = {**peer.raw, "verificationMethod": []}
        assert await http_peers.did_document(peer.did) == before
        clock.forward(301)
        assert (await http_peers.did_document(peer.did)).raw["verificationMethod"] == []

    async def test_a_document_about_another_is_refused(self, http_peers: HttpPeers, peer: Peer) -> None:
        peer.raw = {**peer.raw, "id": ME.did}
        with pytest.raises(InvalidInput, match="another DID"):
            await http_peers.did_document(peer.did)

    async def test_failures_are_remembered_for_seconds(
        self, http_peers: HttpPeers, peer: Peer, clock: HandClock
    ) -> None:
        path = "/.well-known/did.json"
        peer.answers[path] = PlainTextResponse("down", 503)
        for _ in range(3):
            with pytest.raises(PeerUnreachable):
                await http_peers.did_document(peer.did)
        assert peer.hits[path] == 1
        del peer.answers[path]
        clock.forward(3)
        await http_peers.did_document(peer.did)
        assert peer.hits[path] == 2

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (lambda: PlainTextResponse("gone", 404), InvalidInput),
            (lambda: PlainTextResponse("oops", 500), PeerUnreachable),
            (lambda: PlainTextResponse("<html>"), PeerUnreachable),
            (lambda: JSONResponse([]), InvalidInput),
            (lambda: PlainTextResponse("{" + " " * 70_000 + "}"), TooLarge),
            (lambda: Response(status_code=302, headers={"Location": "http://10.0.0.1/did.json"}), PeerUnreachable),
            (lambda: Response(status_code=302, headers={"Location": "/x"}), PeerUnreachable),
        ],
    )
    async def test_answers_that_are_no_document(
        self, http_peers: HttpPeers, peer: Peer, answer: Any, error: type[Exception]
    ) -> None:
        peer.answers["/.well-known/did.json"] = answer()
        with pytest.raises(error):
            await http_peers.did_document(peer.did)

    async def test_our_own_document_needs_no_detour(self, egress: Egress, clock: HandClock) -> None:
        own = DidDocument(id=ME.did, raw=ME.document())

        async def own_list(url: str) -> str:
            return f"list {url}"

        peers = HttpPeers(
            egress,
            outgoing(clock),
            clock,
            own_document=lambda: own,
            own_status_list=own_list,
            own_status_prefix=f"{ME.url}/status/",
        )
        assert await peers.did_document(ME.did) == own
        assert await peers.status_list(f"{ME.url}/status/1", max_age=1) == f"list {ME.url}/status/1"

    async def test_without_the_switch_loopback_is_no_name(self, clock: HandClock, peer: Peer) -> None:
        async with Egress() as closed:
            with pytest.raises(InvalidInput):
                await HttpPeers(closed, outgoing(clock), clock).did_document(peer.did)


class TestStatusLists:
    async def test_no_older_than_asked_for(self, http_peers: HttpPeers, peer: Peer, clock: HandClock) -> None:
        url = f"{peer.address.url}/status/1"
        peer.answers["/status/1"] = PlainTextResponse("a.b.c")
        for age in (60, 60, 1):
            await http_peers.status_list(url, max_age=age)
        assert peer.hits["/status/1"] == 1
        clock.forward(1)
        peer.answers["/status/1"] = PlainTextResponse("d.e.f\n")
        assert await http_peers.status_list(url, max_age=60) == "a.b.c"
        assert await http_peers.status_list(url, max_age=1) == "d.e.f"
        assert await http_peers.status_list(url, max_age=0) == "d.e.f"
        assert peer.hits["/status/1"] == 3

    async def test_lists_as_json(self, http_peers: HttpPeers, peer: Peer) -> None:
        peer.answers["/status/1"] = JSONResponse({"type": "x"})
        assert await http_peers.status_list(f"{peer.address.url}/status/1", max_age=1) == {"type": "x"}
        peer.answers["/status/2"] = JSONResponse("a.b.c")
        assert await http_peers.status_list(f"{peer.address.url}/status/2", max_age=1) == "a.b.c"

    @pytest.mark.parametrize("status", [404, 500])
    async def test_no_list(self, http_peers: HttpPeers, peer: Peer, status: int) -> None:
        peer.answers["/status/1"] = PlainTextResponse("x", status)
        with pytest.raises(PeerUnreachable):
            await http_peers.status_list(f"{peer.address.url}/status/1", max_age=1)

    async def test_a_list_inside(self, http_peers: HttpPeers) -> None:
        with pytest.raises(ForbiddenAddress):
            await http_peers.status_list("http://169.254.169.254/status/1", max_age=1)


class TestMessages:
    async def test_a_query_carries_the_access_token_we_were_given(self, http_peers: HttpPeers, peer: Peer) -> None:
        peer.answers["/dcp/presentations/query"] = JSONResponse({"presentation": "vp"})
        document = await http_peers.did_document(peer.did)
        assert await http_peers.presentations(document, "given", SCOPES) == ["vp"]
        assert peer.tokens[0].access_token == "given"
        assert peer.messages[0]["scope"] == SCOPES

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 501, 500, 503, 429])
    async def test_a_refusal_is_the_callers_fault_and_a_failure_is_not(
        self, http_peers: HttpPeers, peer: Peer, status: int
    ) -> None:
        peer.answers["/dcp/presentations/query"] = PlainTextResponse("no", status)
        document = await http_peers.did_document(peer.did)
        error = Unauthenticated if status in (400, 401, 403, 404) else PeerUnreachable
        with pytest.raises(error):
            await http_peers.presentations(document, "given", SCOPES)

    async def test_an_answer_without_presentations_shows_none(self, http_peers: HttpPeers, peer: Peer) -> None:
        document = await http_peers.did_document(peer.did)
        answers: list[Any] = [{}, [], {"presentation": None}, {"presentation": []}]
        for answer in answers:
            peer.answers["/dcp/presentations/query"] = JSONResponse(answer)
            assert await http_peers.presentations(document, "given", SCOPES) == []

    async def test_a_request_lets_the_issuer_ask_back_and_a_delivery_does_not(
        self, http_peers: HttpPeers, peer: Peer
    ) -> None:
        document = await http_peers.did_document(peer.did)
        peer.answers["/issuer/credentials"] = Response(status_code=201)
        peer.answers["/dcp/credentials"] = Response(status_code=204)
        assert await http_peers.request_credentials(document, {"type": "x"}) == ""
        await http_peers.deliver_credentials(document, {"type": "x"})
        assert [token.access_token is None for token in peer.tokens] == [False, True]
        assert len({token.jti for token in peer.tokens}) == 2

    @pytest.mark.parametrize(("status", "error"), [(400, Conflict), (404, Conflict), (401, PeerUnreachable)])
    async def test_what_the_receiver_will_never_take(
        self, http_peers: HttpPeers, peer: Peer, status: int, error: type[Exception]
    ) -> None:
        peer.answers["/dcp/credentials"] = JSONResponse({"detail": "nothing was asked"}, status)
        document = await http_peers.did_document(peer.did)
        with pytest.raises(error) as caught:
            await http_peers.deliver_credentials(document, {"type": "x"})
        if error is Conflict:
            assert "nothing was asked" in str(caught.value)
