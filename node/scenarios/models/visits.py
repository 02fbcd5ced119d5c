"""Data that a model visits where they live: a file of a dataset of this node, named by reference, read for one run.

The caller needs an agreement in force about the dataset. This node's own people need none, but two conditions of the
dataset bind them as well, since they concern the model's answer: *which model* may read the data, and how many people
each figure must cover. The rows go to the model and nowhere else; figures of its answer that the conditions withhold
are left out (``node.scenarios.models.small_cells``).
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.errors import InvalidInput, NotAllowed, NotFound, Overloaded, TooLarge
from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.exchange.contents import contents
from node.exchange.ports import AssetStore
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.negotiation.uses import Uses
from node.policy.model import Decision
from node.policy.odrl import parse
from node.policy.rules import Constraint, Part, leaves
from node.policy.terms import ALGORITHM, COUNT, MINIMUM_CELL_SIZE
from node.policy.values import number
from node.scenarios.model import Model, Port, Rows
from node.scenarios.models.requests import MOST_BYTES
from node.scenarios.ports import Reference
from node.scenarios.tables.rows import read_rows
from node.semantics.model import File
from node.transfer.agreed_versions import gives_version, require_content

_RELEASE: Final = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}", re.ASCII)

OF_A_RUN: Final = frozenset({ALGORITHM, MINIMUM_CELL_SIZE})
"""Operands of the conditions that bind this node's own people too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The caller for whom a model runs: a participant, or a person of this node (``did`` is None then)."""

    did: str | None = None
    account: str | None = None


DecideVisit = Callable[[Mapping[str, Any], str | None, Mapping[str, Any]], Awaitable[Decision]]
"""(policy, DID of the participant or None for our own people, facts) → the decision about reading now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A file that may be read. ``minimum``: how many people each figure of the answer has to cover at least."""

    record: Record
    file: File
    minimum: int | None = None
    agreement: str | None = None


