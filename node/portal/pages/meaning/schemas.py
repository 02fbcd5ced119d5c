"""The page that shows the fields of a schema in any language, and converts it into another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, NotFound, Overloaded, TooLarge, UnsupportedMediaType
from node.catalogue.drafts.schema_documents import SchemaView
from node.exchange.names import safe_name
from node.portal.forms import check_csrf
from node.portal.uploads import read_upload
from node.portal.visit import Visit
from node.semantics.schemas.languages.names import LANGUAGES, WRITTEN

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def form(responder: Responder, visit: Visit) -> Response:
    """``GET /schema/convert``: choose a file; with ``iri=…&to=…`` the schema of an asset in another language; with
    ``from=…`` the draft of a schema from a dataset or a class."""
    values = dict(visit.parameters())
    try:
        if values.get("iri"):
            read = responder.node.catalogue.meaning.read_schema
            answer = await read.of_asset(values["iri"], visit.caller, part=values.get("part", ""), to=_to(values))
            return _page(responder, visit, values, answer=answer)
        if values.get("from"):
            draft = responder.node.catalogue.meaning.draft_schema
            return _page(
                responder, visit, values, draft=await draft(values["from"], visit.caller, language=visit.language)
            )
    except (InvalidInput, NotFound, Overloaded) as error:
        return _page(responder, visit, values, error=error)
    return _page(responder, visit, values)


async def answer(responder: Responder, visit: Visit) -> Response:
    """``POST``: show the fields of a file, and the schema in the other language."""
    upload = await read_upload(visit.request)
    # Before a byte of the file is read.
    check_csrf(responder.settings.secret, visit.session, upload.fields)
    fields = upload.fields
    try:
        if upload.chunks is None or not upload.name:
            raise InvalidInput("no file was chosen", remedy="choose a file", facts={"case": "no-file"})
        read = responder.node.catalogue.meaning.read_schema
        reading = await read(
            safe_name(upload.name), upload.chunks, visit.caller, part=fields.get("part", "").strip(), to=_to(fields)
        )
    except (InvalidInput, TooLarge, Overloaded, UnsupportedMediaType) as error:
        return _page(responder, visit, fields, error=error)
    return _page(responder, visit, fields, answer=reading)


def _to(values: Mapping[str, str]) -> str:
    return values.get("to", "") if values.get("to", "") in WRITTEN else ""


def _page(
    responder: Responder,
    visit: Visit,
    values: Mapping[str, str],
    *,
    answer: SchemaView | None = None,
    draft: Any = None,
    error: HansaError | None = None,
) -> Response:
    return responder.render(
        visit,
        "schema.html",
        status=200 if error is None else error.status,
        values=values,
        answer=answer,
        draft=draft,
        languages={code: LANGUAGES[code] for code in WRITTEN},
        limit=responder.node.catalogue.meaning.read_schema.limit,
        trouble=None if error is None else visit.explain(error),
    )
