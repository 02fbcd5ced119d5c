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
from datetime import datetime, time, timedelta
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
from node.catalogue.measurement.link_requests import SPACING, HostVisit, Send
from node.catalogue.measurement.links import is_own
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.semantics.schemas.breaches import Report
from node.vocab.namespaces import DCAT, DCT

PAGE: Final = 200
"""Records that are read at once."""
PAGES: Final = 15
"""Pages that one call looks at, unless enough files are due before."""
HOSTS: Final = 16
"""Hosts that are visited at a time."""
VISIT: Final = 20
"""Files of a host that one call fetches, at most."""
VISIT_TIME: Final = timedelta(seconds=60)
"""The time after which a visit begins no further file: a slow host holds up the others no longer."""
COMPARISONS: Final = 2
"""Files that are compared at a time: the cage is there for people as well."""
PATIENCE: Final = 3
"""Files in a row of a host that does not answer, after which its visit ends."""
AWAY: Final = timedelta(minutes=30)
"""The time for which a host that does not answer is left alone."""
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

    @property
    def host(self) -> str:
        return host_of(self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The files to check now, by host. ``after`` is the last record before which no file is left for later; ``ends``:
    the walk has come to the last record."""

    files: Mapping[str, Sequence[HarvestedFile]]
    after: str
    ends: bool


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
        self._away: dict[str, datetime] = {}
        self._comparisons = asyncio.Semaphore(COMPARISONS)

    async def check_due(self) -> None:
        """Look at the next records, and check files of theirs that are due, of several hosts at once: call it
        regularly, in one process."""
        now = self._clock.now()
        if self._interval is None or (self._rest_until is not None and now < self._rest_until):
            return
        self._away = {host: until for host, until in self._away.items() if until > now}
        self._comparisons = asyncio.Semaphore(COMPARISONS)
        plan = await run_sync(self._plan)
        visits = await asyncio.gather(*(self._visit(files, self._interval) for files in plan.files.values()))
        if all(visits):
            self._after = plan.after
            self._rest_until = now + REST if plan.ends else None

    def _plan(self) -> _Plan:
        """Look through records until enough files are due. A host that wants no more requests for now
        holds up nothing: its files stay due, and the next walk comes to them."""
        files: dict[str, list[HarvestedFile]] = {}
        place, behind, is_complete = self._after, self._after, True
        for _ in range(PAGES):
            due, last = self._page(place)
            for file in due:
                host = file.host
                if host in self._away:
                    continue
                if (host not in files and len(files) == HOSTS) or len(files.get(host, ())) == VISIT:
                    is_complete = False
                else:
                    files.setdefault(host, []).append(file)
            if is_complete:
                behind = last
            if not last or sum(map(len, files.values())) == HOSTS * VISIT:
                break
            place = last
        return _Plan(files=files, after=behind, ends=is_complete and not last)

    def _page(self, after: str) -> tuple[list[HarvestedFile], str]:
        """Return the files of the next records that are due, and the last IRI of the page, empty at the end."""
        with self._uow.read() as tx:
            page = self._records.current(tx, origins=[self._origin], after=after, limit=PAGE)
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

    async def _visit(self, files: Sequence[HarvestedFile], interval: timedelta) -> bool:
        """Check files of one host, one after the other. Return False if there was no time for all of them; of a host
        that is left alone, the rest are for a later walk."""
        visit, begin, silent = HostVisit(self._requests.send, self._pause), self._clock.now(), 0
        for file in files:
            now = self._clock.now()
            if now - begin > VISIT_TIME:
                return False
            if self._limits.exclude(file.host):
                excluded = replace(self._unknown(file, interval), reason="exception", due=now + interval)
                await run_sync(self._save, excluded)
                continue
            if not self._counts.count(file.host):
                tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
                self._away[file.host] = tomorrow
                return True
            check, wait = await self._verdict(file, visit, interval)
            if wait:
                # An earlier verdict stays as it is.
                self._away[file.host] = self._clock.now() + timedelta(seconds=wait)
                return True
            await run_sync(self._save, check)
            silent = silent + 1 if check.reason == "unreachable" else 0
            if silent == PATIENCE:
                self._away[file.host] = self._clock.now() + AWAY
                break
        return True

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

    def _unknown(self, file: HarvestedFile, interval: timedelta) -> DataCheck:
        now, schema = self._clock.now(), file.rules[0]
        return DataCheck(
            iri=file.record.iri,
            address=file.address,
            schema=schema.iri,
            version=file.record.version,
            schema_version=schema.version,
            at=now,
            due=now + interval / SOONER,
        )

    async def _verdict(self, file: HarvestedFile, visit: HostVisit, interval: timedelta) -> tuple[DataCheck, float]:
        """Return the check of a file, and the seconds for which its host wants no requests: with these, the
        check says nothing."""
        check = self._unknown(file, interval)
        answer = await visit.check(file.address, check.at)
        if answer.reason == "busy":
            return check, answer.wait
        if not answer.works:
            return replace(check, reason=answer.reason), 0
        await self._pause(SPACING)
        return await self._comparison(file, check, interval), 0

    async def _comparison(self, file: HarvestedFile, check: DataCheck, interval: timedelta) -> DataCheck:
        place = str(new_uuid())
        try:
            async with asyncio.timeout(LONGEST), self._requests.fetch(file.address) as (status, chunks):
                if status != 200:
                    return replace(check, reason="status")
                await self._files.take_in(place, chunks, limit=LARGEST)
            path = await run_sync(self._files.path, place)
            async with self._comparisons:
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
