"""Questions on assets: on the page of an asset, and the page of those that wait, were settled, or are one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.base.errors import InvalidInput
from node.catalogue.model import Record
from node.catalogue.questions.model import LONGEST_ANSWER, LONGEST_QUESTION, Question
from node.identity.roles import UseCase, allowed
from node.portal.forms import local_path
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 50
"""The questions of a list on a page."""
_TONES: Final[Mapping[str, str]] = {
    "open": "wait",
    "answered": "ok",
    "public": "ok",
    "hidden": "plain",
    "refused": "no",
    "undelivered": "no",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """A question for a page: the titles of its asset, and the names of both nodes."""

    question: Question
    titles: Mapping[str, str]
    asker: str
    publisher: str

    @property
    def tone(self) -> str:
        """Return the colour for the state."""
        return _TONES[self.state]

    @property
    def state(self) -> str:
        """Return the state as the texts for people name it."""
        question = self.question
        return "undelivered" if question.is_undelivered else "public" if question.is_public else str(question.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetQuestions:
    """The questions on an asset that a reader may see: those for everybody, then the reader's own others. ``may_ask``
    is false for strangers; ``elsewhere`` is the page at the publisher's node, empty for assets of this node."""

    public: Sequence[QuestionView]
    own: Sequence[QuestionView]
    may_ask: bool
    may_answer: bool
    elsewhere: str
    longest: int = LONGEST_QUESTION


async def questions(responder: Responder, visit: Visit) -> Response:
    """``GET /questions``."""
    node = responder.node.work.questions
    own = await _views(responder, await node.asking.mine(visit.caller, limit=SHOWN))
    may_answer = allowed(visit.caller, UseCase.ANSWER_QUESTIONS)
    response = responder.render(
        visit,
        "questions.html",
        may_answer=may_answer,
        waiting=await waiting_questions(responder, visit, limit=SHOWN),
        settled=await _views(responder, await node.answers.list_settled(visit.caller, limit=SHOWN))
        if may_answer
        else [],
        total=await node.answers.count() if may_answer else 0,
        own=own,
        unseen=sum(bool(view.question.outcome.revision) and not view.question.progress.seen for view in own),
        longest=LONGEST_ANSWER,
        trouble=visit.request.query_params.get("trouble", ""),
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


async def ask(responder: Responder, visit: Visit) -> Response:
    """``POST /questions``: ask a question on the asset ``iri``, and go back to its page."""
    iri = visit.fields.get("iri", "")
    private = visit.fields.get("private") == "yes"
    text = visit.fields.get("text", "").replace("\r\n", "\n")
    await responder.node.work.questions.asking.ask(iri, text, visit.caller, private=private)
    return responder.go(visit, local_path(visit.fields.get("back", ""), visit.asset(iri)) + "#questions")


async def act(responder: Responder, visit: Visit) -> Response:
    """``POST /questions/{id}``: answer for everybody or for the asker, refuse, or hide (``do``)."""
    answers, question_id = responder.node.work.questions.answers, visit.request.path_params["id"]
    verb, text = visit.fields.get("do", ""), visit.fields.get("text", "").replace("\r\n", "\n")
    if verb not in ("public", "private", "refuse", "hide"):
        raise InvalidInput("no action was chosen", remedy="use one of the buttons", facts={"case": "no-action"})
    if not text.strip():
        # The field says so: an answer and a reason have words.
        return responder.go(visit, visit.url("/questions", trouble=question_id) + f"#{anchor(question_id)}")
    if verb == "refuse":
        await answers.refuse(question_id, text, visit.caller)
    elif verb == "hide":
        await answers.hide(question_id, text, visit.caller)
    else:
        await answers.answer(question_id, text, visit.caller, public=verb == "public")
    return responder.go(visit, visit.url("/questions", done=verb))


async def mark_seen(responder: Responder, visit: Visit) -> Response:
    """``POST /questions/seen``: count the answers to the reader's questions as seen."""
    await responder.node.work.questions.asking.mark_seen(visit.caller)
    return responder.go(visit, visit.url("/questions", done="seen") + "#mine")


async def waiting_questions(responder: Responder, visit: Visit, *, limit: int) -> Sequence[QuestionView]:
    """Return the questions that wait for an answer, the oldest first; none for readers who may not answer."""
    if not allowed(visit.caller, UseCase.ANSWER_QUESTIONS):
        return []
    return await _views(responder, await responder.node.work.questions.answers.waiting(visit.caller, limit=limit))


async def questions_of(responder: Responder, visit: Visit, record: Record) -> AssetQuestions:
    """Return the questions on an asset that the reader of its page may see."""
    asking = responder.node.work.questions.asking
    public = await asking.public_of(record.iri, limit=SHOWN)
    known = {question.id for question in public}
    own = [one for one in await asking.mine(visit.caller, iri=record.iri, limit=SHOWN) if one.id not in known]
    return AssetQuestions(
        public=await _views(responder, public),
        own=await _views(responder, own),
        may_ask=visit.signed_in,
        may_answer=visit.owns(record.iri) and allowed(visit.caller, UseCase.ANSWER_QUESTIONS),
        elsewhere="" if visit.owns(record.iri) else record.iri,
    )


async def _views(responder: Responder, many: Sequence[Question]) -> Sequence[QuestionView]:
    if not many:
        return []
    titles = await responder.node.work.questions.titles.of(many)
    names = responder.node.catalogue.access.names()
    return [
        QuestionView(
            question=question,
            titles=titles.get(question.iri, {}),
            asker=names.get(question.asker, ""),
            publisher=names.get(question.publisher, ""),
        )
        for question in many
    ]


def anchor(question_id: str) -> str:
    """Return the id of a question's element on a page."""
    return "question-" + question_id.rpartition(":")[2][:40]
