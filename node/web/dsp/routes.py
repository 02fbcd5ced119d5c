"""The routes of the Dataspace Protocol (DSP 2025-1 §6, §8, §10): both sides' end points, plain JSON.

Errors are the protocol's own error objects (``refusals``). A caller that is not a party to a process gets 404, and an
asset that a caller may not see gets the same answer as one that does not exist.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from node.base.crashpoints import crashpoint
from node.base.errors import InvalidInput, TooLarge, UnsupportedMediaType
from node.base.threads import in_thread
from node.dialogue import wire
from node.dialogue.conversation import Answer
from node.dialogue.message import IncomingMessage, require_type
from node.dialogue.process import Role
from node.dialogue.wire import in_version
from node.identity.model import Caller, DidDocument
from node.negotiation import machine as negotiating
from node.negotiation import messages as contract
from node.negotiation.extras import require_modest
from node.negotiation.usecases import Negotiations
from node.transfer import machine as transferring
from node.transfer import messages as transfer
from node.transfer.addresses import read_push_address
from node.transfer.usecases import Transfers
from node.vocab.dsp import V2025_1, VERSIONS, DspVersion
from node.web.bodies import read_body
from node.web.dsp.refusals import Refusals, answer_or_refuse, elsewhere
from node.web.replies import point, reply

BODY_LIMIT = 1 << 20
_JSON: Final = frozenset({"application/json", "application/ld+json"})


class Catalogue(Protocol):
    """The DSP view of the catalogue."""

    async def catalog(
        self,
        caller: Caller,
        *,
        filter: Any,  # noqa: A002 - the protocol's name
        token: str | None,
        version: DspVersion,
    ) -> tuple[dict[str, Any], str | None]: ...

    async def previous(
        self,
        caller: Caller,
        *,
        filter: Any,  # noqa: A002 - the protocol's name
        token: str | None,
    ) -> str | None: ...

    async def dataset(self, iri: str, caller: Caller, *, version: DspVersion) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DspServices:
    """The services that the routes use.

    ``address`` is the base of the 2025-1 paths. ``participant`` identifies the calling participant or raises
    ``Unauthenticated``; ``document`` resolves a DID document; ``check_callback`` raises if this node may not call an
    address, or if the address is not the caller's; ``seal_key`` reads the X25519 key of a DID document;
    ``check_push`` raises if bytes may not be sent to an address.
    """

    version: DspVersion
    address: str
    negotiations: Negotiations
    transfers: Transfers
    catalogue: Catalogue
    participant: Callable[[Request], Awaitable[Caller]]
    document: Callable[[str], Awaitable[DidDocument]]
    check_callback: Callable[[str, Caller, DidDocument], None]
    seal_key: Callable[[DidDocument], bytes | None]
    check_push: Callable[[str], None]


def routes(services: DspServices) -> list[Route]:
    """Return all end points of one protocol version, below its path."""
    base = services.version.path
    endpoints = _Endpoints(services)

    def post(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(base + path, handler, methods=["POST"])

    def get(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(base + path, handler, methods=["GET"])

    table = [
        post("/catalog/request", endpoints.catalog),
        get("/catalog/datasets/{id:path}", endpoints.dataset),
        post("/negotiations/request", endpoints.open_negotiation(negotiating.REQUEST)),
        post("/negotiations/offers", endpoints.open_negotiation(negotiating.OFFER)),
        get("/negotiations/{pid}", endpoints.show_negotiation),
        post("/negotiations/{pid}/request", endpoints.negotiation(Role.PROVIDER, negotiating.REQUEST)),
        post("/negotiations/{pid}/events", endpoints.negotiation(None, "ContractNegotiationEventMessage")),
        post(
            "/negotiations/{pid}/agreement/verification",
            endpoints.negotiation(Role.PROVIDER, negotiating.VERIFICATION),
        ),
        post("/negotiations/{pid}/offers", endpoints.negotiation(Role.CONSUMER, negotiating.OFFER)),
        post("/negotiations/{pid}/agreement", endpoints.negotiation(Role.CONSUMER, negotiating.AGREEMENT)),
        post("/negotiations/{pid}/termination", endpoints.negotiation(None, negotiating.TERMINATION)),
        post("/transfers/request", endpoints.open_transfer),
        get("/transfers/{pid}", endpoints.show_transfer),
        post("/transfers/{pid}/start", endpoints.transfer(transferring.START)),
        post("/transfers/{pid}/completion", endpoints.transfer(transferring.COMPLETION)),
        post("/transfers/{pid}/termination", endpoints.transfer(transferring.TERMINATION)),
        post("/transfers/{pid}/suspension", endpoints.transfer(transferring.SUSPENSION)),
    ]
    return [*table, elsewhere(services.version, table)]


def catalogue_route(catalogue: Catalogue, *, identify: Callable[[Request], Awaitable[Caller]]) -> Route:
    """Return ``/dsp/catalog``, the IRI of the catalogue: the first page of all that the caller may see, in the form
    of 2025-1."""

    async def catalog(request: Request) -> Response:
        caller = await identify(request)
        found, _ = await catalogue.catalog(caller, filter=(), token=None, version=V2025_1)
        headers = {"Vary": "Authorization, Cookie", "Cache-Control": "private, no-cache"}
        return JSONResponse(in_version(found), media_type="application/ld+json", headers=headers)

    return Route("/dsp/catalog", catalog, methods=["GET"])


def catalog_errors(
    refuse: Callable[[Request, Exception], Awaitable[Response]], *, path: str = ""
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return ``refuse``, but with the protocol's own error objects below the catalogue's paths of each version.
    ``path`` is the path of the public URL."""

    async def answer(request: Request, error: Exception) -> Response:
        inside = request.url.path.removeprefix(path)
        for version in VERSIONS.values():
            if inside.startswith(f"{version.path}/catalog"):

                async def fail() -> Response:
                    raise error

                return await answer_or_refuse(fail, Refusals(version).catalog)
        return await refuse(request, error)

    return answer


