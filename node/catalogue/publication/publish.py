"""Publish: a submission becomes a version in the ledger, or a report of errors; alone, or with others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from node.base.errors import HansaError, InvalidDescription, RemoteFault
from node.catalogue.meaning.difference import KINDS
from node.catalogue.model import INTERNAL, Publication, Record, Settlement
from node.catalogue.publication.catalogue import Settled, settle
from node.catalogue.publication.submission_check import (
    PendingVersion,
    PublishOrder,
    StatedTerms,
    SubmissionCheck,
    is_about_breaking,
)
from node.catalogue.publication.version_writer import VersionWriter
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.semantics.impact import Impact
from node.semantics.model import CheckedDescription, Submission

Describe = Callable[[Submission, str], Awaitable[CheckedDescription]]
"""``node.semantics.description.cage_client.describe`` with the cage and this node's base, DID and name filled in."""

DescribeAll = Callable[[Sequence[Submission], str], Awaitable[list[CheckedDescription | HansaError]]]
"""``node.semantics.description.cage_client.describe_all``, likewise."""

ImpactOf = Callable[[Record, Caller], Awaitable[Impact | None]]
"""``node.catalogue.meaning.impact.Impacts.of_draft``."""

TOGETHER: Final = 50
"""Submissions of a batch that are described and stored together."""

_Item = tuple[PublishOrder, CheckedDescription | HansaError]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """The outcome of each submission of a batch: the publication, or the reason why it was refused.

    ``settlement`` is that of the version stored last; None if none was stored, or nobody waited.
    """

    outcomes: Sequence[Publication | HansaError]
    settlement: Settlement | None = None


