"""What tests of bad input share: other people's lists of nasty strings, and what an answer to them must be."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import func, select

from node.adapters.sql.schema import metadata
from node.semantics.kinds import KINDS
from tests.artefacts import SHARED, data
from tests.nodes import Running, running

PASSING = frozenset({"guest_bytes", "jtis", "ledger_checkpoints", "ledger_nodes", "ledger_size", "meta", "views"})
"""Tables that change without anybody having been listened to: used tokens, what strangers said today, checkpoints,
cursors."""

UNREACHABLE = "peer-unreachable"


@cache
def naughty(name: str) -> tuple[str, ...]:
    """One list of ``naughty-dataspace.json``; empty where it is not at hand."""
    path = SHARED / "data" / "naughty" / "naughty-dataspace.json"
    return tuple(json.loads(path.read_text("utf-8"))[name]) if path.exists() else ()


@cache
def strings() -> tuple[str, ...]:
    """The big list of naughty strings, and our own: whatever a member of JSON may hold."""
    listed = json.loads(data("naughty/blns.json").read_text("utf-8"))
    own = [
        "\0",
        "a\0b",
        "\ufffe",
        "\u202e",
        "x" * 100_000,
        "{{7*7}}",
        "${jndi:ldap://127.0.0.1/}",
        "'; DROP TABLE x--",
    ]
    return tuple(dict.fromkeys([*listed, *own]))


def footprint(node: Running) -> dict[str, int]:
    """How much this node holds: rows by table, and files of assets. Equal before and after: nothing was stored.

    What went before may still be on its way into the ledger (the end of a transfer, say), so it is counted once
    two counts in a row are equal.
    """
    counts = _count(node)
    for _ in range(50):
        time.sleep(0.1)
        counts, earlier = _count(node), counts
        if counts == earlier:
            return counts
    raise AssertionError(f"the node does not come to rest: {counts}")


def _count(node: Running) -> dict[str, int]:
    counts: dict[str, int] = {}
    with node.node.parts.stores.uow.read() as tx:
        for table in metadata.sorted_tables:
            if table.name not in PASSING:
                counts[table.name] = tx.connection.execute(select(func.count()).select_from(table)).scalar_one()
    for place in ("blobs", "received", "drafts"):
        folder = Path(node.folder / place)
        counts[place] = sum(path.is_file() for path in folder.rglob("*")) if folder.exists() else 0
    return counts


MEGABYTE = 1 << 20


@contextmanager
def small_node(folder: Path, template: Path) -> Iterator[Running]:
    """A node that takes little at a time: a megabyte of description, two of a file."""
    with running(folder, template=template, description_limit=MEGABYTE, upload_limit=2 * MEGABYTE) as started:
        yield started


@contextmanager
def unharmed(node: Running) -> Iterator[httpx2.Client]:
    """A client of the administrator; afterwards the node is well and has stored nothing."""
    before = footprint(node)
    with node.http(headers=node.person()) as client:
        yield client
        assert client.get("/health").json() == {"status": "ok"}
    assert footprint(node) == before


def read_problem(answer: httpx2.Response, *statuses: int) -> dict[str, Any]:
    """The problem document of a refusal (RFC 9457), complete and without particulars of ours."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:500]
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:hansa:problem:{problem['code']}"
    for member in ("title", "detail"):
        assert isinstance(problem[member], str), problem
        assert problem[member], problem
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    if answer.status_code in (413, 415, 422):
        assert problem.get("remedy"), f"no remedy: {problem}"
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    return problem


def no_failure(answer: httpx2.Response) -> httpx2.Response:
    """Anything but a failure of the node: 5xx is only for a peer that cannot be reached, or a bound that was hit."""
    if answer.status_code >= 500:
        assert answer.json()["code"] in (UNREACHABLE, "overloaded"), f"{answer.request.url}: {answer.text[:500]}"
    return answer


# ---- the table of routes --------------------------------------------------------------------------------------

_KINDS = tuple(f"/{kind.plural}/" for kind in KINDS.values())
_OPEN = re.compile(
    r"/|/robots\.txt|/sitemap.*|/openapi\.json|/docs/api|/about|/members|/search(?!/region).*|/record|/record\..*|/record/changes|/record/story.*|/record/(table|groups|map|3d).*|/registry/.*|/schema/registry|/ontology/fairness|/terms?|/catalog(\..*)?|/portal/.*|/sign-in(/code)?|/invitation.*|/subscriptions/feed/\{secret:str\}\.atom|/subscriptions/mail/\{secret:str\}|/reports/\{secret:str\}|/sign-in/with/.*"
    r"|/health|/ready|/\.well-known/.*|/api/catalogue/.*|/sparql|/feed.*|/status/.*"
    r"|/issuer/(metadata|templates|schemas/.*)"
    r"|/federation/heads|/ogc|/ogc/conformance|/ogc/collections.*|/ogc/processes(?!.*/execution).*|/processes(?!.*/execution).*"
    r"|/dsp/catalog|/dsp/[^/]+/\{rest:path\}"
)
_PARTICIPANTS = re.compile(
    r"/dsp/.*|/dcp/.*|/issuer/(credentials|requests/.*)|/(data|pushed|live|query|notices)/.*|/query|/deletions|/ledger/.*"
)
_CALLERS = re.compile(r"/ogc/processes/\{process\}/execution|/ogc/jobs.*")
_PEOPLE = re.compile(r"/api/.*|/metrics")
_PAGES_OF_PEOPLE = re.compile(
    r"/schema/convert|/search/region.*|/(agreements|decisions|deliveries|imports|publish|applications|issued|region|rulebook|members/(block|unblock)|keys|record/(ask|edit|withdraw|erase|eligibility|limits|foresee)|schema/check|ontology/(align|publish|reason)|transformation/(draft|try)|sign-out|runs|layers"
    r"|changes|received|shipments|sources|subscribers|webhooks|quality|operate|scenario/(bind|start)|account|users|subscriptions|questions).*"
)


def routes(node: Running) -> list[tuple[str, str]]:
    """(method, path) of every route of the application, plug-ins' too."""
    app = node.app
    while not hasattr(app, "router"):
        app = getattr(app, "_app", None) or app.app

    def walk(routes: Any) -> Iterator[tuple[str, str]]:
        for route in routes:
            if hasattr(route, "original_router"):
                yield from walk(route.original_router.routes)
            else:
                for method in sorted(set(route.methods or ()) - {"HEAD"}):
                    yield method, route.path

    remaining = app.router.default.deferred.value.app
    return [*walk(app.router.routes), *walk(remaining.router.routes)]


def who(method: str, path: str) -> str:
    """For whom a route is."""
    if path.startswith(_KINDS) or (method, path) == ("GET", "/api/members") or _OPEN.fullmatch(path):
        return "everybody"
    for name, pattern in (
        ("participants", _PARTICIPANTS),
        ("callers of models", _CALLERS),
        ("people", _PEOPLE),
        ("pages of people", _PAGES_OF_PEOPLE),
    ):
        if pattern.fullmatch(path):
            return name
    raise AssertionError(f"{method} {path}: say here for whom this new route is")
