"""Publish and withdraw: a submission becomes a version in the ledger, or a report of errors.

One publication is one transaction: it writes ledger entry and record row, or nothing. It assigns the number of the
version, one publication of an asset at a time. If another process was quicker, the store refuses the number
(``Conflict``) and the publication is tried again after what is then the newest version.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidDescription, InvalidInput
from node.base.jsons import canonical
from node.base.work import Transaction, UnitOfWork
from node.catalogue.carriers import OWN, Carriers
from node.catalogue.envelope import ledger_body, signed, withdrawal_of
from node.catalogue.exposure import findings_about, widened
from node.catalogue.model import INTERNAL, OPENS_HISTORY, PUBLIC, NodeFacts, Published, Record, Settlement, Widened
from node.catalogue.names import check_audience, check_file_name, check_record_iri, check_statements
from node.catalogue.nquads import merge
from node.catalogue.offers import Terms, offer_lines, terms_of
from node.catalogue.origins import require_same_origin
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility, absent
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.policy.conflicts import lint
from node.semantics.kinds import KINDS
from node.semantics.model import Described, File, Finding, Submission

Describe = Callable[[Submission, str], Awaitable[Described]]
"""``node.semantics.description.door.describe`` with the cage and this node's base, DID and name filled in."""

Settled = Callable[[str], Awaitable[Settlement]]
"""Waits until the entry with this id is numbered and the views show it, but not for views that are far behind."""


ATTEMPTS = 8
"""How often a publication that lost the race for a version number is tried before its ``Conflict`` is raised."""

PAUSE = 0.02
"""The longest wait, in seconds, before the first repetition."""

