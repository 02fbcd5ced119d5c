"""The management API against its own people's mistakes and a dishonest region.

Threats 29, 42, 64 and 69 of the threat list: who may read the bytes, what a foreign answer may do under our own
address, what a cache may keep, and requests that would never end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from node.identity.model import UserRole
from tests.nodes import CSV, Pair, Running, agree, publish, receive, running

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

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test tells what matters."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def signed_in(node: Running, *roles: UserRole) -> dict[str, str]:
    """The header of somebody with just these roles."""
    login = "-".join(roles)
    accounts = node.node.people.accounts
    if login not in {one.login for one in accounts.all()}:
        accounts.add(login, login, roles, "a long enough password")
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
