"""Pages for the people who run a node: health, settings in force, storage, and the audit trail."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from anyio.to_thread import run_sync
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from node import __version__
from node.base.clock import stamp
from node.base.plaintext import harmless
from node.catalogue.representations import VARY
from node.evidence.audit_file import FILE_NAME, MEDIA_TYPE
from node.ledger.model import Entry, EntryKind
from node.operation.audit import AuditFilter, entry_head
from node.operation.audit_events import AuditEvent
from node.operation.security_log import log_line
from node.portal import headers
from node.portal.markup import shorten
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

MAX_TEXT: Final = 2048
_ROWS: Final = 500
_DIGITS: Final = 16
_STATES: Final = {
    "negotiation-message-sent": "state.negotiation",
    "negotiation-message-received": "state.negotiation",
    "transfer-message-sent": "state.transfer",
    "transfer-message-received": "state.transfer",
    "run-ended": "state.run",
    "job-ended": "state.run",
}
"""Code of an event → the words for the state in it."""
_COLUMNS: Final = ("seq", "at", "kind", "subject", "by", "id", "body")


async def health(responder: Responder, visit: Visit) -> Response:
    """``/operate``: the checks of the running node, faults first, and its figures."""
    checkup = responder.node.operation.checkup
    return responder.render(
        visit,
        "health.html",
        checks=await checkup.checks(visit.caller),
        facts=await checkup.facts(visit.caller),
        daily=checkup.daily_load(visit.caller),
    )


async def settings(responder: Responder, visit: Visit) -> Response:
    """``/operate/settings``: the settings in force and where they come from; ``?changed=1``: without the defaults."""
    in_force = responder.node.operation.configuration.settings(visit.caller)
    changed = visit.request.query_params.get("changed") == "1"
    return responder.render(
        visit,
        "settings.html",
        settings=[one for one in in_force if not changed or one.source != "default"],
        changed=changed,
        total=len(in_force),
    )


async def storage(responder: Responder, visit: Visit) -> Response:
    """``/operate/storage``: the disk by place, the backups, and the files of each asset."""
    after = visit.request.query_params.get("after", "")[:MAX_TEXT]
    view = await responder.node.operation.storage.view(visit.caller, after=after)
    return responder.render(visit, "storage.html", view=view, after=after)


async def audit(responder: Responder, visit: Visit) -> Response:
    """``/operate/audit``: the entries of the ledger, newest first, filtered."""
    criteria, fields = _filter(visit)
    before = visit.request.query_params.get("before", "")
    number = int(before) if before.isascii() and before.isdecimal() and len(before) < 16 else None
    trail = responder.node.operation.audit
    page = await run_sync(lambda: trail.page(criteria, visit.caller, before=number))
    return responder.render(
        visit,
        "audit.html",
        page=page,
        rows=[(entry, _sentence(visit, event)) for entry, event in zip(page.entries, page.events, strict=True)],
        fields=fields,
        kinds_of_entries=[str(kind) for kind in EntryKind],
        query=f"?{urlencode(fields)}" if fields else "",
        continued=number is not None,
    )


async def audit_entry(responder: Responder, visit: Visit) -> Response:
    """``/operate/audit/{number}``: one entry of the ledger, with its content."""
    text = visit.request.path_params["number"]
    # Zero is no entry: who may not read the trail is refused first, whatever the address says.
    number = int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else 0
    trail = responder.node.operation.audit
    entry = await run_sync(lambda: trail.entry(number, visit.caller))
    sentence = _sentence(visit, trail.event(entry))
    return responder.render(visit, "audit-entry.html", entry=entry, sentence=sentence, body=_readable(entry))


async def audit_log(responder: Responder, visit: Visit) -> Response:
    """``/operate/audit.log``: the filtered entries as lines for a security log, at most fifty thousand."""
    criteria, _ = _filter(visit)
    entries = await run_sync(lambda: responder.node.operation.audit.entries(criteria, visit.caller))
    host = visit.settings.host
    return _export(_log(entries, host), "text/plain; charset=utf-8", "audit.log")


async def audit_csv(responder: Responder, visit: Visit) -> Response:
    """``/operate/audit.csv``: the filtered entries as a table (RFC 4180), at most fifty thousand."""
    criteria, _ = _filter(visit)
    entries = await run_sync(lambda: responder.node.operation.audit.entries(criteria, visit.caller))
    return _export(_sheet(entries), "text/csv; charset=utf-8; header=present", "audit.csv")


async def audit_signed(responder: Responder, visit: Visit) -> Response:
    """``/operate/audit.jsonl``: the filtered entries as a file that the node signs, at most fifty thousand."""
    criteria, _ = _filter(visit)
    lines = await run_sync(lambda: responder.node.operation.audit.sign(criteria, visit.caller))
    return _export(iterate_in_threadpool(lines), MEDIA_TYPE, FILE_NAME)


def _export(chunks: AsyncIterator[bytes], media_type: str, name: str) -> Response:
    return StreamingResponse(
        chunks,
        headers={
            "Content-Type": media_type,
            "Content-Disposition": f'attachment; filename="{name}"',
            "Vary": VARY,
            "Cache-Control": headers.cache_control(signed_in=True),
            "X-Content-Type-Options": "nosniff",
        },
    )


def _filter(visit: Visit) -> tuple[AuditFilter, dict[str, str]]:
    """Return the filter of the URL, and the fields of its form. What cannot be read restricts nothing."""
    query = visit.request.query_params
    fields = {name: query.get(name, "").strip()[:MAX_TEXT] for name in ("kind", "subject", "by", "from", "to")}
    since, until = _day(fields["from"]), _day(fields["to"])
    criteria = AuditFilter(
        kind=EntryKind(fields["kind"]) if fields["kind"] in set(EntryKind) else None,
        subject=fields["subject"],
        by=fields["by"],
        since=since,
        until=until + timedelta(days=1) if until and until.year < 9999 else until,
    )
    return criteria, {name: value for name, value in fields.items() if value}


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
    except ValueError:
        return None


def _sentence(visit: Visit, event: AuditEvent) -> str:
    """Return what an entry tells in words."""
    speaker = visit.speaker
    account_key = f"act.{event.code}"
    if speaker.knows(account_key):
        return speaker.say(account_key)
    family = _STATES.get(event.code, "")
    facts = {
        name: speaker.word(family, text) if name in ("state", "outcome") else shorten(text)
        for name, text in event.facts.items()
    }
    return speaker.say(f"audit.said.{event.code}", **facts)


def _readable(entry: Entry) -> str:
    return json.dumps(json.loads(entry.body), ensure_ascii=False, indent=2)[:20_000]


async def _sheet(entries: Iterator[Entry]) -> AsyncIterator[bytes]:
    yield f"{','.join(_COLUMNS)}\r\n".encode("ascii")
    while batch := await run_sync(_batch, entries):
        yield await run_sync(_rows, batch)


def _rows(entries: list[Entry]) -> bytes:
    """Return lines of the table. The body is by far the longest cell, and is quoted as it is stored: it begins with a
    brace."""
    lines = []
    for entry in entries:
        sheet = io.StringIO()
        cells = (entry.seq, stamp(entry.at), str(entry.kind), entry.subject, entry.by, entry.id)
        csv.writer(sheet, lineterminator="").writerow([harmless(str(cell)) for cell in cells])
        head = sheet.getvalue().encode("utf-8", errors="replace")
        lines.append(head + b',"' + entry.body.replace(b'"', b'""') + b'"\r\n')
    return b"".join(lines)


async def _log(entries: Iterator[Entry], host: str) -> AsyncIterator[bytes]:
    while batch := await run_sync(_batch, entries):
        yield await run_sync(_lines, batch, host)


def _lines(entries: list[Entry], host: str) -> bytes:
    lines = (log_line(entry_head(entry), host=host, version=__version__, content=entry.body) for entry in entries)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace")


def _batch(entries: Iterator[Entry]) -> list[Entry]:
    return list(itertools.islice(entries, _ROWS))
