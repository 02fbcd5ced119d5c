"""Check harvested data against the schemas of the catalogue to which they say that they conform, in the background.

A harvest takes descriptions, and the data stay where they are. A file is fetched through the one way out, slowly, not
where ``robots.txt`` excludes it, up to a size; it is compared row by row in the cage, and deleted. What it says is a
mark on the record, never a reason to leave it out: the data are somebody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import ForbiddenAddress, HansaError, Overloaded, TooLarge
from node.base.ids import new_uuid
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.cage.model import has_full_queue
from node.catalogue.drafts.model import DraftStore
from node.catalogue.meaning.conformity import SchemaRules, may_be_checked, schemas_of
from node.catalogue.measurement.data_checks import SHOWN, DataCheck, DataCheckStore, DataState
from node.catalogue.measurement.link_checker import CheckLimits, DayCounts
from node.catalogue.measurement.link_model import host_of
from node.catalogue.measurement.link_requests import HostVisit, Send
from node.catalogue.measurement.links import is_own
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.semantics.schemas.breaches import Report
from node.vocab.namespaces import DCAT, DCT

PAGE: Final = 50
"""Records that one call looks at."""
FILES: Final = 3
"""Files that one call fetches, at most."""
REST: Final = timedelta(hours=1)
"""The time between two walks over all records."""
LARGEST: Final = 64 << 20
LONGEST: Final = 300.0
"""Seconds that fetching a file may take."""
DAY_OF_HOST: Final = 100
"""Files of one host that are fetched in a day, at most."""
SOONER: Final = 4
"""A file without a verdict is tried again after this part of the interval."""
_MOST_FILES: Final = 50

Fetch = Callable[[str], AbstractAsyncContextManager[tuple[int, AsyncIterator[bytes]]]]
"""(address) → status and bytes. Raises as ``Send``."""
Check = Callable[[Path, Mapping[str, Any]], Report]


@dataclass(frozen=True, slots=True)
class FileRequests:
    """Requests for a few bytes of a file, and for all of them."""

    send: Send
    fetch: Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestedFile:
    """A file of a harvested dataset, and a schema to which it says that it conforms."""

    record: Record
    address: str
    rules: SchemaRules

    @property
    def pair(self) -> tuple[str, str]:
        return self.address, self.rules[0].iri


class DataChecker:
    """Checks files that are due. ``interval`` is the time between two checks of one; None checks nothing."""

    def __init__(
        self,
        uow: UnitOfWork,
        records: RecordStore,
        store: DataCheckStore,
        files: DraftStore,
        clock: Clock,
        requests: FileRequests,
        check: Check,
        *,
        origin: str,
        base: str,
        interval: timedelta | None,
        limits: CheckLimits,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``files`` holds a file during its check; ``origin`` is the DID of this node, ``base`` its address."""
        self._uow = uow
        self._records = records
        self._store = store
        self._files = files
        self._clock = clock
        self._requests = requests
        self._check = check
        self._origin = origin
        self._base = base
        self._interval = interval
        self._limits = limits
        self._pause = pause
        self._after = ""
        self._rest_until: datetime | None = None
        self._counts = DayCounts(clock, min(DAY_OF_HOST, limits.day))

    async def check_due(self) -> None:
        """Look at the next records, and check files of theirs that are due: call it regularly, in one process."""
        now = self._clock.now()
        if self._interval is None or (self._rest_until is not None and now < self._rest_until):
            return
        due, last = await run_sync(self._next_page)
        for file in due[:FILES]:
            await run_sync(self._save, await self._verdict(file, self._interval))
        if len(due) <= FILES:
            self._after = last
            self._rest_until = None if last else now + REST

    def _next_page(self) -> tuple[list[HarvestedFile], str]:
        """Return the files of the next records that are due, and the last IRI of the page, empty at the end."""
        with self._uow.read() as tx:
            page = self._records.current(tx, origins=[self._origin], after=self._after, limit=PAGE)
            copies = [record for record in page if record.harvest_origin is not None]
            files = {record.iri: self._files_of(record, schemas_of(tx, self._records, record)) for record in copies}
            checks = self._store.of(tx, list(files))
        now = self._clock.now()
        due: list[HarvestedFile] = []
        for record in copies:
            checks_of_pair = {(check.address, check.schema): check for check in checks.get(record.iri, ())}
            named_files = files[record.iri]
            due += [file for file in named_files if _is_due(file, checks_of_pair.get(file.pair), now)]
            if checks_of_pair.keys() - {file.pair for file in named_files}:
                self._keep(record.iri, [file.pair for file in named_files])
        return due, page[-1].iri if len(page) == PAGE else ""

    def _files_of(self, record: Record, schemas: Sequence[SchemaRules]) -> list[HarvestedFile]:
        files = [
            HarvestedFile(record=record, address=address, rules=rules)
            for rules in schemas
            if rules[0].kind == "schema"
            for address in _addresses(record, rules[0].iri)
            if host_of(address) and not is_own(address, self._base)
        ]
        return files[:_MOST_FILES]

    @taken_in_turn
    def _keep(self, iri: str, pairs: Sequence[tuple[str, str]]) -> None:
        with self._uow.begin() as tx:
            self._store.keep(tx, iri, pairs)

    @taken_in_turn
    def _save(self, check: DataCheck) -> None:
        with self._uow.begin() as tx:
            self._store.save(tx, check)

    async def _verdict(self, file: HarvestedFile, interval: timedelta) -> DataCheck:
        now, schema = self._clock.now(), file.rules[0]
        check = DataCheck(
            iri=file.record.iri,
            address=file.address,
            schema=schema.iri,
            version=file.record.version,
            schema_version=schema.version,
            at=now,
            due=now + interval / SOONER,
        )
        host = host_of(file.address)
        if self._limits.exclude(host):
            return replace(check, reason="exception", due=now + interval)
        if not self._counts.count(host):
            return replace(check, reason="busy", due=now + timedelta(days=1))
        answer = await HostVisit(self._requests.send, self._pause).check(file.address, now)
        if not answer.works:
            return replace(check, reason=answer.reason)
        return await self._comparison(file, check, interval)

    async def _comparison(self, file: HarvestedFile, check: DataCheck, interval: timedelta) -> DataCheck:
        place = str(new_uuid())
        try:
            async with asyncio.timeout(LONGEST), self._requests.fetch(file.address) as (status, chunks):
                if status != 200:
                    return replace(check, reason="status")
                await self._files.take_in(place, chunks, limit=LARGEST)
            path = await run_sync(self._files.path, place)
            report = await run_sync(self._check, path, file.rules[1])
        except TooLarge:
            return replace(check, reason="too-large", due=check.at + interval)
        except ForbiddenAddress:
            return replace(check, reason="forbidden", due=check.at + interval)
        except Overloaded as fault:
            return replace(check, reason="busy" if has_full_queue(fault) else "partly")
        except TimeoutError:
            return replace(check, reason="unreachable")
        except HansaError as error:
            return replace(check, reason="unreachable" if error.status >= 500 else "unreadable")
        finally:
            await run_sync(self._files.remove, place)
        return with_report(check, report, check.at + interval)


