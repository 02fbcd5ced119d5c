"""Requests too big, too deep, with hostile names and strings: 4xx in words, nothing stored, the node alive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from node.client import Refusal
from tests.integration.hostile import MEGABYTE, naughty, no_failure, read_problem, small_node, strings, unharmed
from tests.nodes import Running, described

NOBODY = "http://127.0.0.1:1"
"""An address at which nobody listens, so that nothing waits for a name server."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with small_node(tmp_path_factory.mktemp("bad"), sqlite_template) as started:
        yield started


@pytest.fixture
def http(node: Running) -> Iterator[httpx2.Client]:
    with unharmed(node) as client:
        yield client


class Endless:
    """A body of a hundred megabytes that counts how much of it was taken."""

    def __init__(self, size: int = 100 * MEGABYTE) -> None:
        self.size = size
        self.position = 0

    def __iter__(self) -> Iterator[bytes]:
        while self.position < self.size:
            self.position += 1 << 16
            yield b" " * (1 << 16)


def test_the_terminals_client_is_told_too(node: Running, tmp_path: Path) -> None:
    """The answer to an upload that is cut off is not lost on its way."""
    path = tmp_path / "big.csv"
    path.write_bytes(b"x" * 30 * MEGABYTE)
    with node.client() as client, pytest.raises(Refusal) as refused:
        client.upload(path)
    assert refused.value.http_status == 413


@pytest.mark.parametrize("stated", [True, False], ids=["length stated", "chunked"])
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/records", {"Content-Type": "application/json"}),
        ("/api/files", {"X-File-Name": "big.csv", "Content-Type": "text/csv"}),
        ("/api/drafts", {"X-File-Name": "big.csv", "Content-Type": "text/csv"}),
        ("/api/negotiations", {"Content-Type": "application/json"}),
        ("/api/verify", {"Content-Type": "application/json"}),
        ("/api/region/sparql", {"Content-Type": "application/sparql-query"}),
        ("/sparql", {"Content-Type": "application/sparql-query"}),
        ("/sparql", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("/sign-in", {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("Content-Type", "")[-12:],
)
def test_a_body_of_a_hundred_megabytes_is_not_read(
    http: httpx2.Client, path: str, headers: dict[str, str], *, stated: bool
) -> None:
    body = Endless()
    if stated:
        headers = {**headers, "Content-Length": str(body.size)}
    try:
        answer = http.post(path, content=body, headers=headers)
        assert answer.status_code == 413, f"{answer.status_code}: {answer.text[:300]}"
    except httpx2.TransportError:
        # The node answered and closed while we were still sending, before our client looked for the answer.
        pass
    assert body.position < 20 * MEGABYTE, f"{body.position} bytes were taken in"


def test_deep_json(http: httpx2.Client) -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        for depth in (100, 10_000, 100_000):
            body = opened * depth + "1" + closed * depth
            for path in ("/api/records", "/api/negotiations", "/api/tokens", "/api/join"):
                answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
                assert 400 <= answer.status_code < 500, (path, depth, answer.status_code, answer.text[:200])
                read_problem(answer, answer.status_code)
            answer = http.post(
                "/api/records", json={"fields": described("x", extra=json.loads("[" * 500 + "]" * 500))}
            )
            read_problem(answer, 400, 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"NaN",
        b'{"fields": NaN}',
        b'{"fields": {"a": 1, "a": 2}}',
        b'"x"',
        b"[]",
        b"null",
        b"\xef\xbb\xbf{}",
        b'{"fields":{"title":"\\ud800"}}',
    ],
    ids=repr,
)
def test_bodies_that_are_no_json_object(http: httpx2.Client, body: bytes) -> None:
    for path in ("/api/records", "/api/negotiations", "/api/transfers", "/api/tokens"):
        answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
        read_problem(answer, 400, 422)


# ---- names and strings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [*naughty("paths_and_names"), "", "x" * 300, "a/b", "..", "\0", "CON", "a\nb"], ids=repr
)
def test_file_names_stay_names(node: Running, name: str) -> None:
    """A name is refused or made harmless; in no case does it lead anywhere."""
    sent = f"{name!r}\n".encode()
    before = _beside(node)
    headers = {**node.person(), "X-File-Name": quote(name, safe=""), "Content-Type": "text/csv"}
    with node.http() as client:
        answer = no_failure(client.post("/api/files", content=sent, headers=headers))
    if answer.status_code == 201:
        stored = answer.json()["name"]
        assert stored
        assert "/" not in stored
        assert "\\" not in stored
        assert stored not in (".", "..")
        assert stored.isprintable()
    else:
        read_problem(answer, 400)
    new = _beside(node) - before
    assert {path.name for path in new} <= {"hansa.sqlite-wal", "hansa.sqlite-shm", "hansa.sqlite-journal"}
    everywhere = (path for path in node.folder.parent.rglob("*") if "blobs" not in path.parts)
    assert [path for path in everywhere if _holds(path, sent)] == []


