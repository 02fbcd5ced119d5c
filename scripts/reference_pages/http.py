"""http.md: every end point, from the application and its OpenAPI description."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from reference_pages.markdown import code, table
from reference_pages.roles import takes

INTRO = """
# HTTP

All paths are below the `public_url` of the node. Requests and answers are JSON, unless this page says otherwise. For
errors, see [errors.md](errors.md).

## Who sends a request

A request can show its sender in one of three ways. Each gives access to different paths:

- A *participant* (another node) sends a self-issued ID token (DCP 1.0 §4.3) as `Authorization: Bearer`.
- A *person* of this node sends an API token as `Authorization: Bearer`, or the session of the portal. To get a token,
  use `POST /api/tokens` with the password and, if the account has a second factor, a code. The token in the file
  `token` of the data folder belongs to the first administrator.
- The *recipient* of a transfer sends the token of its data address: to `/data` if it is a token for bytes, and to
  `/ogc` if it is a token for calling a model.

The landing page and the conformance of the OGC APIs are `/ogc` and `/ogc/conformance`. The records of the catalogue
are below `/ogc/collections`, processes and jobs beside them. The page `/processes` lists
negotiations and transfers.

A request without a token gets what everybody may see. A request with an invalid token is answered 401, and never
treated as a request without one.

People have roles: *publisher* (files and records), *steward* (also decides on requests), *signatory* (decides, joins,
revokes), *operator* (accounts, deliveries, followed nodes) and *auditor* (reads). [roles.md](roles.md) says which use
case needs which role. All roles except *auditor* bind the city. They work only if the owner of the account has chosen
its current password, and only in a session, or with a token, that was opened with the second factor if the account
has one. Otherwise the answer is 403. It says what is missing, and who set the password.
"""

FILTER = """
## Filter the catalogue

The `filter` of a CatalogRequestMessage is an array of objects with these members. All of them are texts, and an asset
must match all of them. Any other filter is answered 400 with a CatalogError.

{words}

`{{"filter": [{{"text": "bicycle counters", "kind": "dataset"}}, {{"mediaType": "text/csv"}}]}}`

Results come in pages: the `Link` header with `rel="next"` has the address of the next page.

## The catalogue for data portals

`/catalog` is the whole catalogue as DCAT-AP 3: Turtle, JSON-LD, RDF/XML or N-Triples by the `Accept` header, or by
ending (`/catalog.ttl`, `.jsonld`, `.rdf`, `.xml`, `.nt`). A page has the whole descriptions of up to 100 resources;
`hydra:next` (`hydra:nextPage` for older harvesters) and the `Link` header name the next page. It lists what this node
publishes and has imported, as far as the caller may see it; imported resources keep their own IRIs. A region names
the catalogues of its members in `dcat:catalog`. Every page has an `ETag`. RDF/XML lacks the statements that it cannot
express. A format that an address does not have is refused with 406.
"""

RECORDS = """
## Records by their own address

The IRI of an asset is an address of the node that publishes it: {plurals}. A browser gets a page. A program asks with
`Accept` for `text/turtle`, `application/ld+json`, `application/n-triples`, `application/n-quads`,
`application/rdf+xml` or `application/json`; an address says the same with `?format=` and `ttl`, `jsonld`, `nt`, `nq`,
`rdf` or `json`. A dataset is there as Croissant 1.0 too: `?format=croissant`, or `application/ld+json` with
`profile="http://mlcommons.org/croissant/1.0"`.

`?version=3` selects a version, and `?asOf=2026-11-20` (or a time such as `2026-11-20T12:00:00Z`) the version of that
day or time. The files that are `open: true` in the description are below `files/` of the address.

Versions are mementos (RFC 7089): a request for the address with `Accept-Datetime` is redirected to the version of
that time, or to the first version for an earlier time. A version states its time in `Memento-Datetime`, every answer
has the links `original`, `timegate`, `timemap` and `memento`, and `timemap` below the address lists all versions
(`application/link-format`).

A page of the feed's members (`/feed/pages/…`) has two forms. By default, each description is a named graph about the
asset: N-Quads, TriG, JSON-LD. With `?form=versions`, the same statements are about a version object, without named
graphs, in every syntax. Turtle and N-Triples have no named graphs. If a program asks for one of them, the node
answers with version objects and gives their address in `Content-Location`.

