"""Additions to the operations of a FastAPI application: routers of plug-ins, HEAD, answers to invalid bodies, and the
doors that are no operations of it in its description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import copy
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute

from node.base.errors import InvalidInput
from node.web.applications import Refuse

OTHER_DOORS: Final = "other doors"
"""The tag of doors whose requests and answers are described elsewhere: protocols, OGC APIs, health."""

DOORS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "/.well-known/did.json": ("GET", "everybody", "DID document (at `/did.json` where `public_url` has a path)"),
        "/.well-known/dspace-version": ("GET", "everybody", "Supported versions of the Dataspace Protocol (§4.3)"),
        "/robots.txt": (
            "GET",
            "everybody",
            "What programs need not read: addresses without end (RFC 9309); names the sitemap",
        ),
        "/sitemap.xml": (
            "GET",
            "everybody",
            "Addresses of the assets that a stranger may see, with the time of the last change (Sitemaps 0.9); the "
            "index of `/sitemap-{number}.xml` if there are more than 10,000",
        ),
        "/sitemap-{number:int}.xml": ("GET", "everybody", "A page of the sitemap, numbered from 1"),
        "/openapi.json": (
            "GET",
            "everybody",
            "OpenAPI description of the doors of this node; `/docs/api` is its page",
        ),
        "/dsp/catalog": (
            "GET",
            "everybody",
            "The catalogue under its own IRI: the first page of what the caller may see",
        ),
        "/dsp/2025-1/{rest}": (
            "DELETE|GET|OPTIONS|PATCH|POST|PUT",
            "everybody",
            "Any other path below: 404 or 405, as an error object of the protocol",
        ),
        "/dsp/2025-1/catalog/request": (
            "POST",
            "participants",
            "CatalogRequestMessage → Catalog; `filter`: see below. At a region, its members' "
            "catalogues are nested in it",
        ),
        "/dsp/2025-1/catalog/datasets/{id}": ("GET", "participants", "One Dataset of the catalogue"),
        "/dsp/2025-1/negotiations/request": ("POST", "participants", "ContractRequestMessage: opens a negotiation"),
        "/dsp/2025-1/negotiations/offers": (
            "POST",
            "participants",
            "ContractOfferMessage: a provider opens a negotiation",
        ),
        "/dsp/2025-1/negotiations/{pid}": ("GET", "the peer", "State of a negotiation"),
        "/dsp/2025-1/negotiations/{pid}/request": ("POST", "the peer", "ContractRequestMessage: a counter-offer"),
        "/dsp/2025-1/negotiations/{pid}/offers": ("POST", "the peer", "ContractOfferMessage"),
        "/dsp/2025-1/negotiations/{pid}/events": ("POST", "the peer", "ContractNegotiationEventMessage"),
        "/dsp/2025-1/negotiations/{pid}/agreement": ("POST", "the peer", "ContractAgreementMessage"),
        "/dsp/2025-1/negotiations/{pid}/agreement/verification": (
            "POST",
            "the peer",
            "ContractAgreementVerificationMessage",
        ),
        "/dsp/2025-1/negotiations/{pid}/termination": ("POST", "the peer", "ContractNegotiationTerminationMessage"),
        "/dsp/2025-1/transfers/request": ("POST", "participants", "TransferRequestMessage: opens a transfer"),
        "/dsp/2025-1/transfers/{pid}": ("GET", "the peer", "State of a transfer"),
        "/dsp/2025-1/transfers/{pid}/start": ("POST", "the peer", "TransferStartMessage"),
        "/dsp/2025-1/transfers/{pid}/completion": ("POST", "the peer", "TransferCompletionMessage"),
        "/dsp/2025-1/transfers/{pid}/suspension": ("POST", "the peer", "TransferSuspensionMessage"),
        "/dsp/2025-1/transfers/{pid}/termination": ("POST", "the peer", "TransferTerminationMessage"),
        "/dcp/presentations/query": (
            "POST",
            "participants whom this node has given an access token",
            "Shows credentials (§5.4)",
        ),
        "/dcp/credentials": ("POST", "the issuer that was asked", "Delivers a credential (§6.5)"),
        "/dcp/offers": ("POST", "issuers", "CredentialOfferMessage (§6.6)"),
        "/issuer/credentials": ("POST", "participants", "Applies for a credential; at an issuer node"),
        "/issuer/requests/{id}": ("GET", "whoever applied", "Status of an application; at an issuer node"),
        "/issuer/metadata": ("GET", "everybody", "What this issuer issues; at an issuer node"),
        "/issuer/schemas/{credential_type}": (
            "GET",
            "everybody",
            "What a credential of this type says about its holder, as JSON Schema; at an issuer node",
        ),
        "/issuer/templates": (
            "GET",
            "everybody",
            "The templates of conditions that this region offers to its members, as a JWT; at an issuer node",
        ),
        "/status/{list_id}": ("GET", "everybody", "Status list credential as a JWT; at an issuer node"),
        "/data/{pid}": (
            "GET",
            "the recipient, with the token of the data address",
            "The bytes of a transfer, one range at a time; sealed if the agreement says so",
        ),
        "/data/{pid}/manifest": ("GET", "the same", "The signed manifest (compact JWS)"),
        "/deletions": (
            "POST",
            "the consumer",
            "The consumer's signed confirmation that it has deleted the data received under an agreement",
        ),
        "/notices/questions": (
            "POST",
            "participants",
            "A question on an asset of this node, from a person of another node",
        ),
        "/notices/outcomes": (
            "POST",
            "the publisher",
            "The answer to a question that a person of this node asked, its refusal, or that it is hidden",
        ),
        "/pushed/{pid}": (
            "POST|PUT",
            "the provider, with the token of the data address",
            "Bytes of a transfer that the provider pushes to this node",
        ),
        "/live/{pid}": (
            "DELETE|GET|PATCH|POST|PUT",
            "the recipient, with the token of the data address",
            "Data that are read where they are, as they are now: a file, a table, or the landing page of an API",
        ),
        "/live/{pid}/{path}": (
            "DELETE|GET|PATCH|POST|PUT",
            "the same",
            "What is below such an API, such as a page of features; queries are passed on. Below a stream: `latest`, "
            "`events`, `window`, `ldes` ([share sensors](../how-to/share-sensors.md#read-it-as-a-partner))",
        ),
        "/live/{pid}/ngsi-ld/v1/subscriptions": (
            "GET|POST",
            "the same",
            "Subscriptions in the form of NGSI-LD to a stream, or to entities of a context broker; also "
            "`/live/{pid}/subscriptions` ([be notified](../how-to/share-sensors.md#be-notified-in-ngsi-ld))",
        ),
        "/live/{pid}/ngsi-ld/v1/subscriptions/{subscription}": (
            "DELETE|GET|PATCH",
            "the same",
            "One subscription with its status: `active`, `paused` or `expired`, counts, and why it failed",
        ),
        "/live/{pid}/v2/subscriptions": (
            "POST",
            "the same",
            "Refused: says where subscriptions are made in the form of NGSI-LD, or that there are none",
        ),
        "/live/{pid}/subscriptions": ("GET|POST", "the same", "The same list at a shorter address"),
        "/live/{pid}/subscriptions/{subscription}": ("DELETE|GET|PATCH", "the same", "The same subscription"),
        "/notices/{session}": (
            "POST",
            "a context broker at which this node has subscribed; the address is the secret",
            "A notification, which becomes observations of a stream ([let the node subscribe]"
            "(../how-to/share-entities-of-a-context-broker.md#take-notifications-into-a-stream))",
        ),
        "/query": (
            "GET|POST",
            "a recipient, with the token of the data address of a graph",
            "One SPARQL end point for all graphs that the recipient may ask; without a query, its description, which "
            "lists them ([ask all graphs together](../how-to/query-under-contract.md#ask-all-graphs-together))",
        ),
        "/query/{pid}": (
            "GET|POST",
            "the recipient, with the token of the data address",
            "The answer to one question: by POST in SQL about a table (`data`), or in SPARQL about a graph. GET of a "
            "table is the landing page of its features",
        ),
        "/query/{pid}/{path}": (
            "GET",
            "the recipient, with the token of the data address",
            "The table as an OGC API - Features, if it has places: `collections/data/items` with `bbox`, `datetime`, "
            "`filter` (CQL2), `limit` and `offset` ([ask for features](../how-to/query-under-contract.md"
            "#ask-for-features)). Each page is a question",
        ),
        "/data/{pid}/token": ("POST", "the recipient, with its own ID token", "A new token for the data address"),
        "/ogc": ("GET", "everybody", "The landing page of the OGC API, with links to the paths below"),
        "/ogc/conformance": (
            "GET",
            "everybody",
            "The conformance classes of OGC API Records, Features and Processes 1.0 that this node implements",
        ),
        "/ogc/collections": ("GET", "everybody", "The collection `catalogue`: what you may see, as OGC API Records"),
        "/ogc/collections/catalogue": ("GET", "everybody", "Its description"),
        "/ogc/collections/catalogue/items": (
            "GET",
            "everybody",
            "Records as GeoJSON, the last change first. `q`: phrases of which one must occur; `bbox`, `datetime`, "
            "`type`, `ids`, `externalIds`, `limit`; `sortby`: `updated`, `created` or `quality`, with "
            "`-` in front for "
            "the highest first; `language`. The link `next` names the next page. Browsers are sent to "
            "the search page",
        ),
        "/ogc/collections/catalogue/items/{record}": ("GET", "whoever may see the asset", "One record"),
        "/ogc/collections/catalogue/queryables": ("GET", "everybody", "What records are found by, as JSON Schema"),
        "/ogc/collections/catalogue/sortables": ("GET", "everybody", "What records are sorted by, as JSON Schema"),
        "/ogc/processes": (
            "GET",
            "everybody",
            "The models of this node that can be run and that you may see (`limit`)",
        ),
        "/ogc/processes/{process}": (
            "GET",
            "whoever may see the model",
            "Its inputs, parameters, outputs, with units (`version`)",
        ),
        "/ogc/processes/{process}/execution": (
            "POST",
            "publishers and operators of this node; recipients of a transfer of the format for calling models",
            "Run the model: the answer is the result if it is ready within a few seconds, or a job with "
            "`Prefer: respond-async`. A repeated `Idempotency-Key` means the same job. `version` "
            "selects a version of "
            "the model",
        ),
        "/ogc/jobs": ("GET", "their owner", "Jobs, newest first (`limit`)"),
        "/ogc/jobs/{job}": ("DELETE|GET", "its owner", "Status of a job; `DELETE` stops it, or deletes its results"),
        "/ogc/jobs/{job}/results": (
            "GET",
            "its owner",
            "The results, raw or as a document, as the request asked for",
        ),
        "/ogc/jobs/{job}/results/{output}": ("GET", "its owner", "One output"),
        "/health": ("GET", "everybody", "200 if nothing is wrong, otherwise 503 with the names of what is wrong"),
        "/ready": (
            "GET",
            "everybody",
            "As `/health`; also checks that the database answers and that no view is far behind. "
            "`views` says how many percent of the ledger each view shows; `status` is `behind`, and not `failing`, "
            "if views are being filled and nothing is wrong",
        ),
        "/metrics": (
            "GET",
            "operators and auditors of this node; monitors with the token of the settings",
            "Metrics in the text format of Prometheus",
        ),
    }
)
"""Path → its methods, for whom it is, and what it does: the doors that are not operations of the application."""


def include_all(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add the routers of plug-ins."""
    for router in routers:
        app.include_router(router)


