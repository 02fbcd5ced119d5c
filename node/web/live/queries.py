"""The routes for questions under agreements: ``/query/{pid}`` to a table or graph, ``/query`` to all graphs of the
bearer.

A table is asked by POST: the body is the question, in SQL (``application/sql``) or in JSON (``{"sql": "…", "form":
"csv"}``); the form of the answer (JSON, CSV or Parquet) can be named by ``Accept`` too. A graph is asked in the
SPARQL 1.1 Protocol, or in JSON (``{"sparql": "…", "form": "csv"}``). A GET at the address of a table is for clients
of OGC API - Features (``node.web.live.features``). Every question is authorised before, and recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.base.errors import HansaError, InvalidInput, MethodNotAllowed
from node.base.jsons import read_object
from node.catalogue.export.service import describe_graphs
from node.catalogue.representations import choose
from node.semantics.profiles.graph_queries_client import GraphQuestion
from node.semantics.profiles.table_queries_client import TableQuestion
from node.semantics.sparql import GRAPH_TYPES
from node.transfer.access import AuthoriseAccess
from node.transfer.queries.answers import AnswerQuestions
from node.transfer.queries.unions import AnswerAboutGraphs
from node.vocab.dsp import GRAPH_QUERY
from node.web.bodies import posted_parameters
from node.web.live.features import FeatureDoor
from node.web.problems import answer_problem
from node.web.replies import PRIVATE, SANDBOXED, form_in, reply_about_graph, reply_about_table

_JSON = "application/json"
_DEFAULT = "default-graph-uri"
_NAMED = "named-graph-uri"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDoor:
    """Answers the consumers of agreements; ``base`` is the address of the node."""

    authorise: AuthoriseAccess
    answers: AnswerQuestions
    graphs: AnswerAboutGraphs
    features: FeatureDoor
    base: str

    def routes(self) -> list[BaseRoute]:
        """Return the routes, to be mounted at the root of the node's public URL."""
        return [
            Route("/query", self._answer_about_graphs, methods=["GET", "POST"]),
            Route("/query/{pid}", self._answer, methods=["GET", "POST"]),
            *self.features.routes(),
        ]

    async def _answer(self, request: Request) -> Response:
        try:
            pid, authorization = request.path_params["pid"], request.headers.get("authorization")
            if await self.authorise.require_bearer(pid, authorization) == GRAPH_QUERY:
                return await self._answer_about_graph(request, pid)
            if request.method != "POST":
                if "query" in request.query_params:
                    raise MethodNotAllowed("a table is not asked in SPARQL", remedy="POST the question in SQL")
                # Clients of OGC API - Features begin at the address itself.
                return await self.features.show(request, "")
            question = await read_question(request)
            access = await self.authorise.authorise_question(pid, authorization, question=question.sql)
            answer, version = await self.answers.about_table(access, question)
            return reply_about_table(answer, version)
        except HansaError as error:
            return await answer_problem(request, error, SANDBOXED)

    async def _answer_about_graph(self, request: Request, pid: str) -> Response:
        question, graphs = await _read_graph_question(request)
        if graphs:
            raise InvalidInput(f"this address asks one graph; {_DEFAULT} and {_NAMED} are for /query")
        authorization = request.headers.get("authorization")
        access = await self.authorise.authorise_question(pid, authorization, question=question.text)
        return reply_about_graph(*await self.answers.about_graph(access, question))

    async def _answer_about_graphs(self, request: Request) -> Response:
        try:
            authorization = request.headers.get("authorization")
            await self.authorise.require_bearer(None, authorization)
            if request.method in ("GET", "HEAD") and not request.query_params:
                media_type = choose(request.headers.get("accept"), GRAPH_TYPES)
                names = await self.graphs.list_names(authorization)
                body = describe_graphs(f"{self.base}/query", names=names, media_type=media_type)
                return Response(body, media_type=media_type, headers=PRIVATE)
            question, graphs = await _read_graph_question(request)
            answer = await self.graphs(
                authorization, question, default=graphs.get(_DEFAULT, []), names=graphs.get(_NAMED, [])
            )
            return reply_about_graph(answer)
        except HansaError as error:
            return await answer_problem(request, error, SANDBOXED)


async def read_question(request: Request) -> TableQuestion:
    """Return the question in the body of a request. Raises ``InvalidInput``, and ``NotAcceptable`` if it wants an
    answer in a form that there is not."""
    body = await request.body()
    if _media_type(request) == _JSON:
        members = read_object(body)
        sql, form = (
            members.get("sql", ""),
            members["form"] if "form" in members else form_in(request.headers.get("accept")),
        )
        if "sparql" in members:
            raise InvalidInput("a table is asked in SQL", remedy='{"sql": "SELECT * FROM data LIMIT 10"}')
        if not isinstance(sql, str) or not isinstance(form, str):
            raise InvalidInput("sql and form are texts", remedy='{"sql": "SELECT * FROM data LIMIT 10"}')
        return TableQuestion(sql=sql, form=form)
    try:
        return TableQuestion(sql=body.decode("utf-8"), form=form_in(request.headers.get("accept")))
    except UnicodeDecodeError as error:
        raise InvalidInput("the question is not in UTF-8", remedy="send it in UTF-8") from error


async def _read_graph_question(request: Request) -> tuple[GraphQuestion, dict[str, list[str]]]:
    """Return a question in SPARQL, and the graphs that the request names (SPARQL 1.1 Protocol §2.1.4). Raises
    ``InvalidInput``."""
    accept = request.headers.get("accept", "")
    if request.method == "POST" and _media_type(request) == _JSON:
        members = read_object(await request.body())
        sparql, form = members.get("sparql", ""), members.get("form", "json")
        if not isinstance(sparql, str) or not isinstance(form, str) or "sql" in members:
            raise InvalidInput(
                "a graph is asked in SPARQL: sparql and form are texts",
                remedy='{"sparql": "SELECT * WHERE { ?s ?p ?o } LIMIT 10"}',
            )
        return GraphQuestion.in_form(sparql, form), {}
    parameters = request.query_params.multi_items() if request.method != "POST" else await posted_parameters(request)
    queries = [value for name, value in parameters if name == "query"]
    others = sorted({name for name, _ in parameters} - {"query", _DEFAULT, _NAMED})
    if others or len(queries) > 1:
        raise InvalidInput(
            f"the parameters are query, once, {_DEFAULT} and {_NAMED}", remedy="leave other parameters out"
        )
    graphs: dict[str, list[str]] = {}
    for name, value in parameters:
        if name != "query":
            graphs.setdefault(name, []).append(value)
    return GraphQuestion(sparql=queries[0] if queries else "", accept=accept), graphs


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
