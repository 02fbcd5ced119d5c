"""The provider's side of asking a table or a graph: one question, after it was authorised.

It is asked of the dataset as it is now: a later version answers from its own file, unless the transfer names an
earlier one. Each question is a use of the agreement and has an entry in the ledger, also one that failed after the
table or the graph was read: its failure tells something.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from node.base.errors import Gone, HansaError, InvalidInput, NotFound, Overloaded, TooLarge
from node.base.fairqueue import FairQueue
from node.base.work import UnitOfWork
from node.cage.model import has_full_queue
from node.catalogue.deliverability import graph_files, table_files, table_part
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.exchange.offloop import off_loop
from node.policy.portion import TABLE_LIMITS, Portion
from node.semantics.model import File
from node.semantics.profiles.feature_queries_client import FeatureAnswer, FeatureQuestion
from node.semantics.profiles.graph_queries_client import GraphAnswer, GraphFile, GraphQuestion
from node.semantics.profiles.table_queries_client import TableAnswer, TablePart, TableQuestion
from node.semantics.sparql_graphs import QueryGraphs, graphs_of
from node.transfer.access import AuthoriseAccess
from node.transfer.agreed_versions import deliverable_version
from node.transfer.live.rates import PerMinute
from node.transfer.preconditions import Access, Secrets, demands_sealing
from node.vocab.dsp import GRAPH_QUERY

PLACES: Final = 4
"""The questions that are worked on at a time; those of one transfer have at most half of the places."""
LONGEST_WAIT: Final = 20.0
PER_MINUTE: Final = 600
"""The questions of one transfer in a minute."""

Ask = Callable[[str, str, TableQuestion, TablePart], Awaitable[TableAnswer]]
"""Returns the answer about a part of a stored file, by its SHA-256 and its name."""
AskFeatures = Callable[[str, str, FeatureQuestion | None, TablePart], Awaitable[FeatureAnswer]]
"""Returns the features of a part of a stored file, by its SHA-256 and its name; for no question, only the columns."""
Answer = TypeVar("Answer")


class AskGraphs(Protocol):
    """Returns the answer about stored RDF files, each a graph."""

    async def __call__(
        self, files: list[GraphFile], question: GraphQuestion, graphs: QueryGraphs, *, inner: bool = False
    ) -> GraphAnswer: ...


@dataclass(frozen=True, slots=True)
class AskedFile:
    """The file that a question is about, with the record of the version that answers."""

    record: Record
    file: File

    @property
    def graph(self) -> GraphFile:
        """The file as the graph of its dataset."""
        return GraphFile(
            iri=self.record.iri, sha256=self.file.sha256, name=self.file.name, media_type=self.file.media_type
        )


class AskedFiles:
    """Finds the files that questions are about."""

    def __init__(self, work: UnitOfWork, records: RecordStore) -> None:
        self._work = work
        self._records = records

    def find(self, access: Access) -> AskedFile:
        """Return the file of an access that asks. It blocks. Raises ``Gone`` if there is none any more, or if answers
        cannot keep to the part that the agreement gives."""
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
        is_graph = access.transfer.format == GRAPH_QUERY
        files, limits = (graph_files(record), frozenset()) if is_graph else (table_files(record), TABLE_LIMITS)
        name = access.transfer.file or access.grant.file_name
        file = next((file for file in files if file.name == name), None)
        if file is None or not access.portion.kinds <= limits:
            raise _removal()
        return AskedFile(record, file)


class AnswerQuestions:
    """Answers questions of the bearers of grants."""

    def __init__(
        self,
        files: AskedFiles,
        *,
        authorise: AuthoriseAccess,
        ask: Ask,
        ask_graphs: AskGraphs,
        ask_features: AskFeatures,
        secrets: Secrets,
    ) -> None:
        self._files = files
        self._authorise = authorise
        self._ask = ask
        self._ask_graphs = ask_graphs
        self._ask_features = ask_features
        self._secrets = secrets
        self._rate = PerMinute("questions")
        self._queue = FairQueue(places=PLACES, bound=lambda _: PLACES // 2, longest_wait=LONGEST_WAIT)

    async def about_table(self, access: Access, question: TableQuestion) -> tuple[TableAnswer, int]:
        """Return the answer and the version that it is about, and record the question.

        Raises ``InvalidInput`` for a question that cannot be answered, ``Gone`` if there is no such table any more,
        ``TooMany``, ``Overloaded``, and ``NotAllowed`` if the permission has ended or its uses are used up.
        """
        target = await off_loop(self._files.find, access)
        part = _part(access.keyed_portion(self._secrets))
        answer = await self._answer(
            [(access, target)],
            question.sql,
            lambda: self._ask(target.file.sha256, target.file.name, question, part),
        )
        return answer, target.record.version

    async def about_features(
        self, access: Access, question: FeatureQuestion | None
    ) -> tuple[FeatureAnswer, AskedFile]:
        """Return the features that a question is about, and the file with the version that answers, and record the
        question. For no question, only the columns are returned: that is no use, as it tells nothing of the data.

        Raises the errors of ``about_table``, and ``NotFound`` for a feature that is not there.
        """
        target = await off_loop(self._files.find, access)
        part = _part(access.keyed_portion(self._secrets))
        answer = await self._answer(
            [(access, target)],
            question.text if question is not None else "",
            lambda: self._ask_features(target.file.sha256, target.file.name, question, part),
            is_use=question is not None,
        )
        return answer, target

    async def about_graph(self, access: Access, question: GraphQuestion) -> tuple[GraphAnswer, int]:
        """``about_table``, for the graph of a dataset. ``TooLarge`` for an answer beyond the limits."""
        target = await off_loop(self._files.find, access)
        graphs = graphs_of(question.sparql, [target.record.iri], unlisted=True)
        answer = await self._answer(
            [(access, target)], question.text, lambda: self._ask_graphs([target.graph], question, graphs, inner=True)
        )
        return answer, target.record.version

    async def about_graphs(
        self, targets: list[tuple[Access, AskedFile]], question: GraphQuestion, graphs: QueryGraphs
    ) -> GraphAnswer:
        """Return the answer about the graphs of several datasets, and record the question for each of them: for all,
        or for none if one permission has ended. Raises the errors of ``about_graph``."""
        files = [file.graph for _, file in targets]
        return await self._answer(targets, question.text, lambda: self._ask_graphs(files, question, graphs))

    async def _answer(
        self,
        targets: list[tuple[Access, AskedFile]],
        text: str,
        ask: Callable[[], Awaitable[Answer]],
        *,
        is_use: bool = True,
    ) -> Answer:
        # What is recorded is the version that answers.
        accesses = [
            replace(access, grant=replace(access.grant, version=file.record.version)) for access, file in targets
        ]
        key = accesses[0].grant.transfer
        self._rate.count(key, PER_MINUTE)
        place = await self._queue.enter(key)
        try:
            answer = await ask()
        except HansaError as error:
            if isinstance(error, NotFound) and not error.facts.get("ran"):
                raise _removal() from error
            if is_use and _read_the_file(error):
                await self._authorise.begin_reads(accesses, text)
                # The asker counts the same uses.
                error.facts["use"] = True
            raise
        finally:
            place.leave()
        if is_use:
            await self._authorise.begin_reads(accesses, text)
        return answer


def _part(portion: Portion) -> TablePart:
    """Return the part that the agreement gives. Raises ``Gone`` if answers cannot keep to it."""
    if not portion.kinds <= TABLE_LIMITS:
        raise _removal()
    return table_part(portion)


def _read_the_file(error: HansaError) -> bool:
    """Return whether a question failed only after it was at work on the table or the graph."""
    if isinstance(error, Overloaded):
        return not has_full_queue(error)
    return isinstance(error, InvalidInput | TooLarge | NotFound) and bool(error.facts.get("ran"))


def _removal() -> Gone:
    return Gone(
        "the provider no longer has this table or graph, or no longer lets it be asked", remedy="ask the provider"
    )
