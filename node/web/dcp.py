"""The routes of the Decentralized Claims Protocol: credential service, issuer service, status lists (DCP 1.0).

Handlers are asynchronous throughout and never wait for a peer that may be waiting for them: a peer that asks for our
credentials is usually one that we are communicating with ourselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from node.base.errors import Overloaded, PeerUnreachable, TooLarge, Unauthenticated
from node.base.jsons import read_object
from node.base.turnstile import Turnstile
from node.identity.credentials.issuance import ReceiveApplication
from node.identity.credentials.revocation import StatusLists
from node.identity.credentials.wallet import Wallet
from node.identity.participants import IdentifyParticipant
from node.identity.tokens import IdToken
from node.web.bodies import read_body

BODY_LIMIT: Final = 1024 * 1024
_AT_ONCE: Final = 64
_WAITING: Final = 512

Handler = Callable[[Request], Awaitable[Response]]
Identify = Callable[[str | None], Awaitable[IdToken]]


def routes(
    participants: IdentifyParticipant,
    wallet: Wallet,
    *,
    applications: ReceiveApplication | None = None,
    status_lists: StatusLists | None = None,
    templates: Callable[[], str] | None = None,
    public_url: str = "",
) -> list[Route]:
    """Return the end points of a holder, and those of an issuer if the node is an issuer. ``templates`` returns the
    signed list of the templates of conditions that a region offers."""
    # These routes have a limit of their own: the node asks others while they are answered.
    turnstile = Turnstile(
        at_once=_AT_ONCE,
        most=_AT_ONCE + _WAITING,
        refusal=lambda: Overloaded("too many requests for credentials at the same time"),
    )

    async def sender(request: Request, identify: Identify = participants.authenticate) -> IdToken:
        try:
            return await identify(request.headers.get("authorization"))
        except PeerUnreachable as error:
            # Here a caller with an unresolvable DID is unidentified (DCP 1.0 §4.3.3: 401).
            raise Unauthenticated(f"the sender's DID cannot be resolved: {error.detail}") from error

    async def query(request: Request) -> Response:
        # Also one that is blocked: the access token that it shows came with a message of ours, such as a suspension.
        token, message = await sender(request, participants.verify), await read_message(request)
        return JSONResponse(await wallet.answer(token, message), headers={"Cache-Control": "no-store"})

    async def deliver(request: Request) -> Response:
        token, message = await sender(request), await read_message(request)
        await wallet.receive(token, message)
        return Response(status_code=200)

    async def offer(request: Request) -> Response:
        token, message = await sender(request), await read_message(request)
        await wallet.receive_offer(token, message)
        return Response(status_code=200)

    def post(path: str, handler: Handler) -> Route:
        return Route(path, _guarding(turnstile, handler), methods=["POST"])

    table = [
        post("/dcp/presentations/query", query),
        post("/dcp/credentials", deliver),
        post("/dcp/offers", offer),
    ]
    if applications is not None:
        table += _issuer_routes(applications, sender, post, turnstile, public_url)
    if templates is not None:
        table.append(_templates_route(templates))
    if status_lists is not None:
        lists = status_lists

        async def status_list(request: Request) -> Response:
            document = await lists.document(request.path_params["list_id"])
            return PlainTextResponse(
                document,
                media_type="application/vc+jwt",
                headers={"Cache-Control": "public, max-age=1", "Access-Control-Allow-Origin": "*"},
            )

        table.append(Route("/status/{list_id}", status_list, methods=["GET"]))
    return table


def _templates_route(templates: Callable[[], str]) -> Route:
    async def signed_templates(_: Request) -> Response:
        return PlainTextResponse(
            await run_sync(templates),
            media_type="application/jwt",
            headers={"Cache-Control": "public, max-age=1", "Access-Control-Allow-Origin": "*"},
        )

    return Route("/issuer/templates", signed_templates, methods=["GET"])


def _guarding(turnstile: Turnstile, handler: Handler) -> Handler:
    async def guard(request: Request) -> Response:
        with turnstile.admission():
            async with turnstile.turn:
                return await handler(request)

    return guard


def _issuer_routes(
    applications: ReceiveApplication,
    sender: Callable[[Request], Awaitable[IdToken]],
    post: Callable[[str, Handler], Route],
    turnstile: Turnstile,
    public_url: str,
) -> list[Route]:
    async def request_credentials(request: Request) -> Response:
        token, message = await sender(request), await read_message(request)
        application = await applications.receive(token, message)
        location = f"{public_url.rstrip('/')}/issuer/requests/{application.id}"
        return Response(status_code=201, headers={"Location": location})

    async def request_status(request: Request) -> Response:
        token = await sender(request)
        return JSONResponse(await applications.status(token, request.path_params["id"]))

    async def metadata(_: Request) -> Response:
        return JSONResponse(applications.metadata())

    async def schema(request: Request) -> Response:
        found = applications.schema(request.path_params["credential_type"])
        return JSONResponse(found, media_type="application/schema+json", headers={"Access-Control-Allow-Origin": "*"})

    return [
        post("/issuer/credentials", request_credentials),
        Route("/issuer/requests/{id}", _guarding(turnstile, request_status), methods=["GET"]),
        Route("/issuer/metadata", metadata, methods=["GET"]),
        Route("/issuer/schemas/{credential_type}", schema, methods=["GET"]),
    ]


async def read_message(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body. Raises ``TooLarge`` beyond ``BODY_LIMIT``, ``InvalidInput``."""
    refusal = TooLarge(f"a message has at most {BODY_LIMIT} bytes", remedy="send fewer credentials at once")
    return read_object(await read_body(request, BODY_LIMIT, refusal))
