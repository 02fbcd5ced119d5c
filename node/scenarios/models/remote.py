"""Calling models elsewhere: under contract at another participant's node, or at a service that requires no agreement.

Under contract, each agreement has one transfer of the format for calling models. It is opened once and stays open;
its token is renewed after it has expired, and the other node authorises every call and status request anew. A call is
identified by its key: repeated after a crash, it is the same job.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from node.base.errors import HansaError, NotAllowed, PeerUnreachable, Unauthenticated
from node.base.jsons import read_object
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Rows
from node.scenarios.models.answers import one_value, parsed_answer, rows_of
from node.scenarios.models.requests import DOCUMENT, as_json, value_of
from node.scenarios.models.transfers import ModelTransfers
from node.scenarios.ports import Outcome, Progress, Reference
from node.scenarios.run_model import Caveat, State
from node.transfer.addresses import Address, read_address

log = logging.getLogger("hansa.models")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedJob:
    """The answer to an execute request: the URL of a job, or the result at once."""

    job: str | None = None
    result: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a job; ``results`` is the address of its results, once it is successful."""

    state: State
    progress: int
    message: str
    results: str


class OgcProcessPlane(Protocol):
    """A client of OGC API Processes.

    All calls raise ``PeerUnreachable`` (no answer, or a temporary error), ``Unauthenticated`` (401), ``NotAllowed``
    (403, with the reasons as ``facts``), ``NotFound``, ``InvalidInput``, ``TooLarge``, ``ForbiddenAddress``.
    """

    async def execute(self, url: str, body: bytes, *, authorization: str | None, key: str) -> PostedJob:
        """POST an execute request, asynchronously if the service supports it. Repeated with ``key``, it is the same
        job."""

    async def status(self, url: str, *, authorization: str | None) -> Status:
        """GET a job."""

    async def results(self, url: str, *, authorization: str | None) -> bytes:
        """GET the results of a job that has ended; for a failed job raises its error: ``ModelFailed``,
        ``Overloaded``."""

    async def dismiss(self, url: str, *, authorization: str | None) -> None:
        """DELETE a job."""

    async def renew(self, url: str, *, authorization: str) -> bytes:
        """POST to a token endpoint; return a data address with a new token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTiming:
    """Times in seconds. ``patience``: how long a call waits without an answer before it gives up for now."""

    first_pause: float = 0.05
    longest_pause: float = 2.0
    patience: float = 30.0
    dismissing: float = 5.0
    renewals: int = 3


TokenFor = Callable[[str], Awaitable[str]]
"""DID of a peer → the Authorization header value that proves our identity to it."""


class ContractModels:
    """Calls the models of other participants."""

    def __init__(
        self,
        *,
        transfers: ModelTransfers,
        plane: OgcProcessPlane,
        token_for: TokenFor,
        timing: CallTiming | None = None,
    ) -> None:
        self._transfers = transfers
        self._plane = plane
        self._token_for = token_for
        self._habits = timing or CallTiming()
        self._addresses: dict[str, Address] = {}
        self._renewing: dict[str, asyncio.Lock] = {}

    async def execute(
        self,
        model: Model,
        inputs: Mapping[str, Rows | Reference],
        parameters: Mapping[str, Any],
        *,
        key: str,
        progress: Progress | None = None,
    ) -> Outcome:
        """Run ``model`` at its owner's node. No transaction is open while it runs.

        Raises ``NotAllowed`` with the reasons (no agreement, refused, revoked), ``PeerUnreachable``,
        ``InvalidInput``, ``ModelFailed``, ``Overloaded``.
        """
        agreement = await self._transfers.agreement(model.iri, model.origin)
        transfer = await self._transfers.open(agreement)
        address = self._addresses.get(transfer.pid) or read_address(transfer.data_address)

        async def with_authorisation(call: Callable[[str | None], Awaitable[T]]) -> T:
            nonlocal address
            for _ in range(self._habits.renewals):
                try:
                    return await call(address.authorization)
                except Unauthenticated as refusal:
                    log.info("renewing the token: %s", refusal.detail, extra={"transfer": transfer.pid})
                    address = await self._renew(transfer.pid, transfer.peer, address)
            return await call(address.authorization)

        url = f"{address.endpoint.rstrip('/')}/execution?version={model.version}"
        job = _RemoteJob(self._plane, model, with_authorisation, self._habits, progress)
        outcome = await job.follow(
            url, inputs, parameters, key, on_accepted=lambda name: self._transfers.count_use(agreement, name)
        )
        return Outcome(outputs=outcome.outputs, caveats=outcome.caveats, job=outcome.job, agreement=agreement.id)

    async def _renew(self, pid: str, peer: str, address: Address) -> Address:
        """Return a new token. Simultaneous calls renew it only once, because each renewal revokes the last token."""
        async with self._renewing.setdefault(pid, asyncio.Lock()):
            newest = self._addresses.get(pid)
            if newest is not None and newest.authorization != address.authorization:
                return newest
            if address.token_endpoint is None:
                raise NotAllowed(
                    "the provider's token has expired, and the provider does not offer to renew it",
                    remedy="start the run again: the node then asks for a new token",
                )
            answer = await self._plane.renew(address.token_endpoint, authorization=await self._token_for(peer))
            self._addresses[pid] = read_address(read_object(answer))
            return self._addresses[pid]


class OpenServiceModels:
    """Calls the process behind a model of ours, at a service that requires no agreement."""

    def __init__(self, *, plane: OgcProcessPlane, timing: CallTiming | None = None) -> None:
        self._plane = plane
        self._habits = timing or CallTiming()

    async def execute(
        self,
        model: Model,
        inputs: Mapping[str, Rows],
        parameters: Mapping[str, Any],
        *,
        key: str,
        progress: Progress | None = None,
    ) -> Outcome:
        """Run it. Raises as ``ContractModels.execute``."""

        async def bare(call: Callable[[str | None], Awaitable[T]]) -> T:
            return await call(None)

        assert model.endpoint is not None
        url = f"{model.endpoint.rstrip('/').removesuffix('/execution')}/execution"
        return await _RemoteJob(self._plane, model, bare, self._habits, progress).follow(url, inputs, parameters, key)


class AuthorisedCall(Protocol):
    """Makes a call with the current authorization."""

    async def __call__(self, call: Callable[[str | None], Awaitable[T]]) -> T: ...


class _RemoteJob:
    """One execution at another service, followed to its end."""

    def __init__(
        self,
        plane: OgcProcessPlane,
        model: Model,
        authorisation: AuthorisedCall,
        timing: CallTiming,
        progress: Progress | None,
    ) -> None:
        self._plane = plane
        self._model = model
        self._authorisation = authorisation
        self._habits = timing
        self._progress = progress

    async def follow(
        self,
        url: str,
        inputs: Mapping[str, Rows | Reference],
        parameters: Mapping[str, Any],
        key: str,
        *,
        on_accepted: Callable[[str], Awaitable[None]] | None = None,
    ) -> Outcome:
        """``on_accepted`` receives the name of the call once the service has accepted it."""
        members = {"inputs": {**{role: value_of(one) for role, one in inputs.items()}, **parameters}}
        body = await asyncio.to_thread(as_json, {**members, "response": DOCUMENT})
        # The service need not know the parts of a key, and the key has to fit into a header.
        name = hashlib.sha256(f"{self._model.iri} {key}".encode()).hexdigest()
        response = await self._patiently(
            lambda authorization: self._plane.execute(url, body, authorization=authorization, key=name)
        )
        if on_accepted is not None:
            await on_accepted(name)
        if response.job is None:
            where, result = url, response.result or b""
        else:
            where, result = await self._await_results(response.job)
        outputs, caveats = await self._read(where, result)
        return Outcome(outputs=outputs, caveats=caveats, job=response.job)

    async def _read(self, where: str, result: bytes) -> tuple[dict[str, Rows], tuple[Caveat, ...]]:
        """Return the outputs in an answer from the address ``where``, and those behind its links."""
        answer = await asyncio.to_thread(parsed_answer, self._model, result)
        values = dict(answer.values)
        for role, link in answer.links.items():
            body = await self._fetch_linked(where, urljoin(where, link))
            values[role] = await asyncio.to_thread(one_value, self._model, role, body)
        return await asyncio.to_thread(rows_of, self._model, values), answer.caveats

    async def _fetch_linked(self, where: str, url: str) -> bytes:
        """Fetch the document behind a link. Our token is only sent to the service for which it was issued."""
        ours = urlsplit(url)[:2] == urlsplit(where)[:2]
        return await self._patiently(
            lambda authorization: self._plane.results(url, authorization=authorization if ours else None)
        )

    async def _await_results(self, job: str) -> tuple[str, bytes]:
        """Return the address and the bytes of the results, once they exist. When the caller stops waiting, the job is
        dismissed."""
        pause = self._habits.first_pause
        try:
            while True:
                status = await self._patiently(
                    lambda authorization: self._plane.status(job, authorization=authorization)
                )
                if status.state.is_final:
                    break
                if self._progress is not None:
                    self._progress(status.progress, status.message)
                await asyncio.sleep(pause * random.uniform(0.75, 1.0))  # noqa: S311 - spreads the load
                pause = min(pause * 1.6, self._habits.longest_pause)
        except HansaError:
            raise
        except BaseException:
            await asyncio.shield(self._dismiss(job))
            raise
        if status.state is State.DISMISSED:
            raise ModelFailed("the service dismissed the job", remedy="run it again", facts={"case": "dismissed"})
        where = status.results
        try:
            outcome = await self._patiently(
                lambda authorization: self._plane.results(where, authorization=authorization)
            )
        except ModelFailed as error:
            # Many services give the reason in the status only.
            if status.state is State.FAILED and not error.facts and status.message not in error.detail:
                raise ModelFailed(f"{error.detail}: {status.message}", remedy=error.remedy) from None
            raise
        if status.state is State.FAILED:
            raise ModelFailed(f"the job failed at the service: {status.message or 'the service gives no reason'}")
        return where, outcome

    async def _dismiss(self, job: str) -> None:
        with suppress(HansaError, TimeoutError):
            async with asyncio.timeout(self._habits.dismissing):
                await self._authorisation(lambda authorization: self._plane.dismiss(job, authorization=authorization))

    async def _patiently(self, call: Callable[[str | None], Awaitable[T]]) -> T:
        """Repeat the call while the other side is unavailable, for at most ``patience``."""
        began, pause = time.monotonic(), self._habits.first_pause
        while True:
            try:
                return await self._authorisation(call)
            except PeerUnreachable:
                if time.monotonic() - began > self._habits.patience:
                    raise
            await asyncio.sleep(pause * random.uniform(0.75, 1.0))  # noqa: S311 - spreads the load
            pause = min(pause * 2, self._habits.longest_pause)
