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

_PLAIN: Mapping[str, tuple[str, str]] = {
    "/.well-known/did.json": ("everybody", "DID document (at `/did.json` where `public_url` has a path)"),
    "/.well-known/dspace-version": ("everybody", "Supported versions of the Dataspace Protocol (§4.3)"),
    "/robots.txt": ("everybody", "What programs need not read: addresses without end (RFC 9309); names the sitemap"),
    "/sitemap.xml": (
        "everybody",
        "Addresses of the assets that a stranger may see, with the time of the last change (Sitemaps 0.9); the "
        "index of `/sitemap-{number}.xml` if there are more than 10,000",
    ),
    "/sitemap-{number:int}.xml": ("everybody", "A page of the sitemap, numbered from 1"),
    "/openapi.json": ("everybody", "OpenAPI description of the APIs below; `/docs/api` is its page"),
    "/dsp/catalog": ("everybody", "The catalogue under its own IRI: the first page of what the caller may see"),
    "/dsp/2025-1/{rest}": ("everybody", "Any other path below: 404 or 405, as an error object of the protocol"),
    "/dsp/2025-1/catalog/request": (
        "participants",
        "CatalogRequestMessage → Catalog; `filter`: see below. At a region, its members' catalogues are nested in it",
    ),
    "/dsp/2025-1/catalog/datasets/{id}": ("participants", "One Dataset of the catalogue"),
    "/dsp/2025-1/negotiations/request": ("participants", "ContractRequestMessage: opens a negotiation"),
    "/dsp/2025-1/negotiations/offers": ("participants", "ContractOfferMessage: a provider opens a negotiation"),
    "/dsp/2025-1/negotiations/{pid}": ("the peer", "State of a negotiation"),
    "/dsp/2025-1/negotiations/{pid}/request": ("the peer", "ContractRequestMessage: a counter-offer"),
    "/dsp/2025-1/negotiations/{pid}/offers": ("the peer", "ContractOfferMessage"),
    "/dsp/2025-1/negotiations/{pid}/events": ("the peer", "ContractNegotiationEventMessage"),
    "/dsp/2025-1/negotiations/{pid}/agreement": ("the peer", "ContractAgreementMessage"),
    "/dsp/2025-1/negotiations/{pid}/agreement/verification": ("the peer", "ContractAgreementVerificationMessage"),
    "/dsp/2025-1/negotiations/{pid}/termination": ("the peer", "ContractNegotiationTerminationMessage"),
    "/dsp/2025-1/transfers/request": ("participants", "TransferRequestMessage: opens a transfer"),
    "/dsp/2025-1/transfers/{pid}": ("the peer", "State of a transfer"),
    "/dsp/2025-1/transfers/{pid}/start": ("the peer", "TransferStartMessage"),
    "/dsp/2025-1/transfers/{pid}/completion": ("the peer", "TransferCompletionMessage"),
    "/dsp/2025-1/transfers/{pid}/suspension": ("the peer", "TransferSuspensionMessage"),
    "/dsp/2025-1/transfers/{pid}/termination": ("the peer", "TransferTerminationMessage"),
    "/dcp/presentations/query": ("participants whom this node has given an access token", "Shows credentials (§5.4)"),
    "/dcp/credentials": ("the issuer that was asked", "Delivers a credential (§6.5)"),
    "/dcp/offers": ("issuers", "CredentialOfferMessage (§6.6)"),
    "/issuer/credentials": ("participants", "Applies for a credential; at an issuer node"),
    "/issuer/requests/{id}": ("whoever applied", "Status of an application; at an issuer node"),
    "/issuer/metadata": ("everybody", "What this issuer issues; at an issuer node"),
    "/issuer/schemas/{credential_type}": (
        "everybody",
        "What a credential of this type says about its holder, as JSON Schema; at an issuer node",
    ),
    "/status/{list_id}": ("everybody", "Status list credential as a JWT; at an issuer node"),
    "/data/{pid}": (
        "the recipient, with the token of the data address",
        "The bytes of a transfer, one range at a time; sealed if the agreement says so",
    ),
    "/data/{pid}/manifest": ("the same", "The signed manifest (compact JWS)"),
    "/deletions": (
        "the consumer",
        "The consumer's signed confirmation that it has deleted the data received under an agreement",
    ),
    "/notices/questions": ("participants", "A question on an asset of this node, from a person of another node"),
    "/notices/outcomes": (
        "the publisher",
        "The answer to a question that a person of this node asked, its refusal, or that it is hidden",
    ),
    "/pushed/{pid}": (
        "the provider, with the token of the data address",
        "Bytes of a transfer that the provider pushes to this node",
    ),
    "/live/{pid}": (
        "the recipient, with the token of the data address",
        "Data that are read where they are, as they are now: a file, a table, or the landing page of an API",
    ),
    "/live/{pid}/{path}": (
        "the same",
        "What is below such an API, such as a page of features; queries are passed on. Below a stream: `latest`, "
        "`events`, `window`, `ldes` ([share sensors](../how-to/share-sensors.md#read-it-as-a-partner))",
    ),
    "/query/{pid}": (
        "the recipient, with the token of the data address",
        "The answer to one question in SQL about a table (`data`), as JSON or CSV",
    ),
    "/data/{pid}/token": ("the recipient, with its own ID token", "A new token for the data address"),
    "/ogc": ("everybody", "The landing page of the OGC API, with links to the paths below"),
    "/ogc/conformance": (
        "everybody",
        "The conformance classes of OGC API Records, Features and Processes 1.0 that this node implements",
    ),
    "/ogc/collections": ("everybody", "The collection `catalogue`: what you may see, as OGC API Records"),
    "/ogc/collections/catalogue": ("everybody", "Its description"),
    "/ogc/collections/catalogue/items": (
        "everybody",
        "Records as GeoJSON, the last change first. `q`: phrases of which one must occur; `bbox`, `datetime`, "
        "`type`, `ids`, `externalIds`, `limit`; `sortby`: `updated`, `created` or `quality`, with `-` in front for "
        "the highest first; `language`. The link `next` names the next page. Browsers are sent to the search page",
    ),
    "/ogc/collections/catalogue/items/{record}": ("whoever may see the asset", "One record"),
    "/ogc/collections/catalogue/queryables": ("everybody", "What records are found by, as JSON Schema"),
    "/ogc/collections/catalogue/sortables": ("everybody", "What records are sorted by, as JSON Schema"),
    "/ogc/processes": ("everybody", "The models of this node that can be run and that you may see (`limit`)"),
    "/ogc/processes/{process}": (
        "whoever may see the model",
        "Its inputs, parameters, outputs, with units (`version`)",
    ),
    "/ogc/processes/{process}/execution": (
        "publishers and operators of this node; recipients of a transfer of the format for calling models",
        "Run the model: the answer is the result if it is ready within a few seconds, or a job with "
        "`Prefer: respond-async`. A repeated `Idempotency-Key` means the same job. `version` selects a version of "
        "the model",
    ),
    "/ogc/jobs": ("their owner", "Jobs, newest first (`limit`)"),
    "/ogc/jobs/{job}": ("its owner", "Status of a job; `DELETE` stops it, or deletes its results"),
    "/ogc/jobs/{job}/results": ("its owner", "The results, raw or as a document, as the request asked for"),
    "/ogc/jobs/{job}/results/{output}": ("its owner", "One output"),
    "/health": ("everybody", "200 if nothing is wrong, otherwise 503 with the names of what is wrong"),
    "/ready": (
        "everybody",
        "As `/health`; also checks that the database answers and that no view is far behind. `views` says how many "
        "percent of the ledger each view shows",
    ),
    "/metrics": (
        "operators and auditors of this node; monitors with the token of the settings",
        "Metrics in the text format of Prometheus",
    ),
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
    "/ogc": "Models as processes (OGC API Processes 1.0)",
}


def http() -> str:
    """The page."""
    from node.semantics.kinds import KINDS
    from node.vocab.dsp import V2024_1

    participants, app = _applications()
    parts = [
        INTRO,
    ]
    sections: dict[str, list[list[str]]] = {}
    for methods, path in chain(_plain_routes(participants), _plain_routes(app)):
        if path.startswith(f"{V2024_1.path}/"):
            continue  # The same as those of 2025-1, as the title says.
        if path not in _PLAIN:
            raise SystemExit(f"{methods} {path} is new: say in {Path(__file__).name} for whom it is and what it does")
        who, words = _PLAIN[path]
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