The public feed is at `/feed`. The feeds of other audiences are below `/feed/audiences/`, for participants of the
audience.
"""

_GROUPS: Mapping[str, str] = {
    "catalogue": "For everybody. Answers and counts contain only what the caller may see.",
    "sparql": "For everybody. A query finds only what its caller may see. Updates are not possible.",
    "feed": "For everybody: the event stream (LDES) of this node's own records, one chain for each audience.",
    "ledger": "For parties of an agreement with this node, by their ID token, and for its own people; 404 for "
    "everybody else. The entry of an agreement is for its two parties.",
    "publishing": "For this node's people.",
    "exchange": "For this node's people.",
    "people": "For this node's people.",
    "scenarios": "For this node's people: runs and change layers.",
    "operation": "For this node's people.",
    "federation": "The list is for everybody. Following a node needs the role operator.",
}

_FILTER: Mapping[str, str] = {
    "text": "words that all occur in title, description or keywords (upper and lower case are the same)",
    "kind": "the kind of the asset: `dataset`, `model`, …",
    "keyword": "one of its keywords",
    "theme": "one of its themes, an IRI",
    "publisher": "its publisher, by DID, IRI or name",
    "profile": "the ODRL profile of its offer, or a standard that its description conforms to, an IRI",
    "format": "a transfer format in which the asset is delivered",
    "mediaType": "the media type of one of its files",
}

_PROTOCOLS: Mapping[str, str] = {
    "/.well-known": "Who this node is",
    "/openapi": "Who this node is",
    "/robots": "Search engines",
    "/sitemap": "Search engines",
    "/dsp": "Dataspace Protocol 2025-1, and the same paths below /dsp/2024-1 for 2024/1",
    "/dcp": "Decentralized Claims Protocol 1.0",
    "/issuer": "Decentralized Claims Protocol 1.0",
    "/status": "Decentralized Claims Protocol 1.0",
    "/data": "Bytes under contract",
    "/live": "Bytes under contract",
    "/query": "Bytes under contract",
    "/pushed": "Bytes under contract",
    "/deletions": "Bytes under contract",
    "/notices": "Questions on assets",
    "/health": "Health",
    "/ready": "Health",
    "/metrics": "Health",
    "/ogc": "Records and models (OGC API Records and Processes 1.0)",
}


def http() -> str:
    """The page."""
    from node.semantics.kinds import KINDS
    from node.vocab.dsp import V2024_1
    from node.web.openapi import DOORS, OTHER_DOORS

    participants, app = _applications()
    parts = [
        INTRO,
    ]
    sections: dict[str, list[list[str]]] = {}
    for methods, path in chain(_plain_routes(participants), _plain_routes(app)):
        if path.startswith(f"{V2024_1.path}/"):
            continue  # The same as those of 2025-1, as the title says.
        if path not in DOORS or not {*methods.split("|")} <= {*DOORS[path][0].split("|")}:
            raise SystemExit(f"{methods} {path} is new: say in node/web/openapi.py for whom it is and what it does")
        _, who, words = DOORS[path]
        title = next(title for prefix, title in _PROTOCOLS.items() if path.startswith(prefix))
        sections.setdefault(title, []).append([f"`{methods} {path}`", who, words])
    for title, rows in sections.items():
        parts += [f"## {title}\n", table(["path", "for whom", "what"], rows)]
    parts += [
        FILTER.format(words=_filter()),
        RECORDS.format(plurals=", ".join(code(f"/{kind.plural}/…") for kind in KINDS.values())),
    ]
    operations: dict[str, list[list[str]]] = {}
    for path, verbs in app.openapi()["paths"].items():
        for verb, operation in verbs.items():
            names = ", ".join(code(one["name"]) for one in operation.get("parameters", []) if one["in"] == "query")
            tag = operation["tags"][0]
            if tag == OTHER_DOORS:
                continue  # In the sections above.
            words = str(operation.get("description") or operation["summary"])
            words = words if words.rstrip().endswith(".") else operation["summary"]
            row = [f"`{verb.upper()} {path}`", " ".join(words.split()), names]
            if tag in ("publishing", "exchange", "people", "scenarios", "operation"):
                row.append(takes(f"{verb.upper()} {path}"))
            operations.setdefault(tag, []).append(row)
    for tag, rows in operations.items():
        heads = ["path", "what", "query"] + (["role"] if len(rows[0]) == 4 else [])
        parts += [f"## API: {tag}\n", _GROUPS[tag] + "\n", table(heads, rows)]
    parts += [
        "`GET /openapi.json` describes each member of the bodies that these paths accept. Percent-encode ids in a "
        "path.\n",
    ]
    return "\n".join(parts)


def _filter() -> str:
    """What a filter may ask, from the code that reads it: each member with its meaning."""
    from node.catalogue.filters import FIELDS

    if missing := [name for name in FIELDS if name not in _FILTER]:
        raise SystemExit(f"the filter of the catalogue knows {missing}: say in {Path(__file__).name} what they mean")
    return table(["member", "fits"], [[code(name), _FILTER[name]] for name in FIELDS])


def _applications() -> tuple[Any, Any]:
    """The applications of a node made for this purpose, issuer's doors included: that of participants and monitors,
    and that of pages and APIs."""
    from starlette.applications import Starlette

    from node.bootstrap.application import application
    from node.bootstrap.build import build
    from node.cli.creation import create
    from node.settings import load

    with tempfile.TemporaryDirectory(prefix="hansa-reference-") as made:
        folder = Path(made) / "node"
        create(folder, {"name": "Reference", "public_url": "http://127.0.0.1:8080", "issuer": True})
        app: Any = application(build(load(folder)))
        while not isinstance(app, Starlette):
            # Each middleware holds the application inside it.
            app = next(value for value in vars(app).values() if hasattr(type(value), "__call__"))  # noqa: B004
        return app, app.router.default.deferred.value.app


def _plain_routes(app: Any) -> Iterator[tuple[str, str]]:
    """Routes outside OpenAPI that are no pages of the portal: (methods, path)."""
    from starlette.routing import Route

    for route in app.router.routes:
        if type(route) is not Route:
            continue
        if route.endpoint.__module__.startswith("node.portal"):
            continue
        yield "|".join(sorted(set(route.methods or ()) - {"HEAD"})), route.path.replace(":path}", "}")