class Publish:
    """Check submissions, and publish each as the next version of its asset."""

    def __init__(
        self,
        *,
        check: SubmissionCheck,
        writer: VersionWriter,
        describe: Describe,
        describe_all: DescribeAll,
        wait_for_views: Settled | None = None,
        impact: ImpactOf | None = None,
    ) -> None:
        """``impact`` says what a new version of an ontology or a schema changes, for whom."""
        self._impact = impact
        self._check = check
        self._writer = writer
        self._describe = describe
        self._describe_all = describe_all
        self._wait_for_views = wait_for_views

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` if ``publish`` would raise it: for a check before a long description is read."""
        require(by, UseCase.PUBLISH)

    async def publish(
        self,
        submission: Submission,
        by: Caller,
        *,
        dry_run: bool = False,
        earlier_versions: bool = False,
        follows: int | None = None,
        allow_breaking: bool = False,
        wait: bool = True,
    ) -> Publication:
        """Publish ``submission`` for ``by``; with ``dry_run`` only return what would be published. Without ``wait``
        this may return before the views show the version.

        If no audience is named, a new version has the audience of the previous one. A wider audience applies from
        this version on; ``earlier_versions`` opens the earlier ones to it too. ``follows`` is the version that the
        submission was made from. ``allow_breaking`` publishes changes of an ontology or schema that break data of
        others.

        Publishing the same content again makes no new version. Raises ``InvalidDescription`` with the findings if
        the shapes of the kind are violated, ``InvalidInput`` for names, files, audiences or conditions that cannot
        be used, ``NotAllowed`` if ``by`` may not publish, ``Conflict`` if ``follows`` is not the newest version. If
        it raises, nothing has been stored.
        """
        require(by, UseCase.PUBLISH)
        order = PublishOrder(
            submission=submission,
            earlier_versions=earlier_versions,
            follows=follows,
            allow_breaking=allow_breaking,
        )
        await asyncio.to_thread(self._check.check_submitted, order, bytes_here=not dry_run)
        owner = _owner(by)
        descriptions = await self._describe(submission, owner)
        terms = await asyncio.to_thread(self._check.stated_terms, order, descriptions)
        if terms.audience_before == INTERNAL:
            # The defaults of a description (access rights, licence) depend on its audience.
            descriptions = await self._describe(replace(submission, audience=INTERNAL), owner)
        try:
            pending = await asyncio.to_thread(self._check.pending, order, descriptions, terms, by)
        except InvalidDescription as refusal:
            raise await self._with_impact(refusal, order, descriptions, terms, by) from refusal
        impact = await self._impact(pending.draft, by) if self._impact is not None else None
        if dry_run:
            publication = await asyncio.to_thread(self._writer.foresee, pending)
        else:
            publication = await asyncio.to_thread(self._writer.store, pending, by)
            publication = await settle(publication, self._wait_for_views if wait else None)
        return replace(publication, findings=pending.findings + publication.findings, impact=impact)

    async def _with_impact(
        self,
        refusal: InvalidDescription,
        order: PublishOrder,
        description: CheckedDescription,
        terms: StatedTerms,
        by: Caller,
    ) -> InvalidDescription:
        """Return ``refusal``; if breaking changes are its only reason, with the assets that these concern."""
        if self._impact is None or not is_about_breaking(refusal.findings):
            return refusal
        allowed = replace(order, allow_breaking=True)
        pending = await asyncio.to_thread(self._check.pending, allowed, description, terms, by)
        impact = await self._impact(pending.draft, by)
        if impact is None:
            return refusal
        facts = {**refusal.facts, "impact": impact.to_json()}
        return InvalidDescription(refusal.detail, findings=refusal.findings, remedy=refusal.remedy, facts=facts)

    async def publish_all(
        self, orders: Sequence[PublishOrder], by: Caller, *, dry_run: bool = False, wait: bool = True
    ) -> BatchOutcome:
        """Publish each of ``orders`` as ``publish`` does, in their order; one that is refused does not harm another.

        Some are described together, in one call of the cage, and stored in one transaction as far as none of them
        depends on another; the next are described meanwhile. Raises ``NotAllowed`` if ``by`` may not publish, and
        ``LocalFault`` if the node cannot store. Then versions have been stored in whole groups, from the first order
        on.
        """
        require(by, UseCase.PUBLISH)
        outcomes: list[Publication | HansaError] = []
        creations: list[Publication] = []
        async with aclosing(self._describe_in_parts(orders, _owner(by), bytes_here=not dry_run)) as parts:
            async for items in parts:
                for group in _groups(items):
                    results = await asyncio.to_thread(self._publish_group, group, by, dry_run=dry_run)
                    creations += _creations(results)
                    for (order, _), result in zip(group, results, strict=True):
                        outcome = await self._alone(order, by, dry_run=dry_run) if result is None else result
                        creations += _creations([outcome]) if result is None else []
                        outcomes.append(outcome)
        settlement = (
            await self._wait_for_views(creations[-1].record.entry)
            if creations and wait and not dry_run and self._wait_for_views
            else None
        )
        return BatchOutcome(outcomes=outcomes, settlement=settlement)

    async def _describe_in_parts(
        self, orders: Sequence[PublishOrder], owner: str, *, bytes_here: bool
    ) -> AsyncGenerator[list[_Item], None]:
        """Yield ``orders`` with their descriptions, ``TOGETHER`` at a time; the next are described while the caller
        has some. If the cage has no place for the first, its error is raised; for later ones, it is their result."""
        pending: asyncio.Task[list[_Item]] | None = None
        try:
            for first in range(0, len(orders), TOGETHER):
                items = None if pending is None else await pending
                part = orders[first : first + TOGETHER]
                describing = self._describe_part(part, owner, bytes_here=bytes_here, raises=not first)
                pending = asyncio.create_task(describing)
                if items is not None:
                    yield items
            if pending is not None:
                yield await pending
        finally:
            if pending is not None:
                pending.cancel()
                await asyncio.gather(pending, return_exceptions=True)

    async def _describe_part(
        self, orders: Sequence[PublishOrder], owner: str, *, bytes_here: bool, raises: bool
    ) -> list[_Item]:
        faults = await asyncio.to_thread(self._faults, orders, bytes_here=bytes_here)
        usable = [order.submission for order, fault in zip(orders, faults, strict=True) if fault is None]
        try:
            descriptions = iter(await self._describe_all(usable, owner) if usable else ())
        except RemoteFault as fault:
            if raises:
                raise
            descriptions = iter([fault] * len(usable))
        return [
            (order, next(descriptions) if fault is None else fault)
            for order, fault in zip(orders, faults, strict=True)
        ]

    def _faults(self, orders: Sequence[PublishOrder], *, bytes_here: bool) -> list[RemoteFault | None]:
        """Return for each submission why it cannot be used, as far as that is known before it is described."""
        faults: list[RemoteFault | None] = []
        for order in orders:
            try:
                self._check.check_submitted(order, bytes_here=bytes_here)
                faults.append(None)
            except RemoteFault as fault:
                faults.append(fault)
        return faults

    def _publish_group(
        self, group: Sequence[_Item], by: Caller, *, dry_run: bool
    ) -> list[Publication | HansaError | None]:
        """Publish or refuse each of ``group``, which are of different assets; None for one that has to be published
        alone."""
        candidates = [self._candidate(order, described, by) for order, described in group]
        versions = [pending for pending in candidates if isinstance(pending, PendingVersion)]
        published = iter(self._writer.foresee_all(versions) if dry_run else self._writer.store_all(versions, by))
        return [
            _with_findings(next(published), pending) if isinstance(pending, PendingVersion) else pending
            for pending in candidates
        ]

    def _candidate(
        self, order: PublishOrder, description: CheckedDescription | HansaError, by: Caller
    ) -> PendingVersion | HansaError | None:
        if isinstance(description, HansaError):
            return description
        try:
            if self._impact is not None and description.kind in KINDS:
                return None  # Published alone, it says what it changes for whom.
            stated = self._check.stated_terms(order, description)
            return None if stated.audience_before == INTERNAL else self._check.pending(order, description, stated, by)
        except RemoteFault as fault:
            return fault

    async def _alone(self, order: PublishOrder, by: Caller, *, dry_run: bool) -> Publication | HansaError:
        try:
            return await self.publish(
                order.submission,
                by,
                dry_run=dry_run,
                earlier_versions=order.earlier_versions,
                follows=order.follows,
                allow_breaking=order.allow_breaking,
                wait=False,
            )
        except RemoteFault as fault:
            return fault


def _creations(results: Sequence[Publication | HansaError | None]) -> list[Publication]:
    """Return the new versions among ``results``."""
    return [item for item in results if isinstance(item, Publication) and item.created]


def _groups(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """Yield ``items`` in groups in which no description depends on another.

    A description depends on an earlier one of the same asset, and a dataset on the schema that its files must match.
    """
    group: list[_Item] = []
    assets: set[str] = set()
    for order, description in items:
        if isinstance(description, HansaError):
            group.append((order, description))
            continue
        if description.iri in assets:
            yield group
            group, assets = [], set()
        group.append((order, description))
        assets.add(description.iri)
        if description.kind == "schema":
            yield group
            group, assets = [], set()
    if group:
        yield group


def _with_findings(publication: Publication | HansaError, pending: PendingVersion) -> Publication | HansaError:
    if isinstance(publication, HansaError):
        return publication
    return replace(publication, findings=pending.findings + publication.findings)


def _owner(by: Caller) -> str:
    return f"{by.did} {by.account}"
