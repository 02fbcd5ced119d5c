"""Questions that a test or the demonstration sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from node.catalogue.model import Record
from node.catalogue.questions.model import Progress, Question, QuestionOutcome, QuestionState
from node.identity.model import Caller
from node.portal.usecases import QuestionUseCases


class FakeQuestions:
    """What is in ``questions``; calls are counted in ``acts``."""

    def __init__(
        self, questions: Sequence[Question] = (), titles: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self.questions = tuple(questions)
        self.known_titles = dict(titles or {})
        self.acts: list[tuple[Any, ...]] = []

    def use_cases(self) -> QuestionUseCases:
        """These, as the use cases of the pages."""
        parts = cast("Any", self)
        return QuestionUseCases(asking=parts, answers=parts, titles=parts)

    async def of(self, questions: Sequence[Question]) -> Mapping[str, Mapping[str, str]]:
        return self.known_titles

    async def ask(self, iri: str, text: str, by: Caller, *, private: bool = False) -> None:
        self.acts.append(("ask", iri, text, private))

    async def mine(self, by: Caller, *, iri: str = "", limit: int = 100) -> Sequence[Question]:
        own = [one for one in self.questions if one.login and one.login == by.account]
        return [one for one in own if iri in ("", one.iri)]

    async def public_of(self, iri: str, *, limit: int = 100) -> Sequence[Question]:
        return [one for one in self.questions if one.is_public and one.iri == iri]

    async def mark_seen(self, by: Caller) -> None:
        self.acts.append(("seen",))

    async def waiting(self, by: Caller, *, limit: int = 100) -> Sequence[Question]:
        return [one for one in self.questions if one.state is QuestionState.OPEN and not one.progress.delivery_fault]

    async def list_settled(self, by: Caller, *, limit: int = 100) -> Sequence[Question]:
        return [one for one in self.questions if one.state is not QuestionState.OPEN]

    async def count(self) -> int:
        return sum(one.state is QuestionState.OPEN for one in self.questions)

    async def answer(self, question_id: str, text: str, by: Caller, *, public: bool) -> None:
        self.acts.append(("answer", question_id, text, public))

    async def refuse(self, question_id: str, reason: str, by: Caller) -> None:
        self.acts.append(("refuse", question_id, reason))

    async def hide(self, question_id: str, reason: str, by: Caller) -> None:
        self.acts.append(("hide", question_id, reason))


def demo_questions(records: Sequence[Record], me: str, at: datetime) -> FakeQuestions:
    """Return a question of each state over the first of ``records``."""
    if not records:
        return FakeQuestions()
    iri = records[0].iri
    peer = "did:web:brno.example"

    def question(number: int, text: str, **members: Any) -> Question:
        asked = at - timedelta(hours=number)
        settings: dict[str, Any] = {"publisher": me, "asker": peer, "outcome": QuestionOutcome(changed_at=asked)}
        return Question(id=f"urn:uuid:q-{number}", iri=iri, text=text, at=asked, **(settings | members))

    answer = QuestionOutcome(
        state=QuestionState.ANSWERED,
        public=True,
        answer="Yes: every hour is counted, also on public holidays.\nThe column *quality* says which were repaired.",
        revision=1,
        changed_at=at,
        by="els",
    )
    refused = replace(
        answer, state=QuestionState.REFUSED, public=False, answer="", reason="This is not about the data."
    )
    hidden = replace(answer, state=QuestionState.HIDDEN, public=False, reason="It named a person.")
    return FakeQuestions(
        [
            question(
                1, "Are the counts of 2024 corrected for the broken sensor at the bridge?", asker=me, login="jan"
            ),
            question(2, "Which coordinate system does the file use? " * 6, private=True, stranger=True),
            question(3, "Do the counters also count on public holidays?", outcome=answer),
            question(4, "Who sold this?", asker=me, login="els", outcome=refused),
            question(5, "Who is the driver of the red car?", outcome=hidden, progress=Progress(delivery_fault="x")),
            question(
                6,
                "When is the next version due?",
                asker=me,
                login="els",
                publisher=peer,
                progress=Progress(delivery_fault="there is no such asset here"),
            ),
        ],
        {records[0].iri: records[0].titles},
    )
