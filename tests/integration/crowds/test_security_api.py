"""The management API against its own people's mistakes and a dishonest region.

Threats 29, 42, 64 and 69 of the threat list: who may read the bytes, what a foreign answer may do under our own
address, what a cache may keep, and requests that would never end.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from node.adapters.sql.schema import metadata
from node.adapters.sql.work import connection_of
from node.base.work import Task
from node.identity.model import UserRole
from node.transfer.grants import GrantAccess
from node.transfer.model import AccessGrant
from tests.fakes.people import person
from tests.nodes import CSV, Pair, Running, agree, publish, receive, running, until

PAGE = b"<script src='/api/region/search?q=script'></script>"


@contextmanager
def answering(media_type: str) -> Iterator[int]:
    """A "region" that answers everything with the same bytes; its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Nothing: the test tells what matters."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def signed_in(node: Running, *roles: UserRole) -> dict[str, str]:
    """The header of somebody with just these roles."""
    login = "-".join(roles)
    accounts = node.node.people.users.accounts
    if login not in {one.login for one in accounts.all(person("root", UserRole.OPERATOR))}:
        accounts.add_locally(login, login, roles, "a long enough password")
    return {"Authorization": f"Bearer {accounts.issue_token(login, 'test', timedelta(hours=1))}"}


@pytest.mark.parametrize("media_type", ["text/html", "text/javascript", "image/svg+xml", "application/xhtml+xml"])
def test_what_a_region_answers_never_runs_as_ours(tmp_path: Path, sqlite_template: Path, media_type: str) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(answering(media_type))
        region = f"did:web:127.0.0.1%3A{port}"
        node = stack.enter_context(running(tmp_path / "node", template=sqlite_template, region=region))
        http = stack.enter_context(node.http(headers=node.person()))
        for answer in (http.get("/api/region/search?q=x"), http.post("/api/region/sparql", content=b"ASK {}")):
            assert answer.content == PAGE, "it was asked"
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert answer.headers["x-content-type-options"] == "nosniff"


class TestBytes:
    def test_only_those_who_work_with_data_read_it(self, pair: Pair) -> None:
        agree(pair.consumer, publish(pair.provider, "for-the-department")["iri"])
        with pair.consumer.http() as http:
            [held] = http.get("/api/agreements", headers=pair.consumer.person()).json()
            pid = receive(pair.consumer, held["id"])["pid"]
            for role in UserRole:
                answer = http.get(f"/api/transfers/{pid}/content", headers=signed_in(pair.consumer, role))
                if role in (UserRole.PUBLISHER, UserRole.STEWARD):
                    assert answer.content == CSV
                    assert "no-store" in answer.headers["cache-control"]
                else:
                    assert answer.status_code == 403, role

    def test_only_those_who_read_it_have_it_sent_elsewhere(self, pair: Pair) -> None:
        """Else who may not read the bytes would have them sent where nobody asks for a role."""
        agree(pair.consumer, publish(pair.provider, "for-nobody-elsewhere")["iri"])
        url = "https://lake.example/in/counts.csv"
        address = {"@type": "DataAddress", "endpointType": "HttpData", "endpoint": url}
        readers = {UserRole.PUBLISHER, UserRole.STEWARD}
        with pair.consumer.http() as http:
            [agreement, *_] = http.get("/api/agreements", headers=pair.consumer.person()).json()
            for target in ({"pushTo": {"url": url}}, {"dataAddress": address}):
                statuses = {
                    role: http.post(
                        "/api/transfers",
                        json={"agreementId": agreement["id"], **target},
                        headers=signed_in(pair.consumer, role),
                    ).status_code
                    for role in UserRole
                }
                assert statuses == {role: 202 if role in readers else 403 for role in UserRole}

    def test_nobody_is_told_the_token_of_a_data_address(self, pair: Pair) -> None:
        agree(pair.consumer, publish(pair.provider, "with-a-token")["iri"])
        with pair.consumer.http() as http:
            held = http.get("/api/agreements", headers=pair.consumer.person()).json()[0]
            pid = receive(pair.consumer, held["id"])["pid"]
            told = http.get(f"/api/transfers/{pid}", headers=signed_in(pair.consumer, UserRole.AUDITOR)).json()
        starts = [one["body"] for one in told["messages"] if one["message"] == "TransferStartMessage"]
        names = [item["name"] for item in starts[0]["dataAddress"]["endpointProperties"]]
        assert names, "the rest of the address is shown"
        assert "authorization" not in names