class _Endpoints:
    def __init__(self, services: DspServices) -> None:
        self._services = services
        self._refusals = Refusals(services.version)

    # ---- catalogue -------------------------------------------------------------------------------------------

    async def catalog(self, request: Request) -> Response:
        async def answer() -> Response:
            caller = await self._services.participant(request)
            body = await _body(request)
            filters: Sequence[Any] = ()
            if body.strip():
                message = wire.read(body)
                require_type(message, "CatalogRequestMessage")
                self._check_version(wire.version_named(message["@context"]))
                filters = message.get("filter") or ()
            token = request.query_params.get("continuationToken")
            version = self._services.version
            datasets, following = await self._services.catalogue.catalog(
                caller, filter=filters, token=token, version=version
            )
            before = await self._services.catalogue.previous(caller, filter=filters, token=token)
            answer = JSONResponse(in_version(datasets))
            for relation, page in (("next", following or None), ("previous", before), ("first", token and "")):
                if page is not None:
                    answer.headers.append("Link", f'<{self._page(page)}>; rel="{relation}"')
            return answer

        return await answer_or_refuse(answer, self._refusals.catalog)

    async def dataset(self, request: Request) -> Response:
        async def answer() -> Response:
            caller = await self._services.participant(request)
            iri, version = request.path_params["id"], self._services.version
            return JSONResponse(in_version(await self._services.catalogue.dataset(iri, caller, version=version)))

        return await answer_or_refuse(answer, self._refusals.catalog)

    def _page(self, token: str) -> str:
        """Return the address of a page of the catalogue."""
        address = f"{self._services.version.at(self._services.address)}/catalog/request"
        return f"{address}?continuationToken={token}" if token else address

    # ---- negotiation -----------------------------------------------------------------------------------------

    def open_negotiation(self, kind: str) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of an opening message: a consumer's request, or a provider's offer."""

        def open_process(caller: Caller, message: IncomingMessage) -> Answer:
            if kind == negotiating.OFFER:
                return self._services.negotiations.receive_offer(caller, message)
            return self._services.negotiations.receive_request(
                caller, message, purpose=message.text(contract.PURPOSE)
            )

        async def handle(request: Request) -> Response:
            context: dict[str, Any] = {}

            async def answer() -> Response:
                caller = await self._services.participant(request)
                message = await self._message(request, contract.read, kind)
                context.update(message.body)
                await self._check_callback(message, caller)
                return reply(await in_thread(lambda: open_process(caller, message)), message.name)

            return await answer_or_refuse(answer, self._refusals.contract(context))

        return handle

    def negotiation(self, role: Role | None, kind: str) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of one message within a negotiation; ``role`` is None if both sides have that path."""

        async def handle(request: Request) -> Response:
            pid = request.path_params["pid"]
            context: dict[str, Any] = {}

            async def answer() -> Response:
                caller = await self._services.participant(request)
                message = await self._message(request, contract.read, kind)
                context.update(message.body)
                ours = role or _side(message)
                signer = None
                if message.text(contract.SIGNATURE) is not None and caller.did is not None:
                    signer = await self._services.document(caller.did)
                receipt = await in_thread(
                    lambda: self._services.negotiations.receive(pid, caller, message, role=ours, signer=signer)
                )
                return reply(receipt, message.name)

            return await answer_or_refuse(answer, self._refusals.contract(context, pid, role), hidden=True)

        return handle

    async def show_negotiation(self, request: Request) -> Response:
        pid = request.path_params["pid"]

        async def answer() -> Response:
            caller = await self._services.participant(request)
            return JSONResponse(await in_thread(lambda: self._services.negotiations.show(pid, caller)))

        return await answer_or_refuse(answer, self._refusals.contract({}, pid), hidden=True)

    # ---- transfer --------------------------------------------------------------------------------------------

    async def open_transfer(self, request: Request) -> Response:
        context: dict[str, Any] = {}

        async def answer() -> Response:
            caller = await self._services.participant(request)
            message = await self._message(request, transfer.read, transferring.REQUEST)
            context.update(message.body)
            document = await self._check_callback(message, caller)
            key = self._services.seal_key(document)
            if message.body.get("dataAddress") is not None:
                self._services.check_push(read_push_address(message.body["dataAddress"]).endpoint)
            taken = await in_thread(lambda: self._services.transfers.receive_request(caller, message, seal_key=key))
            return reply(taken, message.name)

        return await answer_or_refuse(answer, self._refusals.transfer(context))

    def transfer(self, kind: str) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of one message within a transfer, either side."""

        async def handle(request: Request) -> Response:
            pid = request.path_params["pid"]
            context: dict[str, Any] = {}

            async def answer() -> Response:
                caller = await self._services.participant(request)
                message = await self._message(request, transfer.read, kind)
                context.update(message.body)
                taken = await in_thread(lambda: self._services.transfers.receive(pid, caller, message))
                return reply(taken, message.name)

            return await answer_or_refuse(answer, self._refusals.transfer(context, pid), hidden=True)

        return handle

    async def show_transfer(self, request: Request) -> Response:
        pid = request.path_params["pid"]

        async def answer() -> Response:
            caller = await self._services.participant(request)
            return JSONResponse(await in_thread(lambda: self._services.transfers.show(pid, caller)))

        return await answer_or_refuse(answer, self._refusals.transfer({}, pid), hidden=True)

    async def _message(
        self, request: Request, read: Callable[[bytes, str], IncomingMessage], kind: str
    ) -> IncomingMessage:
        """Return the message, which must be of this route's protocol version."""
        raw = await _body(request)
        crashpoint(point(kind, "R1"))
        message = read(raw, kind)
        self._check_version(message.version)
        require_modest(message)
        return message

    def _check_version(self, version: DspVersion | None) -> None:
        if version != self._services.version:
            spoken = version.name if version is not None else "a version that this node does not support"
            raise InvalidInput(
                f"this address supports {self._services.version.name}, but the message is of {spoken}",
                remedy="see /.well-known/dspace-version for the address of each version",
            )

    # ---- in common -------------------------------------------------------------------------------------------

    async def _check_callback(self, message: IncomingMessage, caller: Caller) -> DidDocument:
        document = await self._services.document(str(caller.did))
        address = message.text("callbackAddress")
        if address is not None:
            self._services.check_callback(address, caller, document)
        return document


def _side(message: IncomingMessage) -> Role | None:
    """Return our role at a path that both sides have. The type of an event decides it; a termination may go either
    way."""
    match message.name:
        case negotiating.ACCEPTED_EVENT:
            return Role.PROVIDER
        case negotiating.FINALIZED_EVENT:
            return Role.CONSUMER
        case _:
            return None


async def _body(request: Request) -> bytes:
    """Return the body, at most 1 MiB of it. Raises ``UnsupportedMediaType`` if its media type is not JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in _JSON and not kind.endswith("+json"):
        raise UnsupportedMediaType(
            f"messages of the Dataspace Protocol must be JSON, not {kind[:80]}",
            remedy="send them with Content-Type: application/json",
        )
    refusal = TooLarge("a protocol message may have at most 1 MiB", remedy="send data by a transfer, not in messages")
    return await read_body(request, BODY_LIMIT, refusal)