def _beside(node: Running) -> set[Path]:
    """Everything around the stored files, but for the views, which a node that has just started still writes."""
    places = node.node.parts.places
    own = (places.blobs, places.graph, places.search)
    return {path for path in node.folder.parent.rglob("*") if not any(path.is_relative_to(one) for one in own)}


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == content
    except FileNotFoundError:  # A view has replaced it in the meantime.
        return False


@pytest.mark.parametrize("slug", [*naughty("paths_and_names"), "", ".", "a b", "A" * 500, "%2e%2e", "a\0b"], ids=repr)
def test_ids_of_assets_stay_below_their_kind(node: Running, slug: str) -> None:
    with node.http(headers=node.person()) as client:
        submission = {"fields": {**described("x"), "id": slug}, "dryRun": True}
        answer = no_failure(client.post("/api/records", json=submission))
    if answer.status_code == 201:
        rest = answer.json()["iri"].removeprefix(f"{node.url}/datasets/")
        assert rest
        assert "/" not in rest
        assert ".." not in rest
        assert rest.isprintable()
        assert rest.isascii()
    else:
        read_problem(answer, 400, 422)


@pytest.mark.parametrize(
    "iri", [*naughty("iris_odd"), "https://somebody.example/datasets/theirs", "/datasets/x"], ids=repr
)
def test_iris_that_are_not_ours_to_give(http: httpx2.Client, iri: str) -> None:
    read_problem(http.post("/api/records", json={"fields": described("x"), "iri": iri}), 400, 422)
    for answer in (
        http.delete("/api/records", params={"iri": iri}),
        http.get("/api/catalogue/record", params={"iri": iri}),
        http.get("/api/catalogue/versions", params={"iri": iri}),
    ):
        read_problem(answer, 400, 404, 422)


FIELDS: dict[str, dict[str, Any]] = {
    "/api/records": {
        "kind": "dataset",
        "fields": described("hostile"),
        "document": "<urn:a> <urn:b> <urn:c> .",
        "mediaType": "text/turtle",
        "files": [{"name": "a.csv", "mediaType": "text/csv", "size": 4, "sha256": "0" * 64, "format": "CSV"}],
        "conditions": "open",
        "audience": "public",
        "iri": "urn:x",
        "dryRun": True,
        "language": "en",
    },
    "/api/negotiations": {
        "dataset": f"{NOBODY}/datasets/x",
        "offerId": "x",
        "purpose": "x",
        "ask": "open",
        "least": "open",
    },
    "/api/transfers": {"agreementId": "urn:uuid:1", "file": "x"},
    "/api/decisions/1": {"approve": True, "reason": "x"},
    "/api/negotiations/1/counter": {"ask": "open"},
    "/api/negotiations/1/terminate": {"reason": "x"},
    "/api/accounts": {"login": "x", "name": "x", "roles": ["steward"], "password": "long enough to pass"},
    "/api/tokens": {"label": "x", "days": 1, "password": "x"},
    "/api/join": {"region": NOBODY, "credentialType": "MembershipCredential"},
    "/api/region/leave": {"issuer": "did:web:x.example", "reason": "x"},
    "/api/region/templates/x": {"label": {"en": "x"}, "conditions": {"template": "members"}, "follows": 0},
    "/api/rulebook": {"fields": {"text": "x", "changes": "x"}, "follows": 1, "language": "en", "dryRun": True},
    "/api/issued/1/revoke": {"reason": "x"},
    "/api/verify": {"agreement": "urn:uuid:1"},
    "/api/members": {"url": NOBODY},
}
"""What the management API takes, each member with a good value."""

