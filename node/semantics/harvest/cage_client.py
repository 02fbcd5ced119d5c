"""From the file of a foreign catalogue to examined records: the interface of this package.

All parsing, repairing and checking happens in the cage. If a batch exhausts the limits of one call, it is examined
again record by record: a record that no call can finish then costs no other record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from node.base.errors import LocalFault, Overloaded, TooLarge
from node.cage.model import AsyncCage, Limits
from node.semantics.harvest.refusals import cause_of, refusal
from node.semantics.harvest.rules.value_fields import ValueMap
from node.semantics.model import Finding

MAX_BYTES: Final = 256 << 20
"""Bytes of a catalogue file at most."""

CUT: Final = Limits(memory=3 << 30, cpu=300, wall=400.0, answer=256 << 20)
EXAMINE: Final = Limits(cpu=60, wall=90.0)
ONE: Final = Limits(cpu=10, wall=15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """A file cut into records: packed batches, the number of records in each, and a count of everything outside the
    records.

    ``notes``: repairs of the syntax, as sentences. ``left_out``: class → number of things that belong to no record.
    ``catalogues``: IRIs of the catalogues in the file. ``title``: the title of the first catalogue, by language.
    ``next``, ``expected``, ``listed``, ``relations``: as in ``node.semantics.harvest.partition.Catalogue``.
    ``versions``: for each batch of a page of an event stream the records and the times of their versions;
    ``deletions``: the records that the page deletes, and when. ``choices``: the indexes of the records that count,
    None for all.
    """

    batches: Sequence[bytes]
    counts: Sequence[int]
    notes: tuple[str, ...]
    left_out: Mapping[str, int]
    catalogues: tuple[str, ...]
    title: Mapping[str, str] = field(default_factory=dict)
    next: str = ""
    expected: int | None = None
    listed: int | None = None
    relations: Sequence[str] = ()
    versions: Sequence[Sequence[tuple[str, str]]] | None = None
    deletions: Mapping[str, str] = field(default_factory=dict)
    choices: Sequence[Sequence[int]] | None = None

    @property
    def total(self) -> int:
        return sum(self.counts)

    def newest(self, times: dict[str, str]) -> Batches:
        """Return the records whose version has the time that ``times`` has for them.

        Each is taken out of ``times``, so that it counts once.
        """
        indexes: list[list[int]] = []
        for batch in self.versions or ():
            places = []
            for place, (record, time) in enumerate(batch):
                if times.get(record) == time:
                    del times[record]
                    places.append(place)
            indexes.append(places)
        batches = [
            (packed_batch, places) for packed_batch, places in zip(self.batches, indexes, strict=True) if places
        ]
        return replace(
            self,
            batches=[packed_batch for packed_batch, _ in batches],
            counts=[len(places) for _, places in batches],
            choices=[places for _, places in batches],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedRecord:
    """One record: its ``facts`` from ``node.semantics.harvest.examination``, or the reason why it is refused, in
    English, and its ``cause`` (``node.semantics.harvest.refusals``)."""

    nquads: bytes = b""
    facts: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()
    error: str = ""
    remedy: str = ""
    cause: Mapping[str, str | int] = field(default_factory=dict)


async def cut(
    cage: AsyncCage, body: bytes, media_type: str, *, base: str = "", rules: Sequence[str] = (), page: bool = False
) -> Batches:
    """Return ``body`` cut into records. ``base`` is the address of the file, if it has one; ``rules`` are those that
    will repair the records later. A ``page`` of a longer catalogue may have no records.

    Raises ``InvalidInput``, ``UnsupportedMediaType``, ``TooLarge`` for a file that cannot be read, ``Overloaded`` for
    a file that takes more memory or time than an import may have.
    """
    message = {"mediaType": media_type, "base": base, "rules": list(rules), "page": page}
    answer, packed = await cage.call("semantics.cut", message, [body], limits=CUT)
    return Batches(
        batches=packed,
        counts=answer["batches"],
        notes=tuple(answer["notes"]),
        left_out=answer["leftOut"],
        catalogues=tuple(answer["catalogues"]),
        title=answer["title"],
        next=answer["next"],
        expected=answer["expected"],
        listed=answer["listed"],
        relations=answer["relations"],
        versions=answer["versions"],
        deletions=answer["deleted"],
    )


async def examine(
    cage: AsyncCage,
    batches: Batches,
    *,
    base: str,
    source: str,
    rules: Sequence[str] = (),
    advised_profiles: Sequence[str] = (),
    value_map: ValueMap = MappingProxyType({}),
    owner: str | None = None,
) -> AsyncGenerator[list[ExaminedRecord], None]:
    """Yield the records of each batch, in their order; the next batch is examined while the caller has one.

    ``base`` is the node's public address, ``source`` the name of the source, ``rules`` the names of the rules that
    repair, ``value_map`` the codes that a steward chose for the source's own values. ``owner`` is the caller who
    imports, so that a child of the cage can serve the same caller again.
    """
    message: dict[str, Any] = {
        "base": base,
        "source": source,
        "rules": list(rules),
        "advised": list(advised_profiles),
        "valueMap": {name: dict(choices) for name, choices in value_map.items()},
    }
    page: asyncio.Task[list[ExaminedRecord]] | None = None
    try:
        for number, batch in enumerate(batches.batches):
            places = None if batches.choices is None else batches.choices[number]
            records = None if page is None else await page
            # One call at a time: the other places of the cage are for people who publish.
            page = asyncio.create_task(_examine(cage, batch, places, batches.counts[number], message, owner))
            if records is not None:
                yield records
        if page is not None:
            yield await page
    finally:
        if page is not None:
            page.cancel()
            await asyncio.gather(page, return_exceptions=True)


async def _examine(
    cage: AsyncCage,
    body: bytes,
    places: Sequence[int] | None,
    count: int,
    message: Mapping[str, Any],
    owner: str | None,
) -> list[ExaminedRecord]:
    try:
        return await _batch(cage, body, message, places, EXAMINE, owner)
    except (Overloaded, LocalFault, TooLarge):
        return [await _alone(cage, body, message, place) for place in (range(count) if places is None else places)]


async def _alone(cage: AsyncCage, body: bytes, message: Mapping[str, Any], place: int) -> ExaminedRecord:
    try:
        return (await _batch(cage, body, message, [place], ONE, None))[0]
    except (Overloaded, LocalFault, TooLarge) as error:
        reason = refusal("record-limit", reason=error.detail)
        return ExaminedRecord(facts={}, error=reason.detail, remedy=reason.remedy, cause=cause_of(reason))


async def _batch(
    cage: AsyncCage,
    body: bytes,
    message: Mapping[str, Any],
    only: Sequence[int] | None,
    limits: Limits,
    owner: str | None,
) -> list[ExaminedRecord]:
    call = {**message, "only": only}
    answer, statements = await cage.call("semantics.examine", call, [body], limits=limits, owner=owner)
    return [
        ExaminedRecord(
            nquads=nquads,
            facts=facts,
            findings=tuple(Finding.from_json(finding) for finding in facts.get("findings", ())),
            error=facts.get("error", ""),
            remedy=facts.get("remedy", ""),
            cause=facts.get("cause", {}),
        )
        for facts, nquads in zip(answer["records"], statements, strict=True)
    ]
