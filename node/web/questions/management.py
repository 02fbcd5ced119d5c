"""Questions on assets: ask, list, answer, refuse, hide; and the public ones of an asset, for everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.catalogue.questions.answers import AnswerQuestions
from node.catalogue.questions.askers import AskQuestions
from node.catalogue.questions.model import LONGEST_ANSWER, LONGEST_QUESTION, LONGEST_REASON
from node.identity.model import Caller
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing


class NewQuestion(BaseModel):
    """A question on an asset. With `private`, the answer is for the asker only."""

    model_config = ConfigDict(extra="forbid")

    iri: str = Field(max_length=2048)
    text: str = Field(max_length=LONGEST_QUESTION)
    private: bool = False


class NewAnswer(BaseModel):
    """An answer. With `public`, everybody who may see the asset reads question and answer."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=LONGEST_ANSWER)
    public: bool


class ModerationReason(BaseModel):
    """The reason, which the asker reads."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=LONGEST_REASON)


Identify = Callable[[Request], Awaitable[Caller]]
_Limit = Annotated[int, Query(ge=1, le=200)]


def router(*, person: Identify, asking: AskQuestions, answers: AnswerQuestions) -> APIRouter:
    """Return the routes for people of this node."""
    api = PlacedApiRouter(prefix="/api/questions", tags=["catalogue"], route_class=knowing(person))

    @api.get(
        "",
        summary="Your questions, or those that this node received",
        description="`mine`: the questions that you asked. `waiting`: those that wait for an answer, the oldest "
        "first. `settled`: those that were answered, hidden or refused.",
    )
    async def list_questions(
        request: Request,
        box: Annotated[Literal["mine", "waiting", "settled"], Query(alias="list")] = "mine",
        limit: _Limit = 100,
    ) -> Any:
        caller = await person(request)
        if box == "mine":
            questions = await asking.mine(caller, limit=limit)
        elif box == "waiting":
            questions = await answers.waiting(caller, limit=limit)
        else:
            questions = await answers.list_settled(caller, limit=limit)
        return {"questions": [question.to_json() for question in questions]}

    @api.post(
        "",
        status_code=201,
        summary="Ask the publisher of an asset a question",
        description="If another node publishes the asset, the question is delivered there.",
    )
    async def ask(request: Request, body: NewQuestion) -> Any:
        question = await asking.ask(body.iri, body.text, await person(request), private=body.private)
        return question.to_json()

    @api.post("/seen", status_code=204, summary="Mark the answers to your questions as seen")
    async def mark_seen(request: Request) -> None:
        await asking.mark_seen(await person(request))

    @api.post(
        "/{question_id}/answer",
        summary="Answer a question, for everybody or for the asker only",
        description="A second answer replaces the first one. A hidden question is shown again.",
    )
    async def answer(request: Request, question_id: str, body: NewAnswer) -> Any:
        caller = await person(request)
        return (await answers.answer(question_id, body.text, caller, public=body.public)).to_json()

    @api.post("/{question_id}/refuse", summary="Refuse to answer a question, with a reason for the asker")
    async def refuse(request: Request, question_id: str, body: ModerationReason) -> Any:
        return (await answers.refuse(question_id, body.reason, await person(request))).to_json()

    @api.post("/{question_id}/hide", summary="Hide a public question from everybody but the asker, with a reason")
    async def hide(request: Request, question_id: str, body: ModerationReason) -> Any:
        return (await answers.hide(question_id, body.reason, await person(request))).to_json()

    return api


def public_router(asking: AskQuestions, *, identify: Identify) -> APIRouter:
    """Return the route for everybody who may see an asset."""
    api = PlacedApiRouter(prefix="/api/catalogue", tags=["catalogue"])

    @api.get(
        "/questions",
        summary="The questions on an asset that were answered for everybody",
        description="Newest first. Private questions and answers are never here.",
    )
    async def public_questions(
        request: Request, iri: Annotated[str, Query(max_length=2048)], limit: _Limit = 100
    ) -> Any:
        questions = await asking.read_public(iri, await identify(request), limit=limit)
        return {"iri": iri, "questions": [question.public_json() for question in questions]}

    return api