PLURALS: Mapping[str, str] = {name: kind.plural for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The stores, the keys and the clock that publishing and withdrawing share."""

    uow: UnitOfWork
    append: Append
    records: RecordStore
    keyring: KeyRing
    clock: Clock
    node: NodeFacts
    region: Callable[[], str | None] = lambda: None
    """Returns the DID of the region that the templates of conditions refer to for credentials."""

    _turns: tuple[Lock, ...] = field(default_factory=lambda: tuple(Lock() for _ in range(64)))

    def in_turn(self, iri: str, work: Callable[[Transaction], Published]) -> Published:
        """Do ``work`` on the asset ``iri`` in a transaction.

        Within this process, works on an asset run one at a time. Another process may still take the version number
        first; then ``work`` is repeated after what is now the newest version. Raises ``Conflict`` after too many
        repetitions.
        """
        with self._turns[hash(iri) % len(self._turns)]:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    with self.uow.begin() as tx:
                        return work(tx)
                except Conflict:
                    if attempt == ATTEMPTS:
                        raise
                    time.sleep(random.uniform(0, PAUSE * attempt))  # noqa: S311 - to part two who collide
        raise AssertionError("the last attempt returns or raises")

    def keep(self, tx: Transaction, version: Record, by: Caller, change: Widened | None = None) -> Record:
        """Sign ``version`` and put it into the ledger and the store, in the caller's transaction.

        ``change`` describes a wider audience from now on; the ledger entry records it.
        """
        now = self.clock.now()
        record = replace(signed(self.keyring, replace(version, at=now)), by=by.name)
        entry = self.append(tx, EntryKind.RECORD, record.iri, by.name, ledger_body(record, change), now)
        with_entry = replace(record, entry=entry.id)
        self.records.add(tx, with_entry)
        return with_entry


class Publish:
    """Check a submission, and publish it as the next version of its asset."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        describe: Describe,
        has_asset: Callable[[str], bool],
        visibility: Visibility,
        peers: Callable[[], tuple[str, ...]] = tuple,
        settled: Settled | None = None,
        carriers: Carriers = OWN,
        inspect: Callable[[Record], tuple[Finding, ...]] = lambda _draft: (),
    ) -> None:
        """``inspect`` compares the files with the description and with the previous version
        (``node.catalogue.inspection``). ``peers`` returns the base URLs of other known nodes: no record may have an
        address below them. An asset is offered under conditions only if one of ``carriers`` can deliver it."""
        self._catalogue = catalogue
        self._describe = describe
        self._has_asset = has_asset
        self._visibility = visibility
        self._peers = peers
        self._settled = settled
        self._carriers = carriers
        self._inspect = inspect

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
        wait: bool = True,
    ) -> Published:
        """Publish ``submission`` for ``by``; with ``dry_run`` only return what would be published. Without ``wait``
        this may return before the views show the version.

        If no audience is named, a new version has the audience of the previous one. A wider audience applies from
        this version on; ``earlier_versions`` opens the earlier ones to it too.

        Publishing the same content again makes no new version. Raises ``InvalidDescription`` with the findings if
        the shapes of the kind are violated, ``InvalidInput`` for names, files, audiences or conditions that cannot
        be used, ``NotAllowed`` if ``by`` may not publish. If it raises, nothing has been stored.
        """
        require(by, UseCase.PUBLISH)
        await self._check_submitted(submission, bytes_here=not dry_run)
        owner = f"{by.did} {by.account}"
        described = await self._describe(submission, owner)
        _refuse_violations(tuple(described.findings))
        terms = self._terms(submission, described)
        named = described.audience or submission.audience
        if earlier_versions and not named:
            raise InvalidInput("opening earlier versions needs an audience", remedy="name it: audience: public")
        inherited = None
        if not named and (terms is None or terms.audience != INTERNAL):
            inherited = await asyncio.to_thread(self._audience_before, described.iri)
        if inherited == INTERNAL:
            # The defaults of a description (access rights, licence) depend on its audience.
            described = await self._describe(replace(submission, audience=inherited), owner)
        findings = tuple(described.findings)
        _refuse_violations(findings)
        draft = self._draft(submission, described, terms, named or inherited, opens=earlier_versions)
        # Nobody could agree to an offer that contradicts itself, or everybody could.
        findings += tuple(lint(draft.offer, at=self._catalogue.clock.now())) if draft.offer else ()
        # An offer that no data plane can deliver must not be published either.
        findings += self._carriers.findings(draft)
        seen = await asyncio.to_thread(self._inspect, draft)
        findings += seen
        _refuse_violations(findings)
        draft = replace(draft, warnings=(*draft.warnings, *(finding.to_json() for finding in seen)))
        if dry_run:
            published = await asyncio.to_thread(self._foreseen, draft, submission, terms, inherited)
            return replace(published, findings=findings + published.findings)
        published = await asyncio.to_thread(self._store, draft, submission, by, terms, inherited)
        published = await settle(published, self._settled if wait else None)
        return replace(published, findings=findings + published.findings)

    def _audience_before(self, iri: str) -> str | None:
        """Return the audience of the newest version of ``iri``, even if that one is withdrawn."""
        with self._catalogue.uow.read() as tx:
            head = self._catalogue.records.get(tx, iri)
        return None if head is None else head.audience

    def _terms(self, submission: Submission, described: Described) -> Terms | None:
        conditions = submission.conditions or described.conditions
        return terms_of(conditions, iri=described.iri, region=self._catalogue.region()) if conditions else None

    async def _check_submitted(self, submission: Submission, *, bytes_here: bool) -> None:
        if submission.iri is not None:
            self._check_iri(submission.iri, None)
        names = [check_file_name(file.name) for file in submission.files]
        if len(set(names)) != len(names):
            raise InvalidInput("two files have the same name", remedy="rename one of them")
        # A description can be checked before its files are sent: they may be large, and it may have errors.
        missing = await asyncio.to_thread(self._missing, submission.files) if bytes_here else []
        if missing:
            raise InvalidInput(
                f"the bytes of {', '.join(missing)} were not uploaded", remedy="upload the file first, then publish"
            )

    def _missing(self, files: tuple[File, ...]) -> list[str]:
        return [file.name for file in files if file.source is None and not self._has_asset(file.sha256)]

    def _check_iri(self, iri: str, kind: str | None) -> None:
        check_record_iri(iri, base=self._catalogue.node.base, plurals=PLURALS, kind=kind)

    def _draft(
        self, submission: Submission, described: Described, terms: Terms | None, audience: str | None, *, opens: bool
    ) -> Record:
        """Return the record that would be stored, without version and signature."""
        node = self._catalogue.node
        if described.kind not in PLURALS:
            raise InvalidInput(
                "that is not a kind of asset that this node knows", remedy=f"one of: {', '.join(PLURALS)}"
            )
        self._check_iri(described.iri, described.kind)
        check_statements(described.nquads, iri=described.iri, base=node.base, others=self._peers())
        nquads = described.nquads
        if terms is not None and terms.offer is not None:
            nquads = merge(nquads, offer_lines(described.iri, terms.offer, described.kind))
        audience = audience or (terms.audience if terms else PUBLIC)
        if check_audience(audience) not in self._visibility.known:
            raise InvalidInput(
                f"nobody here knows the audience {audience!r}",
                remedy=f"one of: {', '.join(sorted(self._visibility.known))}",
            )
        extra = dict(described.extra or {})
        if described.bbox is not None:
            # As text: a fraction has no canonical form.
            extra["bbox"] = [repr(float(edge)) for edge in described.bbox]
        if opens:
            extra[OPENS_HISTORY] = True
        return Record(
            iri=described.iri,
            version=0,
            kind=described.kind,
            audience=audience,
            titles=dict(described.titles),
            descriptions=dict(described.descriptions),
            publisher=described.publisher,
            publisher_name=described.publisher_name,
            origin=node.did,
            nquads=nquads,
            sha256=hashlib.sha256(nquads).hexdigest(),
            at=self._catalogue.clock.now(),
            by="",
            offer=terms.offer if terms else None,
            files=tuple(described.files or submission.files),
            keywords=tuple(described.keywords),
            themes=tuple(described.themes),
            sealed=bool(terms and terms.sealed),
            warnings=tuple(finding.to_json() for finding in described.findings if finding.severity != "info"),
            extra=extra,
        )

    def _foreseen(
        self, draft: Record, submission: Submission, terms: Terms | None, inherited: str | None
    ) -> Published:
        with self._catalogue.uow.read() as tx:
            head = self._catalogue.records.get(tx, draft.iri)
            if head is not None:
                require_same_origin(self._catalogue.records, tx, draft, submission)
        return _outcome(head, _after(head, draft), terms, inherited)

    def _store(
        self, draft: Record, submission: Submission, by: Caller, terms: Terms | None, inherited: str | None
    ) -> Published:
        return self._catalogue.in_turn(
            draft.iri, lambda tx: self._store_once(tx, draft, submission, by, terms, inherited)
        )

    def _store_once(
        self,
        tx: Transaction,
        draft: Record,
        submission: Submission,
        by: Caller,
        terms: Terms | None,
        inherited: str | None,
    ) -> Published:
        head = self._catalogue.records.get(tx, draft.iri)
        if head is not None and head.origin != draft.origin:
            raise InvalidInput("another node answers for this IRI")
        if head is not None:
            require_same_origin(self._catalogue.records, tx, draft, submission)
        if inherited is not None and head is not None and head.audience != inherited:
            raise InvalidInput(
                "another version was published for another audience in the meantime",
                remedy="publish again, and name the audience",
            )
        outcome = _outcome(head, _after(head, draft), terms, inherited)
        if not outcome.created:
            return outcome
        if head is not None and narrows(head, draft.audience):
            # Callers that could see the asset until now see only that it is withdrawn.
            self._catalogue.keep(tx, withdrawal_of(head), by)
        return replace(outcome, record=self._catalogue.keep(tx, outcome.record, by, outcome.widened))


