"""The rows of a received table, on pages like those of an open one. Only people who may read what was received."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response

from node.portal.pages.data.tables import TablePlace, TableView, groups_file, rows_file, show_table
from node.portal.visit import Visit
from node.semantics.profiles.rows_client import MOST, TableRows

if TYPE_CHECKING:
    from node.portal.responder import Responder

ENDINGS: Final = (".csv", ".tsv", ".tab", ".parquet")
"""Endings of the names of files with such a page."""


async def table(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/table``: rows of a received table, the filters, order and groups in its address."""
    pid, view = visit.request.path_params["pid"], _view(visit)
    rows = await responder.node.work.data_receipts.rows(pid, visit.caller, view.query())
    item = await responder.node.work.data_receipts.get(pid)
    name = item.reception.name if item.reception else ""
    address = visit.url(f"/received/{quote(pid, safe='')}")
    place = TablePlace(address, address, item.conversation.titles, item.agreement.dataset)
    return show_table(responder, visit, replace(view, file=name), rows, place)


async def table_csv(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/table.csv``: the rows that match, as a table (RFC 4180)."""
    view = _view(visit)
    return rows_file(visit, view, await _rows(responder, visit, view, limit=MOST))


async def groups_csv(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/groups.csv``: the groups with their figures, as a table (RFC 4180)."""
    view = _view(visit)
    return groups_file(visit, view, await _rows(responder, visit, view, limit=1))


async def _rows(responder: Responder, visit: Visit, view: TableView, *, limit: int) -> TableRows:
    query = view.query(limit=limit, whole=True)
    return await responder.node.work.data_receipts.rows(visit.request.path_params["pid"], visit.caller, query)


def _view(visit: Visit) -> TableView:
    """Return the table as its address says it; the transfer says which table it is."""
    return replace(TableView.read(visit.parameters()), iri="", version="")
