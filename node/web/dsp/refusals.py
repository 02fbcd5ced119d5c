"""Errors at the routes of the Dataspace Protocol: convert ours to the protocol's error objects (DSP 2025-1 §8.1,
§10.1)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from node.base.errors import HansaError, LocalFault, MethodNotAllowed, NotFound
from node.dialogue.process import Role
from node.dialogue.wire import in_version
from node.negotiation import messages as contract
from node.transfer import messages as transfer
from node.vocab.dsp import DspVersion
from node.web.problems import again_later

log = logging.getLogger("hansa.dsp")

ErrorBody = Callable[[str, list[Any]], dict[str, Any]]
"""(code, reasons) → the error object of one of the protocol's three parts."""

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Refusals:
    """The error objects of one protocol version.

    ``message`` is the message as far as it was read, ``pid`` the id in the path, ``role`` our role if the path
    determines it.
    """

    def __init__(self, version: DspVersion) -> None:
        self._version = version

    def catalog(self, code: str, reason: list[Any]) -> dict[str, Any]:
        """Return a CatalogError."""
        told = {"@context": [self._version.context], "@type": "CatalogError", "code": code, "reason": reason}
        return in_version(told)

    def contract(self, message: Mapping[str, Any], pid: str | None = None, role: Role | None = None) -> ErrorBody:
        """Return a function that makes a ContractNegotiationError."""

        def body(code: str, reason: list[Any]) -> dict[str, Any]:
            provider, consumer = _pids(message, pid, role)
            return contract.error(
                self._version, provider_pid=provider, consumer_pid=consumer, code=code, reason=reason
            )

        return body

    def transfer(self, message: Mapping[str, Any], pid: str | None = None) -> ErrorBody:
        """Return a function that makes a TransferError."""

        def body(code: str, reason: list[Any]) -> dict[str, Any]:
            provider, consumer = _pids(message, pid, None)
            return transfer.error(
                self._version, provider_pid=provider, consumer_pid=consumer, code=code, reason=reason
            )

        return body


def _pids(message: Mapping[str, Any], pid: str | None, role: Role | None) -> tuple[str, str]:
    """Return the provider's and the consumer's id of a process for an error about it: as in the message, with ``pid``
    from the path as our own. If nothing shows which side we are, it is the provider's."""
    pids = {name: str(message.get(name) or "") for name in ("providerPid", "consumerPid")}
    ours = "consumerPid" if role is Role.CONSUMER or (role is None and pids["consumerPid"] == pid) else "providerPid"
    pids[ours] = pids[ours] or pid or ""
    return pids["providerPid"], pids["consumerPid"]


async def answer_or_refuse(
    answer: Callable[[], Awaitable[Response]], error_body: ErrorBody, *, hidden: bool = False
) -> Response:
    """Return the answer of ``answer``, or the error that it raises as an object of the protocol.

    ``hidden``: the path is that of one process, so an unidentified caller gets 404, as for a process that does not
    exist (DSP 2025-1 §8.1); the reasons explain why its token was not accepted.
    """
    try:
        return await answer()
    except LocalFault as fault:
        if fault.status >= 500:
            log.exception("local fault")
            body = error_body(
                fault.code, fault.reasons if fault.is_public else ["this node failed because of an internal error"]
            )
            return JSONResponse(body, status_code=fault.status, headers=again_later(fault))
        return JSONResponse(error_body(fault.code, fault.reasons), status_code=fault.sent_status)
    except HansaError as error:
        if hidden and error.status == 401:
            nobody = NotFound("there is no such process between you and this node")
            return JSONResponse(error_body(nobody.code, [*nobody.reasons, *error.reasons]), nobody.status)
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
        headers |= again_later(error)
        return JSONResponse(error_body(error.code, error.reasons), status_code=error.sent_status, headers=headers)


def elsewhere(version: DspVersion, routes: Sequence[Route]) -> Route:
    """Return the route for all other requests below the path of ``version``: paths that the protocol does not have,
    and methods that a path does not take."""
    refusals = Refusals(version)

    async def refuse(request: Request) -> Response:
        rest = request.path_params["rest"]
        methods = sorted({name for route in routes if _fits(route, request) for name in route.methods or ()})

        async def answer() -> Response:
            if not methods:
                raise NotFound(
                    f"the Dataspace Protocol {version.name} has no such path",
                    remedy="see /.well-known/dspace-version for the address of each version",
                )
            raise MethodNotAllowed(
                f"this path does not accept {request.method}", remedy=f"use {' or '.join(methods)}"
            )

        kinds = {"negotiations": refusals.contract({}), "transfers": refusals.transfer({})}
        response = await answer_or_refuse(answer, kinds.get(rest.partition("/")[0], refusals.catalog))
        if methods:
            response.headers["Allow"] = ", ".join(methods)
        return response

    return Route(f"{version.path}/{{rest:path}}", refuse, methods=[*_METHODS])


def _fits(route: Route, request: Request) -> bool:
    return route.matches(request.scope)[0] is not Match.NONE