def with_report(check: DataCheck, report: Report, due: datetime) -> DataCheck:
    """Return ``check`` with the verdict that follows from ``report``."""
    state = DataState.CONFORMS if report.conforms else DataState.BREAKS if report.count else DataState.UNKNOWN
    breaches = [
        {"row": breach.row, "column": breach.column, "what": breach.what, "values": list(breach.values)}
        for breach in report.breaches[:SHOWN]
    ]
    return replace(
        check,
        state=state,
        reason="partly" if state is DataState.UNKNOWN else "",
        rows=report.rows,
        count=report.count,
        breaches=tuple(breaches),
        due=due,
    )


def _is_due(file: HarvestedFile, check: DataCheck | None, now: datetime) -> bool:
    if check is None or check.due <= now:
        return True
    return (check.version, check.schema_version) != (file.record.version, file.rules[0].version)


def _addresses(record: Record, schema: str) -> list[str]:
    """Return the addresses of the files of ``record`` that say that they conform to ``schema``, or whose dataset
    does, and that are tables or rows of JSON."""
    statements = Statements(record)
    on_dataset = f"<{schema}>" in statements.own(f"{DCT}conformsTo")
    addresses: dict[str, None] = {}
    for file in statements.own(f"{DCAT}distribution"):
        if not on_dataset and f"<{schema}>" not in statements.objects(file, f"{DCT}conformsTo"):
            continue
        media_types = [*statements.objects(file, f"{DCAT}mediaType"), *statements.objects(file, f"{DCT}format")]
        for address in statements.objects(file, f"{DCAT}downloadURL"):
            if is_iri(address) and _is_readable(iri_of(address), media_types):
                addresses[iri_of(address)] = None
    return list(addresses)


def _is_readable(address: str, media_types: Sequence[str]) -> bool:
    """Return whether a file is a table or rows of JSON, by what its description says, else by its ending."""
    for value in media_types:
        text = value.strip('<>"').rpartition("media-types/")[2] if "media-types/" in value else value.strip('<>"')
        if may_be_checked(text) or text.rpartition("/")[2].upper() in ("CSV", "TSV", "JSON", "GEOJSON"):
            return True
    path = address.partition("?")[0].partition("#")[0].casefold()
    return not media_types and path.endswith((".csv", ".tsv", ".json", ".geojson"))
