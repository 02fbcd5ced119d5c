"""The page of an asset: what it is, how you may use it, how to get it, and everything behind it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from zlib import crc32

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.clock import moment
from node.base.errors import InvalidInput, NotFound, Withdrawn
from node.catalogue.browse import Connections
from node.catalogue.deliverability import conversions_of, offered_portion
from node.catalogue.export.croissant import MEDIA_TYPE, croissant
from node.catalogue.meaning.schema_registry import type_of
from node.catalogue.model import Record
from node.catalogue.publication.part_preview import part_words
from node.catalogue.representations import VARY
from node.catalogue.retention import REMOVED
from node.catalogue.versions import memento
from node.identity.roles import UseCase, allowed
from node.negotiation.agreement import agreed_version
from node.portal import headers
from node.portal.description import previews
from node.portal.description.cards import Card, card
from node.portal.description.changes import timeline
from node.portal.description.content import distributions, facts, lineage, name_of, remaining
from node.portal.description.schema_org import is_dataset
from node.portal.description.triples import Description
from node.portal.markup import web_address
from node.portal.pages.data.maps import map_of
from node.portal.pages.discovery import links, structured_data
from node.portal.pages.edits import may_manage
from node.portal.pages.erasures import may_erase
from node.portal.pages.people.questions import questions_of
from node.portal.pages.result_parts import making_of
from node.portal.pages.scenario_parts import calls, runs_of, scenario_of
from node.portal.pages.usage import use_of
from node.portal.runs.verdicts import TONES
from node.portal.views.agreements import AgreementView
from node.portal.views.observations import latest_observations
from node.portal.visit import Visit
from node.vocab.namespaces import HANSA_MODEL, PROV

if TYPE_CHECKING:
    from node.portal.responder import Responder

_CROISSANT: Final = "croissant.json"
FORMATS: Final[dict[str, tuple[str, str]]] = {
    "ttl": ("text/turtle", "Turtle"),
    "jsonld": ("application/ld+json", "JSON-LD"),
    "rdf": ("application/rdf+xml", "RDF/XML"),
    "nt": ("application/n-triples", "N-Triples"),
    _CROISSANT: (MEDIA_TYPE, "Croissant"),
}
"""File ending → (media type, name) of the record itself; Croissant is there for datasets only."""

SHOWN_RDF: Final = 60_000
_DRAWN: Final = "application/geo+json"
_CHANGEABLE: Final = (_DRAWN, "text/csv", "text/tab-separated-values", "application/json")
"""Files with rows that a change layer may change, those for a map first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file of the record; it has an ``address`` if it is open for download."""

    name: str
    format: str
    media_type: str
    size: int
    sha256: str
    open: bool
    address: str


async def record_page(responder: Responder, visit: Visit, iri: str, *, is_its_address: bool = False) -> Response:
    """The page of the asset ``iri``, of its version ``?version=N`` or of its state at ``?asOf=moment``.

    ``is_its_address``: the request is for the address of the asset, where programs can ask for a time too (Memento).

    Raises ``NotFound`` (also for assets that the reader may not see) and ``InvalidInput``.
    """
    node, caller = responder.node, visit.caller
    version, as_of = _selection(visit)
    try:
        record = await node.catalogue.browse.record(iri, caller, version=version, as_of=as_of)
    except Withdrawn as error:
        return _tombstone(responder, visit, await node.catalogue.browse.versions(iri, caller), error)
    versions = list(await node.catalogue.browse.versions(iri, caller)) or [record]
    keepings = await node.catalogue.browse.keepings(versions)
    is_removed = record.version in keepings and keepings[record.version].state == REMOVED
    decision = await node.catalogue.assets.decision(record, caller)
    words = tuple(node.catalogue.access.sentences(record, visit.language))
    access = await node.catalogue.assets.access(record, caller)
    description = Description.read(record.nquads)
    laid_out = card(record.kind, description, record.subject)
    files = _files(visit, record, versions[0].version, is_removed=is_removed)
    earlier = record.version if record.version != versions[0].version else None
    turtle = await node.catalogue.assets.rdf(record, "text/turtle")
    scenario = await scenario_of(responder, visit, record)
    what_if = await _changeable(responder, visit, record, description)
    forms = distributions(description, record.subject)
    export_formats = {ending: form for ending, form in FORMATS.items() if ending != _CROISSANT or is_dataset(record)}
    manages = not as_of and may_manage(visit, record, versions[0])
    shows_part = manages and visit.request.query_params.get("partner") == "show"
    preview = None if is_removed else await _preview(responder, visit, record, files)
    columns = {preview["file"].name: preview["table"].columns} if preview and preview["table"] else {}
    map_layer, live, scene_file = None, "", ""
    if visit.owns(record.iri) and not is_removed:
        scene_file = await node.catalogue.assets.scene_file(record)
        map_layer, live = map_of(responder, visit, record, columns, str(earlier or ""))
    page = responder.render(
        visit,
        "asset.html",
        map_layer=map_layer,
        scene_file=scene_file,
        live=live,
        part=part_words(record, visit.language) if manages else [],
        shows_part=shows_part,
        part_tables=await node.catalogue.assets.part_tables(record, caller) if shows_part else (),
        structured=structured_data(responder, visit, record, description, forms),
        record=record,
        newest=versions[0],
        as_of=as_of,
        use=use_of(record, decision, visit.caller, access, words),
        facts=facts(description, record.subject),
        distributions=forms,
        copies=await node.catalogue.browse.copies(record, caller),
        lineage=lineage(description, record.subject),
        making=await making_of(responder, visit, record, description),
        has_story=responder.node.scenarios is not None,
        card=laid_out,
        remaining=remaining(description, record.subject, laid_out.predicates),
        names=Names(description, await node.catalogue.browse.connections(record, caller), laid_out),
        files=files,
        conversions=conversions_of(record),
        gives_whole=offered_portion(record).is_whole,
        sees_subscribers=allowed(caller, UseCase.MANAGE_DATA_SOURCES),
        observations=await run_sync(latest_observations, node.operation.streams, record, caller)
        if visit.owns(record.iri)
        else [],
        preview=preview,
        steps=timeline(versions),
        quality=await node.catalogue.assets.quality(record),
        broken_links=await node.catalogue.assets.broken_links(record),
        data_checks=await node.catalogue.assets.data_checks(record),
        commands=_commands(visit, record, earlier),
        formats=export_formats,
        turtle=turtle[:SHOWN_RDF],
        turtle_cut=len(turtle) > SHOWN_RDF,
        own=visit.owns(record.iri),
        agreed=await _find_agreement(responder, visit, record, earlier),
        earlier=earlier,
        keepings=keepings,
        is_removed=is_removed,
        may_check=allowed(visit.caller, UseCase.PUBLISH),
        in_registry=record.kind == "schema" and type_of(record) is not None,
        may_get=allowed(visit.caller, UseCase.RECEIVE),
        manages=manages,
        erases=may_erase(visit, record),
        questions=await questions_of(responder, visit, record),
        subscription=await node.catalogue.subscriptions.of_asset(record.iri, caller),
        scenario=scenario,
        used_in=await runs_of(responder, visit, record, scenario),
        what_if=what_if,
        what_if_drawn=any(file.name in what_if and file.media_type.startswith(_DRAWN) for file in files),
        calls=calls(visit, record, description),
        refuses_models=await _refuses(responder, visit, record, description),
        tones=TONES,
        contact=next((fact for fact in facts(description, record.subject) if fact.label == "contact"), None),
    )
    formats = {ending: media_type for ending, (media_type, _) in export_formats.items()}
    downloads = {file.address: file.media_type for file in files if file.address}
    link = links(responder, visit, record, description, forms, formats=formats, files=downloads)
    page.headers["Link"] = link
    if is_its_address:
        is_newest = version is None and as_of is None
        page.headers.update(memento.headers(record, is_newest=is_newest, link=link))
    return page


async def _find_agreement(
    responder: Responder, visit: Visit, record: Record, earlier: int | None
) -> AgreementView | None:
    """Return the newest agreement in force under which this node may get the data, for an earlier version one that
    was made for it, if there is any; None for other readers."""
    if not visit.signed_in or visit.owns(record.iri) or record.kind == "model":
        return None
    usable = await responder.node.contracts.agreements.usable(record.iri)
    exact = (view for view in usable if earlier is not None and agreed_version(view.agreement.body) == earlier)
    return next(exact, next(iter(usable), None))


async def _refuses(responder: Responder, visit: Visit, record: Record, description: Description) -> str:
    """Return why this node does not run the model, if it has its code but cannot keep code from its files."""
    if (
        record.kind != "model"
        or not visit.owns(record.iri)
        or not description.value(record.iri, f"{HANSA_MODEL}codeSha256")
    ):
        return ""
    return (await responder.node.operation.facts()).refuses_models


async def record_by_iri(responder: Responder, visit: Visit) -> Response:
    """``/record?iri=…``: the page of an asset of another node."""
    return await record_page(responder, visit, _iri(visit))


async def record_as(responder: Responder, visit: Visit) -> Response:
    """``/record.ttl?iri=…``: the record itself in a syntax, as a plain link."""
    ending = visit.request.path_params["ending"]
    if ending not in FORMATS:
        raise NotFound
    version, as_of = _selection(visit)
    record = await responder.node.catalogue.browse.record(_iri(visit), visit.caller, version=version, as_of=as_of)
    media_type, _ = FORMATS[ending]
    if ending == _CROISSANT:
        text = croissant(record).decode()
    else:
        text = await responder.node.catalogue.assets.rdf(record, media_type)
    name = record.iri.rstrip("/").rsplit("/", 1)[-1]
    safe = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_"))[:80] or "record"
    return Response(
        text.encode("utf-8", errors="replace"),
        headers={
            "Content-Type": media_type if ending == _CROISSANT else f"{media_type}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{safe}.{ending}"',
            "X-Content-Type-Options": "nosniff",
            "Vary": VARY,
            "Cache-Control": headers.cache_control(signed_in=not visit.caller.is_anonymous),
        },
    )


async def ask(responder: Responder, visit: Visit) -> Response:
    """``POST /record/ask``: begin a negotiation for this node, then watch it."""
    record = await responder.node.catalogue.browse.record(visit.fields.get("iri", ""), visit.caller)
    purpose = visit.fields.get("purpose") or None
    negotiation = await responder.node.contracts.acquire.ask(record.iri, visit.caller, purpose=purpose)
    return responder.go(visit, visit.url(f"/processes/{quote(negotiation.pid, safe='')}", done="asked"))


class Names:
    """Names of IRIs: from the catalogue, the description itself, a code list, or the end of the IRI."""

    def __init__(self, description: Description, connections: Connections, laid_out: Card) -> None:
        self._description = description
        self._known = {link.iri: link for link in (*connections.users, *connections.sources)}
        self._rows = {row.iri for sheet in laid_out.sheets for row in sheet.rows if row.iri}
        self.used_by = list({link.iri: link for link in connections.users}.values())

    def asset(self, iri: str) -> tuple[str, int | None]:
        """Return (asset, version) if ``iri`` is an asset in the catalogue, or a version of one; else empty."""
        base, mark, version = iri.rpartition("#v")
        if mark and version.isdecimal() and len(version) < 10 and base in self._known:
            return base, int(version)
        return (iri if iri in self._known else ""), None

    def of(self, iri: str) -> dict[str, str]:
        asset, _ = self.asset(iri)
        if asset and self._known[asset].titles:
            return self._known[asset].titles
        return name_of(self._description, iri)

    def anchor(self, iri: str) -> str:
        """Return the id of the row about ``iri`` on this page, or empty."""
        return f"term-{crc32(iri.encode('utf-8', errors='replace')):08x}" if iri in self._rows else ""


def _selection(visit: Visit) -> tuple[int | None, datetime | None]:
    version = visit.request.query_params.get("version", "")
    as_of = visit.request.query_params.get("asOf", "")
    if version and not (version.isdecimal() and len(version) < 10 and int(version) > 0):
        raise InvalidInput("the version is not a number", remedy="write ?version=1", facts={"case": "version-number"})
    try:
        return (int(version) if version else None), (moment(as_of) if as_of else None)
    except ValueError as error:
        raise InvalidInput(
            "asOf is not a date",
            remedy="write ?asOf=2026-11-20T12:00:00Z or ?asOf=2026-11-20",
            facts={"case": "as-of-date"},
        ) from error


def _iri(visit: Visit) -> str:
    iri = visit.request.query_params.get("iri", "")
    if not iri or len(iri) > 2048:
        raise NotFound
    return iri


def _files(visit: Visit, record: Record, newest: int, *, is_removed: bool) -> tuple[FileRow, ...]:
    base = ""
    if visit.owns(record.iri):
        base = visit.asset(record)
    elif web_address(record.iri):
        base = record.iri
    base = "" if is_removed else base
    suffix = "" if record.version == newest else f"?version={record.version}"
    return tuple(
        FileRow(
            name=file.name,
            format=file.format,
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256,
            open=file.open,
            address=f"{base}/files/{quote(file.name, safe='')}{suffix}" if file.open and base else "",
        )
        for file in record.files
    )


async def _changeable(
    responder: Responder, visit: Visit, record: Record, description: Description
) -> tuple[str, ...]:
    """Return the files for which the reader could make a change layer, those for a map first. A result has none:
    change its inputs instead."""
    if responder.node.scenarios is None or not visit.signed_in or record.kind != "dataset":
        return ()
    if description.terms(record.subject, f"{PROV}wasGeneratedBy"):
        return ()
    readable = await responder.node.scenarios.drawn_layers.changeable(record, visit.caller)
    kinds = {file.name: file.media_type.partition(";")[0] for file in record.files if file.name in readable}
    return tuple(
        sorted((name for name, kind in kinds.items() if kind in _CHANGEABLE), key=lambda n: kinds[n] != _DRAWN)
    )


async def _preview(
    responder: Responder, visit: Visit, record: Record, files: tuple[FileRow, ...]
) -> dict[str, Any] | None:
    """Return the preview of the first open file that has one: its name, and a table or a sketch."""
    for file in files:
        if not file.open:
            continue
        head = await responder.node.catalogue.assets.head(record, file.name, previews.MAX_BYTES)
        if head is None:
            continue
        whole = len(head) >= file.size
        table = previews.table(head, file.media_type, whole=whole)
        sketch = previews.sketch(head, file.media_type, whole=whole)
        if table or sketch:
            return {"file": file, "table": table, "sketch": sketch}
    return None


def _commands(visit: Visit, record: Record, earlier: int | None) -> dict[str, str]:
    """Return commands to copy: for the terminal, for the API of the reader's own node, for SPARQL. ``earlier`` is the
    number of an earlier version."""
    own = visit.settings.public_url.rstrip("/") if visit.signed_in else ""
    address = shlex.quote(f"{own}/api/negotiations") if own else '"$HANSA_NODE/api/negotiations"'
    body = json.dumps({"dataset": record.iri}, ensure_ascii=False)
    if record.harvest_origin is not None:
        # Its files are at the source: this node cannot deliver them.
        return {"sparql": f"DESCRIBE <{record.subject}>"} if web_address(record.subject) else {}
    commands = {
        "terminal": f"hansa get {shlex.quote(record.iri)}" + (f" --version {earlier}" if earlier else ""),
        "api": (
            f"curl -X POST {address} \\\n"
            '  -H "Authorization: Bearer $HANSA_TOKEN" -H "Content-Type: application/json" \\\n'
            f"  -d {shlex.quote(body)}"
        ),
    }
    if web_address(record.iri):
        commands["sparql"] = f"DESCRIBE <{record.subject}>"
    return commands


def _tombstone(responder: Responder, visit: Visit, versions: Sequence[Record], error: Withdrawn) -> Response:
    record = next((version for version in versions if version.version == error.facts["version"]), None)
    if record is None:
        raise error
    earlier = (version for version in versions if version.version < record.version and not version.withdrawn)
    return responder.render(visit, "withdrawn.html", status=410, record=record, last=next(earlier, record))
