"""Questions on assets, on the agenda: those that wait for an answer, and outcomes that are news to the asker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from anyio.to_thread import run_sync

from node.base.work import UnitOfWork
from node.catalogue.ports import RecordStore
from node.catalogue.questions.answers import AnswerQuestions
from node.catalogue.questions.askers import AskQuestions
from node.catalogue.questions.model import Question
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.operation.agenda import SHOWN, AgendaItem, AgendaPart

PATH: Final = "/questions"


class AssetTitles:
    """Reads the titles of assets that questions are about."""

    def __init__(self, uow: UnitOfWork, records: RecordStore) -> None:
        self._uow = uow
        self._records = records

    async def of(self, questions: Sequence[Question]) -> Mapping[str, Mapping[str, str]]:
        """Return the titles of the assets by IRI, each by language; none for assets that are not known here."""
        return await run_sync(self._read, {question.iri for question in questions})

    def _read(self, iris: set[str]) -> Mapping[str, Mapping[str, str]]:
        with self._uow.read() as tx:
            heads = [self._records.get(tx, iri) for iri in sorted(iris)]
        return {head.iri: head.titles for head in heads if head is not None}


class OpenQuestions:
    """The questions that wait for an answer, for those who may answer, the oldest first."""

    def __init__(self, answers: AnswerQuestions, titles: AssetTitles) -> None:
        self._answers = answers
        self._titles = titles

    async def __call__(self, by: Caller) -> AgendaPart:
        if not allowed(by, UseCase.ANSWER_QUESTIONS):
            return AgendaPart()
        oldest = await self._answers.waiting(by, limit=SHOWN)
        titles = await self._titles.of(oldest)
        items = tuple(_item("question", question, titles) for question in oldest)
        return AgendaPart(items=items, total=max(await self._answers.count(), len(items)))


class AnsweredQuestions:
    """The outcomes of a person's questions that they have not seen, the newest first."""

    def __init__(self, asking: AskQuestions, titles: AssetTitles) -> None:
        self._asking = asking
        self._titles = titles

    async def __call__(self, by: Caller) -> AgendaPart:
        news = await self._asking.news(by, limit=SHOWN)
        titles = await self._titles.of(news)
        items = tuple(_item(f"question-{question.state}", question, titles) for question in news)
        return AgendaPart(items=items, total=max(await self._asking.count_news(by), len(items)))


def _item(code: str, question: Question, titles: Mapping[str, Mapping[str, str]]) -> AgendaItem:
    return AgendaItem(
        code=code,
        path=PATH,
        titles=titles.get(question.iri, {}),
        name=question.iri,
        facts={"question": question.id},
        at=question.outcome.changed_at if question.outcome.revision else None,
    )
