"""Import: a foreign catalogue file → a harvested record for each of its resources.

Harvested records are statements of others, so they need not be as correct as this node's own. A record is entered if
it can be read and has an identity and a title. It is kept unchanged, under its own IRI, and its faults become
findings. This node signs that it harvested the record (``origin``) and gives it an address, but makes no offer: the
bytes are at the source.

The records of a batch share a transaction, and are reported after it. An import that ends halfway has entered the
records that it reported; the next import finds them unchanged, by the hash of their canonical form, and goes on with
the others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from node.base.errors import HansaError, InvalidInput, LocalFault
from node.cage.model import AsyncCage
from node.catalogue.harvest.drafts import Drafts
from node.catalogue.harvest.homes import Homes
from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.harvest.renames import Marks, NewRecord, marks_of
from node.catalogue.harvest.report import ImportedRecord, OpenedFile, Outcome, Tally
from node.catalogue.harvest.value_tables import ValueTables
from node.catalogue.model import Publication, Record
from node.catalogue.names import check_audience
from node.catalogue.publication.catalogue import Catalogue, Settled, settle
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.identity.ports import Notes
from node.identity.roles import UseCase, require
from node.semantics.harvest.cage_client import Batches, ExaminedRecord, cut, examine
from node.semantics.harvest.refusals import cause_of, refusal

MAX_SOURCE: Final = 200
_NAMELESS: Final = "import"

Waits = Callable[[Marks], Awaitable[bool]]
"""True if a new record with these marks waits for the end, since it may be an old one under a new IRI."""


class Import:
    """Enter the records of other people's catalogues."""

    def __init__(
        self,
        *,
        cage: AsyncCage,
        catalogue: Catalogue,
        visibility: Visibility,
        peers: Callable[[], tuple[str, ...]] = tuple,
        wait_for_views: Settled | None = None,
        advised_profiles: Sequence[str] = (),
        notes: Notes,
        value_tables: ValueTables,
    ) -> None:
        """``peers`` returns the base URLs of other known nodes: their records arrive by following, not by import.
        ``notes`` has the addresses of records that were renamed at their source."""
        self.value_tables = value_tables
        self.homes = Homes(catalogue, notes)
        self._drafts = Drafts(catalogue, self.homes, peers)
        self.cage = cage
        self._catalogue = catalogue
        self._visibility = visibility
        self._wait_for_views = wait_for_views
        self.advised = tuple(advised_profiles)

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` if ``begin`` would raise it: for a check before a long file is read."""
        require(by, UseCase.PUBLISH)

    async def begin(self, order: ImportOrder, by: Caller) -> ImportProgress:
        """Cut the file of ``order``. Its records are entered while the result is iterated.

        Raises ``NotAllowed`` if ``by`` may not publish, ``InvalidInput`` for an unknown audience, rule or source
        name, and for an unreadable file. Nothing has been entered then.
        """
        self.check_order(order, by)
        batches = await cut(self.cage, order.body, order.media_type, base=order.base, rules=order.rules)
        source = order.source.strip() or next(iter(batches.catalogues), "") or order.name.strip() or _NAMELESS
        check_source_name(source)
        return ImportProgress(self, replace(order, body=b"", source=source), batches, by)

    def check_order(self, order: ImportOrder, by: Caller) -> None:
        """Raise ``NotAllowed`` if ``by`` may not publish, ``InvalidInput`` for an unknown audience."""
        require(by, UseCase.PUBLISH)
        if order.audience is not None and check_audience(order.audience) not in self._visibility.known_audiences:
            raise InvalidInput(
                f"the audience {order.audience!r} does not exist on this node",
                remedy=f"one of: {', '.join(sorted(self._visibility.known_audiences))}",
            )

    async def enter(
        self, order: ImportOrder, batches: Batches, by: Caller, *, waits: Waits | None = None
    ) -> AsyncIterator[Publication | ImportedRecord | NewRecord]:
        """Enter or refuse each record of ``batches``; yield the publication, if any, before the report of it. A new
        record that ``waits`` is yielded as ``NewRecord``, and not entered."""
        first_numbers: dict[str, int] = {}
        value_map = await asyncio.to_thread(self.value_tables.choices, order.source)
        pages = examine(
            self.cage,
            batches,
            base=self._catalogue.node.base,
            source=order.source,
            rules=order.rules,
            advised_profiles=self.advised,
            value_map=value_map,
            owner=f"{by.did} {by.account}",
        )
        number = 0
        async with contextlib.aclosing(pages):
            async for page in pages:
                lines = [_line(number + place, examined) for place, examined in enumerate(page, 1)]
                number += len(page)
                candidates = await self._candidates(order, page, lines, batches.title, first_numbers, waits)
                drafts = [item.draft for item in candidates if isinstance(item, _Candidate)]
                outcomes = iter(await asyncio.to_thread(self._drafts.store, drafts, order, by) if drafts else ())
                for item in candidates:
                    if isinstance(item, _Candidate):
                        for result in _results(item.line, next(outcomes), order):
                            yield result
                    else:
                        yield item

    async def _candidates(
        self,
        order: ImportOrder,
        page: Sequence[ExaminedRecord],
        lines: Sequence[ImportedRecord],
        title: Mapping[str, str],
        first_lines: dict[str, int],
        waits: Waits | None,
    ) -> list[_Candidate | ImportedRecord | NewRecord]:
        """Return for each record of ``page`` the draft to store, the reason why it is refused, or that it waits.

        ``first_lines`` has the address of each earlier record of the file, and its number.
        """
        drafts = await asyncio.to_thread(self._drafts.prepare, order, page, title)
        candidates: list[_Candidate | ImportedRecord | NewRecord] = []
        for line, draft in zip(lines, drafts, strict=True):
            if draft is None:
                candidates.append(line)
                continue
            first = first_lines.setdefault(line.address, line.number)
            if first != line.number:
                candidates.append(_with_refusal(line, refusal("same-identity", number=first)))
                continue
            if isinstance(draft, HansaError):
                candidates.append(_with_refusal(line, draft))
                continue
            about = replace(line, address=draft.record.iri, marks=marks_of(draft.record))
            first = first_lines.setdefault(about.address, line.number)
            if first != line.number:
                candidates.append(_with_refusal(about, refusal("same-record", number=first)))
            elif draft.is_new and waits is not None and await waits(about.marks):
                candidates.append(NewRecord(draft=draft.record, line=about))
            else:
                candidates.append(_Candidate(about, draft.record))
        return candidates

    async def enter_waiting(
        self, record: NewRecord, order: ImportOrder, by: Caller, *, address: str = "", doubt: HansaError | None = None
    ) -> tuple[Publication | None, ImportedRecord]:
        """Enter a record that waited: as the one at ``address``, which keeps its versions, or as a new one, with the
        ``doubt`` why it is not another one that was renamed."""
        store = partial(self._store_renamed, address) if address else self._drafts.store_alone
        try:
            publication = await asyncio.to_thread(store, record.draft, order, by)
        except LocalFault:
            raise
        except HansaError as error:
            return None, _with_refusal(record.line, error)
        entry = publication.record
        former = entry.harvest_origin.former if address and entry.harvest_origin is not None else ""
        outcome = Outcome.RENAMED if former else Outcome.NEW if entry.version == 1 else Outcome.CHANGED
        line = replace(record.line, outcome=outcome, version=entry.version, former=former)
        if doubt is not None:
            line = replace(line, note=doubt.detail, cause=cause_of(doubt))
        return publication, replace(line, address=entry.iri)

    def _store_renamed(self, address: str, draft: Record, order: ImportOrder, by: Caller) -> Publication:
        return self.homes.rename(address, draft, by, check=order.check)

    async def count_values(self, source: str, tally: Tally) -> None:
        """Note the own values of ``source``, which was read to its end."""
        await asyncio.to_thread(self.value_tables.count, source, tally.own_values)

    async def settle(self, last: Publication | None) -> None:
        """Wait until the views show the record entered last."""
        if last is not None:
            await settle(last, self._wait_for_views)


class ImportProgress:
    """An import in progress: ``opened`` describes the file; iterating enters the records; ``tally`` counts them."""

    def __init__(self, use_case: Import, order: ImportOrder, batches: Batches, by: Caller) -> None:
        self._use_case = use_case
        self._order = order
        self._batches = batches
        self._by = by
        self.tally = Tally()
        self.opened = OpenedFile(
            total=batches.total,
            source=order.source,
            title=batches.title,
            notes=batches.notes,
            left_out=batches.left_out,
        )

    async def __aiter__(self) -> AsyncIterator[ImportedRecord]:
        last: Publication | None = None
        async for item in self._use_case.enter(self._order, self._batches, self._by):
            if isinstance(item, Publication):
                last = item
            if not isinstance(item, ImportedRecord):
                continue
            self.tally.add(item)
            yield item
        if not self._order.check:
            await self._use_case.count_values(self._order.source, self.tally)
            await self._use_case.settle(last)


def check_source_name(source: str) -> None:
    """Raise ``InvalidInput`` if ``source`` cannot be the name of the source of records."""
    if len(source) > MAX_SOURCE or any(ord(letter) < ord(" ") for letter in source):
        raise InvalidInput(
            f"the name of the source has more than {MAX_SOURCE} characters, or unusable ones",
            remedy="name it shorter: --source NAME",
        )


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A record that is to be stored, and the line of the report about it so far."""

    line: ImportedRecord
    draft: Record


def _line(number: int, examination: ExaminedRecord) -> ImportedRecord:
    facts = examination.facts
    return ImportedRecord(
        number=number,
        outcome=Outcome.REFUSED,
        iri=facts.get("iri", "") or _iri(facts.get("subject", "")),
        address=facts.get("address", ""),
        kind=facts.get("kind", ""),
        title=next(iter(facts.get("titles", {}).values()), ""),
        conforms=bool(facts.get("conforms")),
        points=(facts.get("extra") or {}).get("score", {}).get("points"),
        findings=examination.findings,
        syntax_repairs=tuple(facts.get("syntaxRepairs", ())),
        repairs=tuple(facts.get("repairs", ())),
        error=examination.error,
        remedy=examination.remedy,
        cause=examination.cause,
        own_values=tuple((name, text) for name, text in facts.get("ownValues", ())),
    )


def _with_refusal(line: ImportedRecord, error: HansaError) -> ImportedRecord:
    """Return ``line`` with the reason why its record is refused."""
    return replace(line, error=error.detail, remedy=error.remedy, cause=cause_of(error))


def _results(
    line: ImportedRecord, outcome: Publication | HansaError, order: ImportOrder
) -> Iterator[Publication | ImportedRecord]:
    """Yield the publication, if there is one, and the report of a record that was to be stored."""
    if isinstance(outcome, HansaError):
        yield _with_refusal(line, outcome)
        return
    version = outcome.record.version
    if outcome.created or (order.since is not None and outcome.record.at >= order.since):
        yield outcome
        yield replace(line, outcome=Outcome.NEW if version == 1 else Outcome.CHANGED, version=version)
    else:
        yield replace(line, outcome=Outcome.UNCHANGED, version=version)


def _iri(subject: str) -> str:
    return subject[1:-1] if subject.startswith("<") else ""
