"""The provider's side of asking all graphs of a participant together: what its agreements allow, by named graphs.

Each dataset is a graph of that name. Who may ask which graph is decided anew for each question; a graph that the
asker may not ask is not told apart from one that is nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.base.errors import Gone, NotFound
from node.exchange.offloop import off_loop
from node.semantics.profiles.graph_queries_client import GraphAnswer, GraphQuestion
from node.semantics.sparql_graphs import graphs_of
from node.transfer.access import AuthoriseAccess
from node.transfer.preconditions import Access
from node.transfer.queries.answers import AnswerQuestions, AskedFile, AskedFiles


class AnswerAboutGraphs:
    """Answers questions to all graphs that the bearer of a token may ask."""

    def __init__(self, authorise: AuthoriseAccess, files: AskedFiles, answers: AnswerQuestions) -> None:
        self._authorise = authorise
        self._files = files
        self._answers = answers

    async def list_names(self, authorization: str | None) -> tuple[str, ...]:
        """Return the names of the graphs. Raises the errors of ``AuthoriseAccess.authorise_graphs``."""
        return tuple(await self._graphs(authorization))

    async def __call__(
        self,
        authorization: str | None,
        question: GraphQuestion,
        *,
        default: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> GraphAnswer:
        """Return the answer, and record the question for each graph that it is about; ``default`` and ``names``
        choose graphs, as in ``graphs_of``.

        Raises ``NotFound`` if there is no graph, ``InvalidInput`` for one that the asker may not ask, and the errors
        of ``AnswerQuestions``.
        """
        available = await self._graphs(authorization)
        graphs = graphs_of(question.sparql, tuple(available), default=default, names=names)
        targets = [available[name] for name in graphs.all]
        if not targets:
            raise NotFound("there is no graph that you may ask now", remedy="look at your agreements")
        return await self._answers.about_graphs(targets, question, graphs)

    async def _graphs(self, authorization: str | None) -> dict[str, tuple[Access, AskedFile]]:
        return await off_loop(self._with_files, await self._authorise.authorise_graphs(authorization))

    def _with_files(self, accesses: Sequence[Access]) -> dict[str, tuple[Access, AskedFile]]:
        graphs: dict[str, tuple[Access, AskedFile]] = {}
        for access in accesses:
            if access.grant.dataset not in graphs:
                try:
                    graphs[access.grant.dataset] = access, self._files.find(access)
                except Gone:
                    continue
        return graphs