def test_the_token_of_a_data_address_is_kept_nowhere(pair: Pair) -> None:
    """Once the start was taken neither side has it, but for the consumer while it still reads."""
    agree(pair.consumer, publish(pair.provider, "token-at-rest")["iri"])
    with pair.consumer.http() as http:
        agreement = http.get("/api/agreements", headers=pair.consumer.person()).json()[0]
    seen: list[str] = []
    outbox = pair.provider.node.parts.stores.outbox
    put = outbox.put

    def watched(tx: Any, task: Task) -> None:
        if task.headers.get("message") == "TransferStartMessage":
            properties = json.loads(task.body)["dataAddress"]["endpointProperties"]
            seen.extend(one["value"] for one in properties if one["name"] == "authorization")
        put(tx, task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "put", watched)
        pid = receive(pair.consumer, agreement["id"])["pid"]
    [token] = seen
    for node in (pair.provider, pair.consumer):
        until("all is sent", lambda: node.node.worker.busy == 0)  # noqa: B023
        with node.node.parts.stores.uow.read() as tx:
            connection = connection_of(tx)
            for table in metadata.sorted_tables:
                for row in connection.execute(select(table)):
                    assert token not in str(tuple(row)), table.name
    kept = [one for one in pair.consumer.exchanges(pid) if one.message == "TransferStartMessage"]
    assert kept[0].body_sha256 != hashlib.sha256(kept[0].body).hexdigest(), "a repeat is still known"