def answer_head(routes: list[BaseRoute]) -> None:
    """Accept HEAD wherever there is a GET (RFC 9110 §9.3.2), like plain routes. The server leaves the body out."""
    for route in list(routes):
        if (included := getattr(route, "original_router", None)) is not None:
            answer_head(included.routes)
        elif isinstance(route, APIRoute) and "GET" in (route.methods or ()) and "HEAD" not in (route.methods or ()):
            twin = copy(route)
            twin.methods, twin.include_in_schema = {"HEAD"}, False
            routes.append(twin)


def answer_invalid(app: FastAPI, refuse: Refuse) -> None:
    """Let ``app`` answer input that does not fit an operation in the same way as ``refuse`` answers other invalid
    input."""

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        fault = InvalidInput(f"{name}: {first['msg']}", remedy="see /docs/api for what this address takes")
        return await refuse(request, fault)

    app.add_exception_handler(RequestValidationError, answer)


def describe_doors(app: FastAPI) -> None:
    """Have the OpenAPI description of ``app`` name the other doors of the node too, each with its parameters in the
    path. Their bodies are those of their standards."""
    own = app.openapi

    def describe() -> dict[str, Any]:
        document = own()
        for path, (methods, who, words) in DOORS.items():
            names = re.findall(r"{(\w+)(?::\w+)?}", path)
            parameters = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
            ]
            plain = re.sub(r":\w+}", "}", path)
            operations = document["paths"].setdefault(plain, {})
            for method in methods.lower().split("|"):
                identifier = re.sub(r"\W+", "_", f"{method}{plain}").strip("_")
                operations.setdefault(
                    method,
                    {
                        "tags": [OTHER_DOORS],
                        "summary": words.partition(":")[0][:120],
                        "description": f"{words}. For: {who}.",
                        "operationId": identifier,
                        **({"parameters": parameters} if parameters else {}),
                        "responses": {"default": {"description": "As its standard says"}},
                    },
                )
        return document

    app.openapi = describe  # type: ignore[method-assign]