class Visits:
    """Decides who may let which model read which data."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        agreements: AgreementStore,
        assets: AssetStore,
        decide: DecideVisit,
        me: str,
        uses: Uses,
    ) -> None:
        self._uses = uses
        self._uow = uow
        self._records = records
        self._agreements = agreements
        self._assets = assets
        self._decide = decide
        self._me = me

    async def permit(self, model: Model, reference: Reference, visitor: Visitor, *, use: str | None = None) -> Visit:
        """Return the file that ``reference`` names, if ``model`` may read it for ``visitor`` now.

        ``use`` names the execution that is about to read it: it is a use of the agreement, counted once if the
        agreement limits uses; without a name nothing is counted yet.

        Raises the same ``NotFound`` for files that are absent, hidden, or without an agreement; ``NotAllowed`` with
        the reasons if the conditions do not admit it; ``InvalidInput`` if the file is ambiguous.
        """
        record, policy, agreement_held = await run_sync(self._look_up, reference, visitor)
        agreement = agreement_held.id if agreement_held is not None else None
        file = _file(record, reference.file)
        if policy is None:
            return Visit(record=record, file=file, agreement=agreement)
        minimum = minimum_of(policy)
        facts: dict[str, Any] = {ALGORITHM: names_of(model)}
        if minimum is not None:
            # This condition is met by carrying it out: no figure that covers fewer people leaves this node.
            facts[MINIMUM_CELL_SIZE] = minimum
        if agreement_held is not None:
            facts |= await run_sync(self._uses_of, agreement_held, use)
        decision = await self._decide(policy, visitor.did, facts)
        unmet = decision.unmet
        if visitor.did is None:
            unmet = tuple(reason for reason in unmet if reason.operand in OF_A_RUN)
        if unmet:
            raise NotAllowed(
                f"{model.iri.rpartition('/')[2]} may not read {record.title()}",
                remedy="see the conditions of the dataset: they name the models that may",
                facts={
                    "case": "may-not-read",
                    "model": model.iri.rpartition("/")[2],
                    "title": record.titles or record.iri,
                    "dataset": record.iri,
                    "reasons": [reason.to_json() for reason in unmet],
                },
            )
        if agreement_held is not None and use is not None:
            await run_sync(self._take, agreement_held, use, facts)
        return Visit(record=record, file=file, minimum=minimum, agreement=agreement)

    def _uses_of(self, agreement: Agreement, use: str | None) -> dict[str, Any]:
        with self._uow.read() as tx:
            return self._uses.facts(tx, agreement, use or "")

    def _take(self, agreement: Agreement, use: str, decision: Mapping[str, Any]) -> None:
        def permit(facts: Mapping[str, Any]) -> None:
            if facts[COUNT] > decision[COUNT]:
                # Others have used it since the policy was evaluated: evaluate it again with the current number.
                raise Overloaded("others used the agreement at the same moment", remedy="try again in a moment")

        with self._uow.begin() as tx:
            self._uses.take(tx, agreement, use, permit)

    async def read(self, visit: Visit, port: Port) -> Rows:
        """Return the rows of the file. Raises as ``read_rows``; ``TooLarge``."""
        file = visit.file
        if file.size > MOST_BYTES:
            raise TooLarge(
                f"{file.name} has {file.size:,} bytes; a model reads {MOST_BYTES:,} at most",
                remedy="use a part or a summary of the file",
            )
        body = await contents(self._assets, file.sha256)
        return await asyncio.to_thread(read_rows, body, file.media_type, port)

    def _look_up(
        self, reference: Reference, visitor: Visitor
    ) -> tuple[Record, Mapping[str, Any] | None, Agreement | None]:
        with self._uow.read() as tx:
            newest = self._records.get(tx, reference.iri)
            record = self._records.get(tx, reference.iri, version=reference.version)
            if record is None or newest is None or newest.withdrawn or newest.origin != self._me:
                raise _absent(reference)
            if record.withdrawn and not record.is_erased:
                raise _absent(reference)
            if visitor.did is None:
                require_content(tx, self._records, record)
                return record, record.offer, None
            agreements = self._agreements.select(
                tx, dataset=reference.iri, provider=self._me, consumer=visitor.did, limit=20
            )
            for agreement in agreements:
                if agreement.in_force and gives_version(tx, self._records, agreement, newest, record.version):
                    require_content(tx, self._records, record)
                    return record, agreement.body, agreement
        raise _absent(reference)


def names_of(model: Model) -> tuple[str, ...]:
    """Return the names of this model for conditions: its IRI, that of its version, either of them with the code's
    hash, and its release or a range that includes the release (``@1.4.2``, ``@1.4.x``, ``@1.x``), as its owner
    numbers them."""
    version = f"{model.iri}#v{model.version}"
    names = [model.iri, version]
    if _RELEASE.fullmatch(model.release):
        parts = model.release.split(".")
        ranges = [".".join([*parts[:count], "x"]) for count in range(1, len(parts))]
        names += [f"{model.iri}@{release}" for release in (model.release, *ranges)]
    if model.code:
        names += [f"{name}@{prefix}{model.code}" for name in (model.iri, version) for prefix in ("", "sha256:")]
    return tuple(names)


def minimum_of(policy: Mapping[str, Any]) -> int | None:
    """Return how many people each figure has to cover under a policy: the largest number in its conditions."""
    bounds = [
        number(leaf.content.right_operand[0])
        for leaf in leaves(parse(policy))
        if leaf.part is Part.PERMISSION
        and isinstance(leaf.content, Constraint)
        and leaf.content.left_operand == MINIMUM_CELL_SIZE
        and leaf.content.right_operand
    ]
    return max((math.ceil(bound) for bound in bounds if bound is not None and bound.is_finite()), default=None)


def _file(record: Record, name: str) -> File:
    named = [file for file in record.files if name in ("", file.name)]
    if len(named) == 1:
        return named[0]
    raise InvalidInput(
        f"{record.title()} has no file {name}" if name else f"{record.title()} has {len(record.files)} files",
        remedy=f'write {{"href": …, "file": "NAME"}} with one of: '
        f"{', '.join(file.name for file in record.files) or 'there is none'}",
    )


def _absent(reference: Reference) -> NotFound:
    return NotFound(
        f"there is no version {reference.version} of {reference.iri} here that you may have a model read",
        remedy="check the address, and make an agreement about the dataset first",
    )
