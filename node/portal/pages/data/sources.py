"""The page on which stewards register the data sources of the node, test them in words, and remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import Conflict, ForbiddenAddress, HansaError, InvalidInput
from node.datasources.brokers.model import Form
from node.datasources.checkup import Report
from node.datasources.model import Credentials, Scheme
from node.datasources.register import DEFAULT_READS, READS_PER_MINUTE
from node.datasources.sinks import ALLOWED, SINK
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

SCHEMES: Final = (Scheme.BASIC, Scheme.BEARER, Scheme.HEADER, Scheme.NONE)


async def sources(responder: Responder, visit: Visit) -> Response:
    """``GET /sources``."""
    return await source_page(responder, visit)


async def add(responder: Responder, visit: Visit) -> Response:
    """``POST /sources``: register a data source or change it, or show the form again with the reason, without the
    secret."""
    fields = {name: value.strip() for name, value in visit.fields.items()}
    options = {name: fields[name] for name in _kinds_of_options(responder) if fields.get(name)}
    if fields.get(SINK):
        options[SINK] = ALLOWED
    name, kind, address = (fields.get(field, "") for field in ("name", "kind", "address"))
    try:
        credentials = _credentials(visit)
        await run_sync(
            lambda: responder.node.operation.data_sources.register(
                name, kind, address, visit.caller, options=options, credentials=credentials
            )
        )
    except (InvalidInput, Conflict, ForbiddenAddress) as error:
        return await source_page(responder, visit, trouble=error)
    return responder.go(visit, visit.url("/sources", done="data-source-added") + f"#source-{name}")


async def test(responder: Responder, visit: Visit) -> Response:
    """``POST /sources/{name}/test``: the page with what works. Faults of the source are part of it."""
    name, item = visit.request.path_params["name"], visit.fields.get("item", "").strip()
    report = await responder.node.operation.try_data_source(name, visit.caller, item=item, language=visit.language)
    return await source_page(responder, visit, report=report)


async def remove(responder: Responder, visit: Visit) -> Response:
    """``POST /sources/{name}/remove``: forget a data source and its credentials."""
    name = visit.request.path_params["name"]
    await run_sync(responder.node.operation.data_sources.remove, name, visit.caller)
    return responder.go(visit, visit.url("/sources", done="data-source-removed"))


def _kinds_of_options(responder: Responder) -> dict[str, tuple[str, ...]]:
    """Return the options that the form asks for, each with the kinds of data sources that have it."""
    register = responder.node.operation.data_sources
    options_of = {kind: register.options_of(kind) for kind in register.kinds}
    names = dict.fromkeys(name for options in options_of.values() for name in options)
    kinds = {name: tuple(kind for kind, options in options_of.items() if name in options) for name in names}
    return {**kinds, READS_PER_MINUTE: register.kinds}


def _credentials(visit: Visit) -> Credentials | None:
    """Return the credentials of the form; None if the earlier ones stay. Raises ``InvalidInput``."""
    scheme = visit.fields.get("scheme", "")
    if not scheme:
        if visit.fields.get("secret") or visit.fields.get("user", "").strip():
            raise InvalidInput("a user or a secret was given, and no kind of credentials", remedy="choose the kind")
        return None
    if scheme not in set(SCHEMES):
        raise InvalidInput("there is no such kind of credentials", remedy=f"one of: {', '.join(SCHEMES)}")
    if scheme == Scheme.NONE:
        return Credentials()
    name = "" if scheme == Scheme.BEARER else visit.fields.get("user", "").strip()
    return Credentials(scheme=Scheme(scheme), name=name, secret=visit.fields.get("secret", ""))


async def source_page(
    responder: Responder,
    visit: Visit,
    *,
    trouble: HansaError | None = None,
    place: str = "",
    report: Report | None = None,
) -> Response:
    """Return the page; ``trouble`` stands in the form of the broker ``place``, or in the form for a new source."""
    register, subscriptions = responder.node.operation.data_sources, responder.node.operation.broker_subscriptions
    views = await run_sync(subscriptions.all, visit.caller)
    return responder.render(
        visit,
        "sources.html",
        status=200 if trouble is None else trouble.status,
        sources=await run_sync(register.all, visit.caller),
        source_kinds=register.kinds,
        schemes=SCHEMES,
        brokers=await run_sync(subscriptions.brokers, visit.caller),
        views=views,
        streams=[stream.name for stream in await run_sync(responder.node.operation.streams.all, visit.caller)],
        forms=list(Form),
        place=place,
        kinds_of_options=_kinds_of_options(responder),
        default_reads=DEFAULT_READS,
        report=report,
        trouble=None if trouble is None else visit.explain(trouble),
        # What was typed stands in the form again, but for the secret.
        fields={name: value for name, value in visit.fields.items() if name != "secret"} if trouble else {},
    )