def test_what_would_renew_a_token_is_kept_at_no_time(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other connectors put a refresh token beside the token. Nobody here uses it, so nobody here has it."""
    address_of = GrantAccess.data_address

    def renewable(self: GrantAccess, grant: AccessGrant, token: str, **options: Any) -> dict[str, Any]:
        address = address_of(self, grant, token, **options)
        names = ("refreshToken", "https://w3id.org/tractusx/auth/refreshToken", "header:X-Api-Key")
        more = [{"@type": "EndpointProperty", "name": name, "value": "renews-for-ever"} for name in names]
        return {**address, "endpointProperties": [*address["endpointProperties"], *more]}

    monkeypatch.setattr(GrantAccess, "data_address", renewable)
    transfers = pair.consumer.node.parts.stores.transfer.transfers
    saved: list[str] = []
    save = transfers.save

    def watched(tx: Any, transfer: Any) -> None:
        saved.append(f"{transfer.state} {transfer.data_address}")
        save(tx, transfer)

    monkeypatch.setattr(transfers, "save", watched)
    agree(pair.consumer, publish(pair.provider, "renewable")["iri"])
    with pair.consumer.http() as http:
        held = http.get("/api/agreements", headers=pair.consumer.person()).json()[0]
    pid = receive(pair.consumer, held["id"])["pid"]
    started = [one for one in saved if one.startswith("STARTED") and "authorization" in one]
    assert started, "while it reads, it has what it reads with"
    assert "renews-for-ever" not in str(saved)
    assert "renews-for-ever" not in str([one.body for one in pair.consumer.exchanges(pid)])


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "1e999"])
def test_a_wait_that_would_never_end(pair: Pair, wait: str) -> None:
    with pair.consumer.http(headers=pair.consumer.person()) as http:
        began = time.monotonic()
        for path in ("/api/negotiations/urn:x", "/api/transfers/urn:x"):
            assert http.get(path, params={"wait": wait}).status_code == 400
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "path", ["/api/node", "/api/agreements", "/api/decisions", "/api/accounts", "/api/agreements/urn:none"]
)
def test_no_cache_keeps_what_is_for_one_person(pair: Pair, path: str) -> None:
    with pair.consumer.http() as http:
        for headers in (pair.consumer.person(), {}):
            answer: httpx2.Response = http.get(path, headers=headers)
            assert "no-store" in answer.headers["cache-control"], answer.status_code


def test_a_peer_that_says_very_much_says_little_in_lists(pair: Pair) -> None:
    iri = publish(pair.provider, "much-ado")["iri"]
    provider, peer = pair.provider, pair.consumer
    context = ["https://w3id.org/dspace/2025/1/context.jsonld"]
    with provider.http() as http:
        [offer] = http.get(f"{provider.dsp}/catalog/datasets/{iri}", headers=peer.as_participant(provider)).json()[
            "hasPolicy"
        ]
        ours = "urn:uuid:0b0c6d5e-0000-4000-8000-000000000001"
        opened = http.post(
            f"{provider.dsp}/negotiations/request",
            headers=peer.as_participant(provider),
            json={
                "@context": context,
                "@type": "ContractRequestMessage",
                "consumerPid": ours,
                "callbackAddress": peer.dsp,
                "offer": {**offer, "target": iri},
            },
        ).json()
        reasons = [0.5, "x" * 2000, *["no"] * 100_000]
        ended = http.post(
            f"{provider.dsp}/negotiations/{opened['providerPid']}/termination",
            headers=peer.as_participant(provider),
            json={
                "@context": context,
                "@type": "ContractNegotiationTerminationMessage",
                "providerPid": opened["providerPid"],
                "consumerPid": ours,
                "reason": reasons,
            },
        )
        assert ended.status_code == 200, ended.text
        listed = http.get("/api/negotiations", headers=provider.person())
        assert len(listed.content) < 200_000
        [found] = [one for one in listed.json() if one["pid"] == opened["providerPid"]]
    assert found["reason"][:2] == reasons[:2]


class TestFiles:
    """What a publisher states of a file is signed by the node, and becomes a header of its answers."""

    def state(self, node: Running, **file: object) -> httpx2.Response:
        with node.http(headers=node.person()) as http:
            stored = http.post("/api/files", content=CSV, headers={"X-File-Name": "a.csv"}).json()
            described = {
                "kind": "dataset",
                "id": "stated",
                "title": "Stated",
                "description": "A file that is not what it is said to be.",
                "contact": {"name": "Mobility", "email": "mobility@example.org"},
                "theme": "TRAN",
                "license": "CC-BY-4.0",
            }
            said = {**stored, "mediaType": "text/csv", "open": True, **file}
            return http.post("/api/records", json={"fields": described, "conditions": "open", "files": [said]})

    @pytest.mark.parametrize("media_type", ["text/csv\r\nSet-Cookie: a=b", "text/csv\n", "text/\0", "text/é", "漢"])
    def test_no_header_is_smuggled_in(self, pair: Pair, media_type: str) -> None:
        answer = self.state(pair.provider, mediaType=media_type)
        assert answer.status_code == 400, answer.text
        assert "mediaType" in answer.json()["detail"]

    @pytest.mark.parametrize("size", [0, len(CSV) - 1, 10**12])
    def test_a_size_that_is_not_so(self, pair: Pair, size: int) -> None:
        answer = self.state(pair.provider, size=size)
        assert answer.status_code == 400
        assert f"{len(CSV)} bytes" in answer.json()["detail"]

    def test_what_is_no_media_type_is_refused_in_words(self, pair: Pair) -> None:
        answer = self.state(pair.provider, mediaType="anything")
        assert answer.status_code == 400
        assert "is not a media type" in answer.json()["detail"]

    @pytest.mark.parametrize(
        ("stated", "served"),
        [
            ("text/csv", "text/csv; charset=utf-8"),
            ("application/geo+json", "application/geo+json"),
            ("", "application/octet-stream"),
        ],
    )
    def test_what_it_is_served_as(self, pair: Pair, stated: str, served: str) -> None:
        published = self.state(pair.provider, mediaType=stated)
        assert published.status_code == 201, published.text
        with pair.provider.http() as http:
            answer = http.get(published.json()["iri"] + "/files/a.csv")
        assert answer.content == CSV
        assert answer.headers["content-type"] == served
        assert answer.headers["content-disposition"].startswith("attachment")
