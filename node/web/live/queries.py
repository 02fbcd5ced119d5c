"""The route for questions to tables: ``POST /query/{pid}``.

The body is the question, in SQL (``application/sql``) or in JSON (``{"sql": "…", "form": "csv"}``); the form of the
answer can be named by ``Accept`` too. Every question is authorised before, and recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.base.errors import HansaError, InvalidInput
from node.base.jsons import read_object
from node.semantics.profiles.table_queries_client import FORMS, TableQuestion
from node.transfer.access import AuthoriseAccess
from node.transfer.queries.answers import AnswerQuestions
from node.web.problems import answer_problem
from node.web.replies import SANDBOXED, reply_about_table


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDoor:
    """Answers the consumers of agreements."""

    authorise: AuthoriseAccess
    answers: AnswerQuestions

    def routes(self) -> list[BaseRoute]:
        """Return the route, to be mounted at the root of the node's public URL."""
        return [Route("/query/{pid}", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        try:
            pid, authorization = request.path_params["pid"], request.headers.get("authorization")
            await self.authorise.require_bearer(pid, authorization)
            question = await read_question(request)
            access = await self.authorise.authorise_question(pid, authorization, question=question.sql)
            answer, version = await self.answers(access, question)
            return reply_about_table(answer, version)
        except HansaError as error:
            return await answer_problem(request, error, SANDBOXED)


async def read_question(request: Request) -> TableQuestion:
    """Return the question in the body of a request. Raises ``InvalidInput``."""
    body = await request.body()
    accept = request.headers.get("accept", "").lower()
    form = next((form for form, media_type in FORMS.items() if media_type in accept), "json")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        members = read_object(body)
        sql, form = members.get("sql", ""), members.get("form", form)
        if not isinstance(sql, str) or not isinstance(form, str):
            raise InvalidInput("sql and form are texts", remedy='{"sql": "SELECT * FROM data LIMIT 10"}')
        return TableQuestion(sql=sql, form=form)
    try:
        return TableQuestion(sql=body.decode("utf-8"), form=form)
    except UnicodeDecodeError as error:
        raise InvalidInput("the question is not in UTF-8", remedy="send it in UTF-8") from error
