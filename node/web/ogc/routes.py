"""OGC API – Processes, Part 1: Core 1.0 (OGC 18-062r2): the models of this node as processes, executions as jobs.

A caller who may see a model sees its process. It may be executed by this node's people with the role publisher or
operator, and by participants with the token of a transfer of the format for calling models. That token is authorised
anew at every call and every look at a job. A job exists for its owner only.

All addresses are below ``/ogc`` (decision 0020). Errors are exceptions of the standard as ``application/json``; a
request for ``application/problem+json`` gets the same members under that name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from node.base.changes import Changes
from node.base.clock import stamp
from node.base.errors import InvalidInput, NotAllowed, NotFound, Unauthenticated
from node.catalogue.model import Record
from node.exchange.ports import AssetStore
from node.identity.model import Caller
from node.scenarios.models.jobs import Asker, Jobs
from node.scenarios.models.ogc_processes import NoSuchOgcProcess, OgcProcesses, description, summary
from node.scenarios.run_model import Job, State
from node.transfer.access import AuthoriseAccess
from node.transfer.addresses import OGC_PATH
from node.transfer.call_uses import CallUse
from node.web.ogc import records
from node.web.ogc.answers import (
    NoSuchJob,
    ResultNotReady,
    answering,
    body_of,
    failure,
    limit_of,
    link,
    preference,
    version_of,
)
from node.web.ogc.records import OgcRecords
from node.web.ogc.results import PRIVATE, compose, stream

_SPEC: Final = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
CONFORMS: Final = tuple(_SPEC + name for name in ("core", "ogc-process-description", "json", "job-list", "dismiss"))
_RELATION: Final = "http://www.opengis.net/def/rel/ogc/1.0/"
_MOST_JOBS: Final = 1000

SYNC_SECONDS: Final = 5.0
"""Seconds to wait for an execution before it continues as a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Principal:
    """The caller of an execution, and the record of the model that it may run."""

    asker: Asker
    record: Record
    use: CallUse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OgcRoutes:
    """``identify`` identifies people and participants; ``authorise`` checks the tokens of transfers. ``records`` are
    the routes of the catalogue, which share landing page and conformance."""

    ogc_processes: OgcProcesses
    jobs: Jobs
    assets: AssetStore
    authorise: AuthoriseAccess
    identify: Callable[[Request], Awaitable[Caller]]
    changes: Changes
    base: str
    title: str
    records: OgcRecords
    sync_seconds: float = SYNC_SECONDS

    def routes(self) -> list[BaseRoute]:
        """Return the routes, to be mounted at the root of the node's public URL, before the pages."""
        operations: tuple[tuple[str, str, Callable[[Request], Awaitable[Response]]], ...] = (
            ("GET", "", self._landing),
            ("GET", "/conformance", self._conformance),
            ("GET", "/processes", self._list),
            ("GET", "/processes/{process}", self._describe),
            ("POST", "/processes/{process}/execution", self._execute),
            ("GET", "/jobs", self._jobs),
            ("GET", "/jobs/{job}", self._status),
            ("DELETE", "/jobs/{job}", self._dismiss),
            ("GET", "/jobs/{job}/results", self._results),
            ("GET", "/jobs/{job}/results/{output}", self._result),
        )
        own = (Route(f"{OGC_PATH}{path}", answering(show), methods=[method]) for method, path, show in operations)
        return [*own, *self.records.routes()]

    @property
    def _root(self) -> str:
        """Return the root of the OGC API, the address of its landing page."""
        return f"{self.base}{OGC_PATH}"

    # ---- what there is ---------------------------------------------------------------------------------------

    async def _landing(self, _: Request) -> Response:
        links = [
            link(self._root, "self", "application/json", "this document"),
            link(f"{self.base}/openapi.json", "service-desc", "application/vnd.oai.openapi+json;version=3.1"),
            link(f"{self.base}/docs/api", "service-doc", "text/html"),
            link(f"{self._root}/conformance", f"{_RELATION}conformance", "application/json"),
            *self.records.landing_links,
            link(f"{self._root}/processes", f"{_RELATION}processes", "application/json"),
            link(f"{self._root}/jobs", f"{_RELATION}job-list", "application/json"),
        ]
        return JSONResponse({"title": self.title, "links": links})

    async def _conformance(self, _: Request) -> Response:
        return JSONResponse({"conformsTo": [*CONFORMS, *records.CONFORMS]})

    async def _list(self, request: Request) -> Response:
        caller = await self.identify(request)
        limit = limit_of(request, 1000)
        records = await self.ogc_processes.visible_to(caller)
        processes = [{**summary(record), "links": [self._self(record)]} for record in records[:limit]]
        links = [link(f"{self._root}/processes", "self", "application/json")]
        return JSONResponse({"processes": processes, "links": links}, headers=PRIVATE)

    async def _describe(self, request: Request) -> Response:
        name, version = request.path_params["process"], version_of(request)
        if await self.authorise.knows(request.headers.get("authorization")):
            record = (await self._under_contract(request, name, version)).record
        else:
            record = await self.ogc_processes.find(name, await self.identify(request), version=version)
        execute = f"{self._root}/processes/{quote(name, safe='')}/execution"
        links = [
            self._self(record),
            link(execute, f"{_RELATION}execute", "application/json"),
            link(record.iri, "describedby", "text/html"),
        ]
        return JSONResponse({**description(record), "links": links}, headers=PRIVATE)

    def _self(self, record: Record) -> dict[str, str]:
        return link(f"{self._root}/processes/{record.iri.rpartition('/')[2]}", "self", "application/json")

    # ---- executing -------------------------------------------------------------------------------------------

    async def _execute(self, request: Request) -> Response:
        principal = await self._principal(request)
        body = await body_of(request)
        key = request.headers.get("idempotency-key")
        try:
            job = await self.jobs.accept(principal.record, body, principal.asker, key=key, take=principal.use)
        except NotAllowed as refusal:
            if principal.use is not None:
                await principal.use.record_refusal(refusal)
            raise
        asynchronous, seconds = preference(request.headers.getlist("prefer"), self.sync_seconds)
        job = await self._wait(job, principal.asker, seconds)
        if job.state is State.SUCCESSFUL and not asynchronous:
            return await self._answer(job)
        if job.state is State.FAILED and not asynchronous:
            raise failure(job)
        headers = {**PRIVATE, "Location": self._url(job)}
        if asynchronous:
            headers["Preference-Applied"] = "respond-async"
        return JSONResponse(self._info(job), status_code=201, headers=headers)

    async def _principal(self, request: Request) -> _Principal:
        """Return who may execute. A model that is hidden from the caller does not exist for it."""
        name, version = request.path_params["process"], version_of(request)
        if await self.authorise.knows(request.headers.get("authorization")):
            return await self._under_contract(request, name, version, counted=True)
        caller = await self.identify(request)
        record = await self.ogc_processes.find(name, caller, version=version)
        return _Principal(asker=_person(caller), record=record)

    async def _under_contract(
        self, request: Request, name: str, version: int | None, *, counted: bool = False
    ) -> _Principal:
        # Each new job is a use, counted when it is made: a repeated call is the same job, and no new use.
        access = await self.authorise.authorise_call(request.headers.get("authorization"), range_=f"process {name}")
        if access.agreement.dataset != self.ogc_processes.iri(name):
            raise NoSuchOgcProcess("there is no such process", remedy="see /ogc/processes for those that there are")
        record = await self.ogc_processes.under_contract(name, access.agreement, version=version)
        if counted:
            await self.authorise.record_call(access)
        return _Principal(asker=_participant(access), record=record, use=CallUse(self.authorise, access))

    async def _wait(self, job: Job, asker: Asker, seconds: float) -> Job:
        """Return the job as it is when it has ended, or after so many seconds."""
        ends = asyncio.get_running_loop().time() + seconds
        with self.changes.watch(job.id) as watch:
            while not job.state.is_final:
                rest = ends - asyncio.get_running_loop().time()
                if rest <= 0:
                    break
                # The job is also read without news from this process: the worker may be another one.
                await watch.wait(min(rest, 0.5))
                job = await self.jobs.get(job.id, asker)
        return job

    # ---- jobs ------------------------------------------------------------------------------------------------

    async def _jobs(self, request: Request) -> Response:
        asker = await self._asker(request)
        jobs = await self.jobs.of(asker, limit=limit_of(request, _MOST_JOBS))
        links = [link(f"{self._root}/jobs", "self", "application/json")]
        return JSONResponse({"jobs": [self._info(job) for job in jobs], "links": links}, headers=PRIVATE)

    async def _status(self, request: Request) -> Response:
        job, _ = await self._job(request)
        return JSONResponse(self._info(job), headers=PRIVATE)

    async def _dismiss(self, request: Request) -> Response:
        job, asker = await self._job(request)
        return JSONResponse(self._info(await self.jobs.dismiss(job.id, asker)), headers=PRIVATE)

    async def _results(self, request: Request) -> Response:
        job, _ = await self._job(request)
        return await self._answer(_ready(job))

    async def _result(self, request: Request) -> Response:
        job, _ = await self._job(request)
        result = await self.jobs.result(_ready(job))
        role = request.path_params["output"]
        if role not in result.outputs:
            raise InvalidInput(f"the process has no output {role}", remedy=f"outputs: {', '.join(result.outputs)}")
        return stream(self.assets, result, [result.outputs[role]])

    async def _job(self, request: Request) -> tuple[Job, Asker]:
        asker = await self._asker(request)
        try:
            return await self.jobs.get(request.path_params["job"], asker), asker
        except NotFound as error:
            raise NoSuchJob(error.detail) from error

    async def _asker(self, request: Request) -> Asker:
        authorization = request.headers.get("authorization")
        if await self.authorise.knows(authorization):
            return _participant(await self.authorise.authorise_call(authorization, range_="job"))
        caller = await self.identify(request)
        if caller.account is None:
            raise Unauthenticated(
                "only the owner of a job may see it",
                remedy="sign in, or send the token of the transfer under which the model was called",
            )
        return Asker(account=caller.account)

    async def _answer(self, job: Job) -> Response:
        """Return the results in the requested form: raw, or as a document with all outputs."""
        outputs, response = await self.jobs.requested_outputs(job)
        return compose(self.assets, await self.jobs.result(job), outputs, response)

    def _info(self, job: Job) -> dict[str, Any]:
        """Return statusInfo (OGC 18-062r2 §7.12)."""
        url = self._url(job)
        info: dict[str, Any] = {
            "jobID": job.id,
            "processID": job.model.rpartition("/")[2],
            "type": "process",
            "status": str(job.state),
            "created": stamp(job.created),
            "updated": stamp(job.updated),
            "progress": job.progress,
            "links": [link(url, "self", "application/json"), link(url, "monitor", "application/json")],
        }
        for name, moment in (("started", job.started), ("finished", job.finished)):
            if moment is not None:
                info[name] = stamp(moment)
        if job.message:
            info["message"] = job.message
        if job.state is State.SUCCESSFUL:
            info["links"].append(link(f"{url}/results", f"{_RELATION}results", "application/json"))
        return info

    def _url(self, job: Job) -> str:
        return f"{self._root}/jobs/{job.id}"


def _person(caller: Caller) -> Asker:
    if caller.account is None:
        if caller.is_anonymous:
            raise Unauthenticated(
                "running a model needs a known caller", remedy="sign in, or call it under an agreement"
            )
        raise NotAllowed(
            "a participant needs an agreement to call a model",
            remedy="negotiate an agreement for the model, start a transfer in the format for calling it, "
            "and send its token",
        )
    return Asker.of_person(caller)


def _participant(access: Any) -> Asker:
    return Asker(
        did=access.grant.recipient,
        transfer=access.grant.transfer,
        agreement=access.grant.agreement,
        model=access.agreement.dataset,
    )


def _ready(job: Job) -> Job:
    if job.state is State.FAILED:
        raise failure(job)
    if job.state is not State.SUCCESSFUL:
        raise ResultNotReady(f"the job is {job.state}", remedy="ask again when its status is successful")
    return job