_ODD: tuple[Any, ...] = (None, True, 0, -1, 1.5, 10**400, "", [], {}, [[]], {"a": {"b": 1}}, ["x"] * 1000)


@pytest.mark.parametrize("path", FIELDS)
def test_no_member_of_the_management_api_makes_the_node_fail(node: Running, path: str) -> None:
    """Each member in turn holds each hostile string and each value of another type."""
    good = FIELDS[path]
    values = (*_ODD, *(strings()[::7] if path == "/api/records" else strings()[::3]))
    with node.http(headers=node.person()) as client:
        for member in good:
            for value in values:
                if (
                    path in ("/api/accounts", "/api/tokens")
                    and isinstance(value, str)
                    and member in ("name", "label")
                ):
                    continue
                body = json.dumps({**good, member: value})
                answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
                no_failure(answer)
                if answer.status_code >= 400:
                    read_problem(answer, answer.status_code)
        assert client.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "place", ["title", "description", "keywords", "contact", "publisher", "spatial", "id", "version"]
)
def test_no_field_of_a_description_makes_the_node_fail(node: Running, place: str) -> None:
    with node.http(headers=node.person()) as client:
        for value in (*_ODD[:8], *strings()[::12]):
            answer = client.post(
                "/api/records",
                content=json.dumps({"fields": described("hostile", **{place: value}), "dryRun": True}),
                headers={"Content-Type": "application/json"},
            )
            no_failure(answer)
            if answer.status_code >= 400:
                read_problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "path",
    [
        "/api/catalogue/search",
        "/api/catalogue/record",
        "/api/catalogue/versions",
        "/api/conditions",
        "/api/negotiations",
        "/search",
        "/record",
        "/sparql",
        "/ledger/inclusion",
        "/ledger/consistency",
    ],
)
def test_no_query_parameter_makes_the_node_fail(node: Running, path: str) -> None:
    names = (
        "q",
        "kind",
        "theme",
        "publisher",
        "bbox",
        "offset",
        "limit",
        "sort",
        "lang",
        "iri",
        "version",
        "asOf",
        "query",
        "entry",
        "size",
        "old",
        "new",
    )
    values = (
        "",
        "-1",
        "x",
        "9" * 40,
        "\0",
        "\u202e",
        "NaN",
        "1,2,3,nan",
        "2026-13-45",
        "'\"><script>",
        "+-&&||!(){}[]^~*?:\\/",
        "a" * 3000,
    )
    with node.http(headers=node.person()) as client:
        for name in names:
            for value in values:
                no_failure(client.get(path, params={name: value}))
        assert client.get("/health").json() == {"status": "ok"}


def test_huge_headers_and_addresses(node: Running) -> None:
    with node.http() as client:
        for headers in (
            {"X-Long": "x" * 200_000},
            {"Cookie": "a=b; " * 20_000},
            {"Accept": "text/html," * 5000},
            {"Accept-Language": "en;q=0.1," * 5000},
            {"Range": "bytes=" + "0-1," * 5000},
        ):
            try:
                answer = client.get("/", headers=headers)
            except httpx2.TransportError:
                continue
            assert answer.status_code < 500
        for path in (
            "/datasets/" + "a" * 20_000,
            "/datasets/" + "%00",
            "/datasets/..%2f..%2fetc%2fpasswd",
            "/datasets/x/files/..%2f..%2fhansa.toml",
            "/portal/x/..%2f..%2ftoken",
            "//datasets//x",
        ):
            try:
                answer = client.get(path)
            except httpx2.TransportError:
                continue
            assert answer.status_code in (301, 302, 307, 308, 400, 404, 414, 431), (path, answer.status_code)
        assert client.get("/health").json() == {"status": "ok"}