class Withdraw:
    """Take an asset out of the catalogue. Its history stays in the ledger."""

    def __init__(self, *, catalogue: Catalogue, settled: Settled | None = None) -> None:
        self._catalogue = catalogue
        self._settled = settled

    async def withdraw(self, iri: str, by: Caller) -> Published:
        """Add a version of ``iri`` that marks it as withdrawn; an asset that is withdrawn already does not change.

        Raises ``NotFound`` for an asset of another node, ``NotAllowed`` if ``by`` may not publish.
        """
        require(by, UseCase.PUBLISH)
        published = await asyncio.to_thread(self._store, iri, by)
        return await settle(published, self._settled)

    def _store(self, iri: str, by: Caller) -> Published:
        def withdraw(tx: Transaction) -> Published:
            head = self._catalogue.records.get(tx, iri)
            if head is None or head.origin != self._catalogue.node.did:
                raise absent()
            if head.withdrawn:
                return Published(record=head, created=False)
            return Published(record=self._catalogue.keep(tx, withdrawal_of(head), by), created=True)

        return self._catalogue.in_turn(iri, withdraw)


async def settle(published: Published, settled: Settled | None) -> Published:
    """Return ``published`` with its place in the ledger, after the views show it or are known to be far behind."""
    if not published.created or settled is None:
        return published
    settlement = await settled(published.record.entry)
    return replace(published, position=settlement.position, behind=settlement.behind)


def _refuse_violations(findings: Sequence[Finding]) -> None:
    count = sum(finding.severity == "violation" for finding in findings)
    if count:
        raise InvalidDescription(
            f"the description has {count} error{'s' if count > 1 else ''}",
            findings=[finding.to_json() for finding in findings],
            remedy="correct the errors and publish again; nothing has been saved",
        )


def narrows(head: Record, audience: str) -> bool:
    """Whether the new ``audience`` may exclude people who see ``head``.

    Audiences have no order among themselves. So every change counts, except one to the public audience, or one from
    our own people, who see every record.
    """
    return not head.withdrawn and head.audience not in (audience, INTERNAL) and audience != PUBLIC


def _after(head: Record | None, draft: Record) -> Record:
    """Return ``draft`` with the version number that follows ``head``."""
    if head is None:
        # It has no earlier versions to open.
        extra = {name: value for name, value in draft.extra.items() if name != OPENS_HISTORY}
        return replace(draft, version=1, extra=extra)
    return replace(draft, version=head.version + (2 if narrows(head, draft.audience) else 1))


def _outcome(head: Record | None, draft: Record, terms: Terms | None, inherited: str | None) -> Published:
    """Return the result of publishing ``draft`` after ``head``: no new version, or this one and its warnings."""
    if head is not None and same_content(head, draft):
        return Published(record=head, created=False)
    change = widened(head, draft)
    # Conditions for a wide audience have little effect while few see the asset: warn if the audience was forgotten.
    forgotten = inherited not in (None, PUBLIC) and terms is not None and terms.offer is not None
    about = findings_about(head, draft, change, inherited=forgotten)
    return Published(record=draft, created=True, widened=change, findings=tuple(about))


def same_content(head: Record, draft: Record) -> bool:
    """Whether ``draft`` has the same description, offer, files and audience as ``head``."""
    opens = draft.opens_history and not head.opens_history
    return not head.withdrawn and not opens and canonical(_content(head)) == canonical(_content(draft))


def _content(record: Record) -> dict[str, Any]:
    return {
        "sha256": record.sha256,
        "kind": record.kind,
        "audience": record.audience,
        "offer": record.offer,
        "sealed": record.sealed,
        "files": [file.to_json() for file in record.files],
    }
