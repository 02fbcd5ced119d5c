"""The provider's side of asking a table: one question, after it was authorised.

It is asked of the dataset as it is now: a later version answers from its own file, unless the transfer names an
earlier one. Each question is a use of the agreement and has an entry in the ledger, also one that failed after the
table was read: its failure tells something.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from node.base.errors import Gone, HansaError, InvalidInput, NotFound, Overloaded
from node.base.fairqueue import FairQueue
from node.base.work import UnitOfWork
from node.cage.model import has_full_queue
from node.catalogue.deliverability import table_files, table_part
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.exchange.offloop import off_loop
from node.policy.portion import TABLE_LIMITS, Portion
from node.semantics.model import File
from node.semantics.profiles.table_queries_client import TableAnswer, TablePart, TableQuestion
from node.transfer.access import AuthoriseAccess
from node.transfer.agreed_versions import deliverable_version
from node.transfer.live.rates import PerMinute
from node.transfer.preconditions import Access, Secrets, demands_sealing

PLACES: Final = 4
"""The questions that are worked on at a time; those of one transfer have at most half of the places."""
LONGEST_WAIT: Final = 20.0
PER_MINUTE: Final = 600
"""The questions of one transfer in a minute."""

Ask = Callable[[str, str, TableQuestion, TablePart], Awaitable[TableAnswer]]
"""Returns the answer about a part of a stored file, by its SHA-256 and its name."""


class AnswerQuestions:
    """Answers questions of the bearers of grants."""

    def __init__(
        self, work: UnitOfWork, *, records: RecordStore, authorise: AuthoriseAccess, ask: Ask, secrets: Secrets
    ) -> None:
        self._work = work
        self._records = records
        self._authorise = authorise
        self._ask = ask
        self._secrets = secrets
        self._rate = PerMinute("questions")
        self._queue = FairQueue(places=PLACES, bound=lambda _: PLACES // 2, longest_wait=LONGEST_WAIT)

    async def __call__(self, access: Access, question: TableQuestion) -> tuple[TableAnswer, int]:
        """Return the answer and the version that it is about, and record the question.

        Raises ``InvalidInput`` for a question that cannot be answered, ``Gone`` if there is no such table any more,
        ``TooMany``, ``Overloaded``, and ``NotAllowed`` if the permission has ended or its uses are used up.
        """
        record, file = await off_loop(self._table, access)
        # What is recorded is the version that answers.
        access = replace(access, grant=replace(access.grant, version=record.version))
        self._rate.count(access.grant.transfer, PER_MINUTE)
        place = await self._queue.enter(access.grant.transfer)
        try:
            answer = await self._ask(file.sha256, file.name, question, _part(access.keyed_portion(self._secrets)))
        except NotFound as error:
            raise _removal() from error
        except HansaError as error:
            if _read_the_table(error):
                await self._authorise.begin_read(access, question.sql)
                # The asker counts the same uses.
                error.facts["use"] = True
            raise
        finally:
            place.leave()
        await self._authorise.begin_read(access, question.sql)
        return answer, record.version

    def _table(self, access: Access) -> tuple[Record, File]:
        with self._work.read() as tx:
            head = self._records.get(tx, access.grant.dataset)
            if head is None or head.withdrawn:
                raise _removal()
            try:
                record = deliverable_version(tx, self._records, access.agreement, head, access.transfer.asset_version)
            except NotFound as error:
                raise _removal() from error
        if demands_sealing(head, access.agreement) or record.sealed:
            raise _removal()
        name = access.transfer.file or access.grant.file_name
        file = next((file for file in table_files(record) if file.name == name), None)
        if file is None:
            raise _removal()
        return record, file


def _part(portion: Portion) -> TablePart:
    """Return the part that the agreement gives. Raises ``Gone`` if answers cannot keep to it."""
    if not portion.kinds <= TABLE_LIMITS:
        raise _removal()
    return table_part(portion)


def _read_the_table(error: HansaError) -> bool:
    """Return whether a question failed only after it was at work on the table."""
    if isinstance(error, Overloaded):
        return not has_full_queue(error)
    return isinstance(error, InvalidInput) and bool(error.facts.get("ran"))


def _removal() -> Gone:
    return Gone("the provider no longer has this table, or no longer lets it be asked", remedy="ask the provider")
