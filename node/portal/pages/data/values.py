"""The page on which stewards say what the own values of a source mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput
from node.catalogue.harvest.value_tables import Choice, ValueRow
from node.portal.visit import Visit
from node.semantics.harvest.rules.value_fields import FIELDS, ValueField

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 50
"""Values on a page."""
_LONG: Final = 40
"""From this number of codes on, a field is typed with suggestions instead of chosen."""
_MAX_PAGE: Final = 10_000


async def table(responder: Responder, visit: Visit) -> Response:
    """``GET /imports/values/table?source=``: the values of a source, those without a choice first."""
    return await _page(responder, visit, visit.request.query_params.get("source", ""))


async def choose(responder: Responder, visit: Visit) -> Response:
    """``POST /imports/values/table``: save the choices of the page, or show it again with the reason."""
    fields = visit.fields
    source = fields.get("source", "")
    choices = [
        Choice(fields[f"field-{number}"], fields.get(f"text-{number}", ""), fields.get(f"value-{number}", ""))
        for number in range(SHOWN)
        if f"field-{number}" in fields
        and fields.get(f"value-{number}", "").strip() != fields.get(f"before-{number}", "")
    ]
    try:
        await run_sync(responder.node.catalogue.harvests.value_tables.choose, source, choices, visit.caller)
    except InvalidInput as error:
        return await _page(responder, visit, source, trouble=error)
    query = {"source": source, "field": fields.get("field", ""), "page": fields.get("page", "")}
    return responder.go(visit, visit.url("/imports/values/table", **query, done="values-saved"))


async def _page(responder: Responder, visit: Visit, source: str, *, trouble: HansaError | None = None) -> Response:
    query: Mapping[str, str] = visit.request.query_params if trouble is None else visit.fields
    value_table = await run_sync(responder.node.catalogue.harvests.value_tables.table, source, visit.caller)
    field = query.get("field", "")
    rows = [row for row in value_table.rows() if field not in FIELDS or row.field == field]
    page = min(_number(query.get("page", "")), max(0, len(rows) - 1) // SHOWN)
    page_rows = rows[page * SHOWN : (page + 1) * SHOWN]
    return responder.render(
        visit,
        "values.html",
        status=200 if trouble is None else trouble.status,
        table=value_table,
        rows=[(row, _answer(visit, number, row, trouble)) for number, row in enumerate(page_rows)],
        fields=dict.fromkeys(row.field for row in value_table.rows()),
        field=field if field in FIELDS else "",
        choices={name: _codes(FIELDS[name], visit.language) for name in {row.field for row in page_rows}},
        long=_LONG,
        page=page,
        next=page + 1 if len(rows) > (page + 1) * SHOWN else None,
        trouble=None if trouble is None else visit.explain(trouble),
    )


def _answer(visit: Visit, number: int, row: ValueRow, trouble: HansaError | None) -> str:
    """Return what the form has for a row: what was typed, or the choice as the codes of the form name it."""
    if trouble is not None and visit.fields.get(f"text-{number}") == row.text:
        return visit.fields.get(f"value-{number}", "")
    codes = FIELDS[row.field].codes if row.field in FIELDS else None
    code = codes.by_iri(row.iri) if codes is not None and row.iri else None
    return code.code if code is not None else row.iri


def _codes(field: ValueField, language: str) -> list[tuple[str, str]]:
    """Return the codes of a field with their labels."""
    return [] if field.codes is None else [(code.code, code.label(language)) for code in field.codes]


def _number(text: str) -> int:
    return min(int(text), _MAX_PAGE) if text.isascii() and text.isdigit() and len(text) < 6 else 0
