"""The routes below ``/query/{pid}``: the table of a transfer as an OGC API - Features, if it has places.

The token is that of questions in SQL, and so are the limits. A page of features and a feature are questions: each is
authorised before, counted and recorded. The other documents tell nothing of the data but the names of columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.base.clock import Clock
from node.base.errors import HansaError, InvalidInput, NotFound
from node.semantics.profiles.feature_queries_client import COLLECTION, GEOJSON, MOST, USUAL, Box, FeatureQuestion
from node.transfer.access import AuthoriseAccess
from node.transfer.queries.answers import AnswerQuestions, AskedFile
from node.transfer.queries.requests import VERSION_HEADER
from node.vocab.dsp import QUERY
from node.web.live.feature_pages import CRS84, JSON, OPENAPI, PARAMETERS, SCHEMA, FeaturePages, write
from node.web.problems import answer_problem
from node.web.replies import CONFINED, PRIVATE, SANDBOXED

_MOST_PARAMETERS: Final = 50
_FORMS: Final = ("", "json", "geojson", GEOJSON, JSON)
_SYSTEMS: Final = (CRS84, "http://www.opengis.net/def/crs/OGC/0/CRS84", "OGC:CRS84", "CRS84")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDoor:
    """Answers the consumers of agreements; ``base`` is the address of the node."""

    authorise: AuthoriseAccess
    answers: AnswerQuestions
    base: str
    clock: Clock

    def routes(self) -> list[BaseRoute]:
        """Return the routes, to be mounted at the root of the node's public URL."""
        return [Route("/query/{pid}/{path:path}", self._answer, methods=["GET"])]

    async def _answer(self, request: Request) -> Response:
        try:
            return await self.show(request, request.path_params["path"].strip("/"))
        except HansaError as error:
            return await answer_problem(request, error, SANDBOXED)

    async def show(self, request: Request, path: str) -> Response:
        """Return the document at ``path``. Raises the errors of ``AnswerQuestions``, and ``NotFound``."""
        pid, authorization = request.path_params["pid"], request.headers.get("authorization")
        if await self.authorise.require_bearer(pid, authorization) != QUERY:
            raise NotFound
        base = f"{self.base}/query/{quote(pid, safe=':')}"
        question = _question(request, path)
        access = await self.authorise.authorise_question(
            pid, authorization, question=question.text if question is not None else path or "landing page"
        )
        if question is not None:
            answer, target = await self.answers.about_features(access, question)
            pages = FeaturePages(base, target.file.name)
            if question.feature is not None:
                return _features(pages.feature(question, answer), target)
            headers = {
                "Content-Crs": f"<{CRS84}>",
                "Hansa-Rows": str(answer.count),
                "Hansa-More": str(answer.more).lower(),
                "Hansa-Partial": str(answer.partial).lower(),
            }
            moment = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            return _features(pages.page(question, answer, moment), target, headers)
        name = access.transfer.file or access.grant.file_name
        pages = FeaturePages(base, name)
        match path.split("/") if path else []:
            case []:
                return _document(pages.landing(), JSON)
            case ["api"]:
                answer, _ = await self.answers.about_features(access, None)
                return _document(pages.openapi(answer), OPENAPI)
            case ["conformance"]:
                return _document(pages.conformance(), JSON)
            case ["collections"]:
                return _document(pages.collections(), JSON)
            case ["collections", collection] if collection == COLLECTION:
                return _document(pages.collection(), JSON)
            case ["collections", collection, "queryables"] if collection == COLLECTION:
                answer, _ = await self.answers.about_features(access, None)
                return _document(pages.queryables(answer), SCHEMA)
            case _:
                raise NotFound("there is nothing at this address", remedy=f"begin at {base}")


def _question(request: Request, path: str) -> FeatureQuestion | None:
    """Return the question of a request; None if it asks for a document that describes. Raises ``InvalidInput``."""
    parameters = request.query_params.multi_items()
    match path.split("/"):
        case ["collections", collection, "items"] if collection == COLLECTION:
            return read_parameters(parameters)
        case ["collections", collection, "items", feature] if collection == COLLECTION:
            if not feature.isascii() or not feature.isdigit() or len(feature) > 12:
                raise NotFound("there is no such feature", remedy="ask for …/items to see which there are")
            question = read_parameters([(name, value) for name, value in parameters if name in ("f", "crs")])
            return FeatureQuestion(feature=int(feature), columns=question.columns, limit=1)
        case _:
            return None


def read_parameters(parameters: Sequence[tuple[str, str]]) -> FeatureQuestion:
    """Return the question that parameters of …/items ask. Raises ``InvalidInput``."""
    values: dict[str, str] = {}
    columns: list[tuple[str, str]] = []
    if len(parameters) > _MOST_PARAMETERS:
        raise InvalidInput("there are too many parameters", remedy="ask with a filter")
    for name, value in parameters:
        if name not in PARAMETERS:
            columns.append((name, value))
        elif name in values:
            raise InvalidInput(f"the parameter {name} stands there twice", remedy="send it once")
        else:
            values[name] = value
    if values.get("f", "") not in _FORMS:
        raise InvalidInput("features are given as GeoJSON", remedy="leave out the parameter f, or set it to json")
    for name in ("crs", "bbox-crs", "filter-crs"):
        if name in values and values[name] not in _SYSTEMS:
            raise InvalidInput(f"{name} is {CRS84} here", remedy=f"leave out {name}")
    choice: dict[str, Any] = {}
    if "properties" in values:
        choice["columns"] = tuple(name for name in values["properties"].split(",") if name)
    if values.get("sortby"):
        choice["sort"] = tuple(name.strip() for name in values["sortby"].split(","))
    return FeatureQuestion(
        filter=values.get("filter", ""),
        language=values.get("filter-lang", "cql2-text"),
        box=_box(values["bbox"]) if values.get("bbox") else None,
        period=values.get("datetime", ""),
        equal=tuple(columns),
        limit=min(_number(values, "limit", USUAL), MOST),
        offset=_number(values, "offset", 0),
        **choice,
    )


def _number(values: dict[str, str], name: str, usual: int) -> int:
    text = values.get(name, str(usual))
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise InvalidInput(f"{name} is a number", remedy=f"such as: {name}=100")
    return int(text)


def _box(text: str) -> Box:
    try:
        numbers = [float(number) for number in text.split(",")]
        if len(numbers) == 6:
            numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
        west, south, east, north = numbers
    except ValueError as error:
        raise InvalidInput("bbox has four numbers", remedy="west,south,east,north in degrees") from error
    if not (abs(west) <= 180 and abs(east) <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput("bbox is no box on Earth", remedy="west,south,east,north in degrees")
    return west, south, east, north


def _features(body: bytes, target: AskedFile, headers: dict[str, str] | None = None) -> Response:
    stated = {**CONFINED, VERSION_HEADER: str(target.record.version), **(headers or {})}
    return Response(body, media_type=GEOJSON, headers=stated)


def _document(content: dict[str, Any], media_type: str) -> Response:
    return Response(write(content), media_type=media_type, headers=PRIVATE)
