"""Questions in memory (``node.catalogue.questions.model.QuestionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from node.base.errors import Conflict
from node.base.work import Transaction
from node.catalogue.questions.model import Question, QuestionFilter
from tests.fakes.stores.work import memory


class MemoryQuestionStore:
    """Questions by id. One transaction at a time: nobody has to wait."""

    def hold(self, tx: Transaction, name: str) -> None:
        memory(tx).put("question_holds", name, name)

    def add(self, tx: Transaction, question: Question) -> None:
        if question.id in memory(tx).rows("questions"):
            raise Conflict("this question already exists")
        memory(tx).put("questions", question.id, question)

    def get(self, tx: Transaction, question_id: str, *, lock: bool = False) -> Question | None:
        return memory(tx).rows("questions").get(question_id)

    def save(self, tx: Transaction, question: Question) -> None:
        memory(tx).put("questions", question.id, question)

    def select(
        self, tx: Transaction, criteria: QuestionFilter, *, oldest_first: bool = False, limit: int = 100
    ) -> Sequence[Question]:
        matches = [question for question in memory(tx).rows("questions").values() if _fits(question, criteria)]
        return sorted(matches, key=lambda question: (question.at, question.id), reverse=not oldest_first)[:limit]

    def count(self, tx: Transaction, criteria: QuestionFilter) -> int:
        return sum(_fits(question, criteria) for question in memory(tx).rows("questions").values())

    def with_mail_due(self, tx: Transaction, *, limit: int) -> Sequence[Question]:
        due = [question for question in memory(tx).rows("questions").values() if question.progress.mail_due]
        return sorted(due, key=lambda question: (question.outcome.changed_at, question.id))[:limit]

    def forget_person(self, tx: Transaction, login: str) -> None:
        for question in list(memory(tx).rows("questions").values()):
            outcome = replace(question.outcome, by="") if question.outcome.by == login else question.outcome
            changed = replace(question, outcome=outcome)
            if question.login == login:
                changed = replace(changed, login="", progress=replace(question.progress, mail_due=False))
            memory(tx).put("questions", question.id, changed)


def _fits(question: Question, criteria: QuestionFilter) -> bool:
    names = ("iri", "publisher", "asker", "login", "text")
    return (
        all(getattr(criteria, name) in ("", getattr(question, name)) for name in names)
        and (not criteria.states or question.state in criteria.states or criteria.public)
        and (not criteria.public or question.is_public)
        and (not criteria.strangers or question.stranger)
        and (not criteria.news or (question.outcome.revision > 0 and not question.progress.seen))
        and (criteria.since is None or question.at >= criteria.since)
    )
