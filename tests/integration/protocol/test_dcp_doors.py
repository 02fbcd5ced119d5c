"""The doors of identity over HTTP: who is let in, what they answer, what they never say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import HTTPConnection, Request

from node.adapters.egress import Answer
from node.base.errors import NotAllowed, Unauthenticated
from node.identity.credentials.issuance import SupportedCredential
from node.identity.messages import credential_request, presentation_query, type_scope
from node.identity.model import Caller, UserRole
from node.identity.roles import UseCase, require
from node.web.callers import COOKIE
from tests.simulator.dcp_node import MEMBER, DcpNode, nodes
from tests.simulator.http_servers import Address

QUERY = presentation_query([type_scope(MEMBER)])
PASSWORD = "correct horse battery"


async def _kit_authenticator(request: HTTPConnection) -> Caller | None:
    """As a plug-in for a kit would do it: a scheme of its own, and nobody else's business."""
    value = request.headers.get("authorization", "")
    return Caller(did=json.loads(value)["clientId"]) if value.startswith("{") else None


@pytest.fixture
async def two() -> AsyncIterator[tuple[DcpNode, DcpNode]]:
    def region(address: Address) -> DcpNode:
        return DcpNode(
            address, issues=[SupportedCredential(credential_type=MEMBER)], authenticators=[_kit_authenticator]
        )

    async with nodes(region, DcpNode) as (one, other):
        yield one, other


Two = tuple[DcpNode, DcpNode]


async def send(
    sender: DcpNode, receiver: DcpNode, path: str, body: Any = None, *, token: str | None = "", method: str = "POST"
) -> Answer:
    """One request; ``token`` empty means a good one, None means none."""
    authorization = f"Bearer {sender.tokens.bearer(receiver.did)}" if token == "" else token
    headers = {"Content-Type": "application/json", **({"Authorization": authorization} if authorization else {})}
    data = body if isinstance(body, bytes) else (json.dumps(body).encode() if body is not None else None)
    return await sender.egress.request(method, receiver.url + path, headers=headers, body=data, timeout=10)


CLOSED = [
    ("POST", "/dcp/presentations/query"),
    ("POST", "/dcp/credentials"),
    ("POST", "/dcp/offers"),
    ("POST", "/issuer/credentials"),
    ("GET", "/issuer/requests/x"),
]


class TestDoors:
    @pytest.mark.parametrize(("method", "path"), CLOSED)
    async def test_without_a_good_token_nobody_is_let_in(self, two: Two, method: str, path: str) -> None:
        region, city = two
        raw = city.tokens.bearer(region.did)
        bad: list[str | None] = [None, raw, f"Basic {raw}", "Bearer", "Bearer x.y.z", f"Bearer {raw[:-4]}AAAA"]
        bad += [f"Bearer {city.tokens.bearer(city.did)}", f"Bearer {region.tokens.bearer(region.did)}"]
        for token in bad:
            answer = await send(city, region, path, QUERY, token=token, method=method)
            assert answer.status == 401, token
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert (problem["status"], problem["code"]) == (401, "unauthenticated")
            assert raw not in answer.body.decode()

    @pytest.mark.parametrize(("method", "path"), CLOSED)
    async def test_a_did_that_does_not_answer_is_a_stranger(self, two: Two, method: str, path: str) -> None:
        region, _ = two
        from tests.simulator.peer_documents import Participant

        ghost = Participant("127.0.0.1%3A1")
        token = ghost.token(region.did, now=region.clock.now())
        assert (await send(region, region, path, QUERY, token=f"Bearer {token}", method=method)).status == 401

    @pytest.mark.parametrize("path", [path for method, path in CLOSED if method == "POST"])
    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"a":1,"a":2}', b'{"n":NaN}', b"\xff", b"[" * 5000, b"{}{}"],
    )
    async def test_bodies_that_are_no_message(self, two: Two, path: str, body: bytes) -> None:
        region, city = two
        answer = await send(city, region, path, body)
        assert (answer.status, answer.json()["code"]) == (400, "invalid-input")

    async def test_bodies_beyond_a_mebibyte(self, two: Two) -> None:
        region, city = two
        answer = await send(city, region, "/dcp/credentials", b'{"a":"' + b"x" * (1 << 20) + b'"}')
        assert (answer.status, answer.json()["code"]) == (413, "too-large")

    async def test_the_whole_way_of_a_query(self, two: Two) -> None:
        region, city = two
        await city.member_of(region, MEMBER)
        access = city.access.grant(region.did)
        token = f"Bearer {region.tokens.answering(city.did, access)}"
        answer = await send(region, city, "/dcp/presentations/query", QUERY, token=token)
        assert answer.status == 200
        assert len(answer.json()["presentation"]) == 1
        assert answer.headers["cache-control"] == "no-store"
        again = await send(region, city, "/dcp/presentations/query", QUERY, token=token)
        assert again.status == 401
        both = {**QUERY, "presentationDefinition": {"id": "a", "input_descriptors": [{"id": "b"}]}}
        assert (await send(region, city, "/dcp/presentations/query", both)).status == 400
        del both["scope"]
        assert (await send(region, city, "/dcp/presentations/query", both)).status == 501

    async def test_a_request_is_answered_with_its_place(self, two: Two) -> None:
        region, city = two
        metadata = (await send(city, region, "/issuer/metadata", token=None, method="GET")).json()
        assert metadata["issuer"] == region.did
        ids = [entry["id"] for entry in metadata["credentialsSupported"]]
        answer = await send(city, region, "/issuer/credentials", credential_request("pid-1", ids))
        assert answer.status == 201
        place = answer.headers["location"]
        assert place.startswith(f"{region.url}/issuer/requests/")
        path = place.removeprefix(region.url)
        status = (await send(city, region, path, method="GET")).json()
        assert (status["status"], status["holderPid"]) == ("RECEIVED", "pid-1")
        again = await send(city, region, "/issuer/credentials", credential_request("pid-1", ids))
        assert again.headers["location"] == place
        assert (await send(city, region, "/issuer/requests/unknown", method="GET")).status == 404

    async def test_a_holder_that_asked_for_nothing(self, two: Two) -> None:
        region, city = two
        message = {
            "type": "CredentialMessage",
            "holderPid": "x",
            "issuerPid": "y",
            "status": "REJECTED",
            "rejectionReason": "no",
        }
        assert (await send(region, city, "/dcp/credentials", message)).status == 404

    async def test_the_status_list(self, two: Two) -> None:
        region, city = two
        assert (await send(city, region, "/status/1", token=None, method="GET")).status == 404
        await city.member_of(region, MEMBER)
        answer = await send(city, region, "/status/1", token=None, method="GET")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/vc+jwt")
        assert answer.body.count(b".") == 2
        for name in ("x", "2", "..%2f1", "1.x"):
            assert (await send(city, region, f"/status/{name}", token=None, method="GET")).status == 404

    async def test_a_node_that_issues_nothing_has_no_such_doors(self, two: Two) -> None:
        region, city = two
        for method, path in [*CLOSED[3:], ("GET", "/issuer/metadata"), ("GET", "/status/1")]:
            assert (await send(region, city, path, {}, method=method)).status == 404

    async def test_too_many_at_once_are_told_to_come_back(self, two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("node.web.dcp._AT_ONCE", 1)
        monkeypatch.setattr("node.web.dcp._WAITING", 2)
        async with nodes(DcpNode) as (narrow,):
            _, city = two
            gate = asyncio.Event()

            async def slowly(*_: Any) -> dict[str, Any]:
                await gate.wait()
                return {}

            narrow.wallet.answer = slowly  # type: ignore[method-assign, assignment]
            calls = [asyncio.create_task(send(city, narrow, "/dcp/presentations/query", QUERY)) for _ in range(6)]
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            turned_away = done.pop().result()
            assert (turned_away.status, turned_away.headers["retry-after"]) == (503, "2")
            gate.set()
            statuses = [answer.status for answer in await asyncio.gather(*calls)]
            assert sorted(statuses) == [200] * 3 + [503] * 3


class TestWellKnown:
    async def test_did_and_versions(self, two: Two) -> None:
        region, city = two
        answer = await send(city, region, "/.well-known/did.json", token=None, method="GET")
        assert answer.headers["content-type"] == "application/did+ld+json"
        assert (answer.json()["id"], answer.json()) == (region.did, region.raw)
        versions = (await send(city, region, "/.well-known/dspace-version", token=None, method="GET")).json()
        assert versions == {
            "protocolVersions": [
                {"version": "2025-1", "path": "/dsp/2025-1", "binding": "HTTPS"},
                {"version": "2024/1", "path": "/dsp/2024-1", "binding": "HTTPS"},
            ]
        }

    def test_a_node_below_a_path(self) -> None:
        from node.web import wellknown

        paths = {route.path for route in wellknown.routes(dict, has_path=True)}
        assert paths == {"/did.json", "/.well-known/dspace-version"}


class TestCallers:
    async def people(self, node: DcpNode) -> tuple[str, str]:
        """An API token and a session of a steward."""
        await asyncio.to_thread(node.accounts.add_locally, "ann", "Ann", {UserRole.STEWARD}, PASSWORD)
        token = await asyncio.to_thread(node.accounts.issue_token, "ann", "laptop", timedelta(days=1))
        return token, (await node.sign_in.sign_in("ann", PASSWORD))[1]

    async def who(self, node: DcpNode, *, method: str = "GET", **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await node.egress.request(method, f"{node.url}/whoami", headers=given)

    async def test_everybody_is_somebody(self, two: Two) -> None:
        region, city = two
        token, session = await self.people(region)
        cases = [
            ({}, "anonymous"),
            ({"Authorization": f"Bearer {token}"}, "ann"),
            ({"Cookie": f"{COOKIE}={session}"}, "ann"),
            ({"Authorization": f"Bearer {city.tokens.bearer(region.did)}"}, city.did),
            ({"Authorization": f"bearer {city.tokens.bearer(region.did)}"}, city.did),
            ({"Authorization": '{"clientId": "did:web:kit.example"}'}, "did:web:kit.example"),
            ({"Cookie": f"{COOKIE}=over"}, "anonymous"),
        ]
        for headers, name in cases:
            answer = await self.who(region, **headers)
            assert (answer.status, answer.json().get("name")) == (200, name), headers

    async def test_a_bad_token_is_never_nobody(self, two: Two) -> None:
        region, city = two
        token, session = await self.people(region)
        bad = [
            "Bearer x",
            f"Bearer {token}x",
            f"Bearer {session}",
            f"Bearer {city.tokens.bearer(city.did)}",
            "Basic YTpi",
        ]
        bad += ["Bearer", "Bearer a.b.c", f"Token {token}", "x"]
        for value in bad:
            assert (await self.who(region, Authorization=value)).status == 401, value
            assert (await self.who(region, Authorization=value, Cookie=f"{COOKIE}={session}")).status == 401

    async def test_a_token_is_used_up_once_whatever_looks_at_it(self, two: Two) -> None:
        region, city = two
        headers = {"Authorization": f"Bearer {city.tokens.bearer(region.did)}"}
        assert (await self.who(region, **headers)).status == 200  # the handler looks twice
        assert (await self.who(region, **headers)).status == 401

    async def test_a_session_acts_for_our_own_pages_only(self, two: Two) -> None:
        region, _ = two
        _, session = await self.people(region)
        cookie = f"{COOKIE}={session}"
        good = [{}, {"Origin": region.url}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}]
        bad = [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": region.url + "1"},
            {"Origin": "http://[bad"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site", "Origin": region.url},
        ]
        for headers in good:
            assert (await self.who(region, method="POST", Cookie=cookie, **headers)).json()["name"] == "ann"
        for headers in bad:
            assert (await self.who(region, method="POST", Cookie=cookie, **headers)).status == 403, headers
            assert (await self.who(region, method="GET", Cookie=cookie, **headers)).status == 200

    async def test_planes_stay_apart(self, two: Two) -> None:
        region, city = two
        token, _ = await self.people(region)

        def asking(authorization: str | None) -> Request:
            headers = [(b"authorization", authorization.encode())] if authorization else []
            return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})

        person, nobody = asking(f"Bearer {token}"), asking(None)
        participant = asking(f"Bearer {city.tokens.bearer(region.did)}")
        callers = region.callers
        assert (await callers.person(person)).account == "ann"
        require(await callers.person(person), UseCase.DECIDE)
        assert (await callers.participant(participant)).did == city.did
        for check in (callers.person(participant), callers.person(nobody), callers.participant(nobody)):
            with pytest.raises(Unauthenticated):
                await check
        with pytest.raises(Unauthenticated):
            await callers.participant(person)
        with pytest.raises(NotAllowed, match="operator"):
            require(await callers.person(person), UseCase.CHANGE_KEYS)

    async def test_two_authorization_headers(self, two: Two) -> None:
        region, _ = two
        headers = [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]
        request = Request({"type": "http", "method": "GET", "path": "/", "headers": headers})
        for _ in range(2):
            with pytest.raises(Unauthenticated, match="more than one"):
                await region.callers.identify(request)
