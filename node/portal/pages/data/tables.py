"""The rows of an open or a received table: page by page, filtered, sorted, grouped and drawn; every state has an
address."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from markupsafe import Markup
from starlette.responses import Response

from node.base.errors import InvalidInput, NotFound
from node.catalogue.model import Record
from node.catalogue.representations import VARY
from node.portal import headers
from node.portal.drawing.bars import bar, columns
from node.portal.visit import Visit
from node.semantics.profiles.features_client import has_places
from node.semantics.profiles.rows_client import FIGURES, MOST, PERIODS, RowQuery, TableRows

if TYPE_CHECKING:
    from node.portal.responder import Responder

PAGE: Final = 50
TYPES: Final = frozenset({"text/csv", "text/tab-separated-values", "application/vnd.apache.parquet"})
"""Media types of files with such a page."""

_MARK: Final = "is."
_LONGEST: Final = 300
_MOST_FILTERS: Final = 20
_LAST: Final = 100_000
_VERSION: Final = re.compile(r"(?:[1-9][0-9]{0,8})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """A table as its address says it: ``filters`` are column → text."""

    iri: str
    file: str
    version: str = ""
    filters: Mapping[str, str]
    sort: str = ""
    descending: bool = False
    count: str = ""
    per: str = ""
    how: str = ""
    of: str = ""
    page: int = 1

    @classmethod
    def read(cls, parameters: Sequence[tuple[str, str]]) -> TableView:
        """Read the parameters of an address. Others are ignored. Raises ``InvalidInput`` for too many filters."""
        values = dict(parameters)
        filters = {
            name.removeprefix(_MARK): value[:_LONGEST]
            for name, value in parameters
            if name.startswith(_MARK) and value.strip()
        }
        if len(filters) > _MOST_FILTERS:
            raise InvalidInput(f"a table has at most {_MOST_FILTERS} filters", remedy="remove some")
        page, how, of = values.get("page", ""), values.get("how", ""), values.get("of", "")
        return cls(
            iri=values.get("iri", ""),
            file=values.get("file", ""),
            version=values.get("version", ""),
            filters=filters,
            sort=values.get("sort", ""),
            descending=values.get("desc") == "1",
            count=values.get("count", ""),
            per=values.get("per", "") if values.get("per", "") in PERIODS else "",
            # A figure needs a column, and a column a figure: half of it counts the rows.
            how=how if how in FIGURES and of else "",
            of=of if how in FIGURES else "",
            page=min(int(page), _LAST) if page.isascii() and page.isdigit() and len(page) < 7 and int(page) else 1,
        )

    def query(self, *, limit: int = PAGE, whole: bool = False) -> RowQuery:
        """Return the question to the table; ``whole`` begins with the first row."""
        return RowQuery(
            filters=tuple(self.filters.items()),
            sort=self.sort,
            descending=self.descending,
            offset=0 if whole else (self.page - 1) * limit,
            limit=limit,
            count=self.count,
            per=self.per,
            how=self.how,
            of=self.of,
        )

    def pairs(self) -> list[tuple[str, str]]:
        """Return the parameters of the address."""
        pairs = [("iri", self.iri), ("file", self.file), ("version", self.version)]
        pairs += [(f"{_MARK}{column}", text) for column, text in self.filters.items()]
        pairs += [("sort", self.sort), ("desc", "1" if self.sort and self.descending else ""), ("count", self.count)]
        if self.count:
            pairs += [("per", self.per), ("how", self.how), ("of", self.of)]
        pairs.append(("page", str(self.page) if self.page > 1 else ""))
        return [pair for pair in pairs if pair[1]]

    def address(self, **changes: Any) -> str:
        """Return the query string of this table with some parts changed; back on the first page."""
        return f"?{urlencode(replace(self, **{'page': 1, **changes}).pairs())}"

    def sorted_by(self, column: str) -> str:
        """Return the query string of the table sorted by ``column``; upside down if it is already."""
        return self.address(sort=column, descending=self.sort == column and not self.descending)

    def having(self, column: str, value: str) -> str:
        """Return the query string of the rows with exactly ``value``, or in this period."""
        text = value if self.per and value else f"={value}"
        return self.address(filters={**self.filters, column: text}, count="")

    def on_map(self) -> str:
        """Return the query string of the map of the whole table."""
        pairs = [("iri", self.iri), ("file", self.file), ("version", self.version)]
        return f"?{urlencode([pair for pair in pairs if pair[1]])}"

    def without(self, column: str) -> str:
        """Return the query string without the filter of ``column``."""
        return self.address(filters={name: text for name, text in self.filters.items() if name != column})


class TablePlace(NamedTuple):
    """The addresses of a table: of its pages below ``base`` (``{base}/table``, ``{base}/table.csv`` …), and of the
    page that it belongs to, which has ``titles`` or else the name ``iri``."""

    base: str
    back: str
    titles: Mapping[str, str]
    iri: str


async def table(responder: Responder, visit: Visit) -> Response:
    """``/record/table?iri=…&file=…``: rows of an open table."""
    view = TableView.read(visit.parameters())
    record, rows = await _rows(responder, visit, view, view.query())
    back = visit.asset(record, version=view.version)
    return show_table(responder, visit, view, rows, TablePlace(visit.url("/record"), back, record.titles, record.iri))


def show_table(responder: Responder, visit: Visit, view: TableView, rows: TableRows, place: TablePlace) -> Response:
    """Return the page of a table with ``rows``, the answer to ``view.query()``."""
    return responder.render(
        visit,
        "table.html",
        place=place,
        view=view,
        rows=rows,
        first=(view.page - 1) * PAGE + 1,
        more=view.page * PAGE < rows.total,
        most=MOST,
        mark=_MARK,
        periods=PERIODS,
        figures=FIGURES,
        chart=_chart(visit, view, rows),
        has_places=has_places(tuple(column.name for column in rows.columns)),
        bars=[bar(figure, [other for _, other in rows.groups]) for _, figure in rows.groups],
    )


def _chart(visit: Visit, view: TableView, rows: TableRows) -> Markup | None:
    """Return the chart of groups along time; other groups have a bar each."""
    if len(rows.groups) < 2 or not any(column.temporal for column in rows.columns if column.name == view.count):
        return None
    subject = visit.t(f"table.how.{view.how}", column=view.of) if view.how else visit.t("table.how.count")
    return columns(
        [group for group in rows.groups if group[0]],
        label=visit.t("table.chart", figure=subject, column=view.count),
    )


async def groups_csv(responder: Responder, visit: Visit) -> Response:
    """``/record/groups.csv``: the groups with their figures, as a table (RFC 4180)."""
    view = TableView.read(visit.parameters())
    _, rows = await _rows(responder, visit, view, view.query(limit=1, whole=True))
    return groups_file(visit, view, rows)


def groups_file(visit: Visit, view: TableView, rows: TableRows) -> Response:
    """Return the groups of ``rows`` as a table."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow([view.count, f"{view.how} {view.of}" if view.how else "count"])
    writer.writerows((value, "" if figure is None else repr(figure)) for value, figure in rows.groups)
    return _file(visit, sheet.getvalue(), "text/csv; charset=utf-8; header=present", f"{_stem(view.file)}-groups.csv")


async def table_csv(responder: Responder, visit: Visit) -> Response:
    """``/record/table.csv``: the rows that match, as a table (RFC 4180), with the cells as they are in the file."""
    view = TableView.read(visit.parameters())
    _, rows = await _rows(responder, visit, view, view.query(limit=MOST, whole=True))
    return rows_file(visit, view, rows)


def rows_file(visit: Visit, view: TableView, rows: TableRows) -> Response:
    """Return ``rows`` as a table."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow([column.name for column in rows.columns])
    writer.writerows(rows.rows)
    return _file(visit, sheet.getvalue(), "text/csv; charset=utf-8; header=present", f"{_stem(view.file)}-rows.csv")


async def table_json(responder: Responder, visit: Visit) -> Response:
    """``/record/table.json``: the page of rows for programs."""
    view = TableView.read(visit.parameters())
    _, rows = await _rows(responder, visit, view, view.query())
    body = {**rows.to_json(), "page": view.page, "pageSize": PAGE}
    return _file(visit, json.dumps(body, ensure_ascii=False), "application/json", "")


async def _rows(responder: Responder, visit: Visit, view: TableView, query: RowQuery) -> tuple[Record, TableRows]:
    if (
        not view.iri
        or len(view.iri) > 2048
        or (view.version and not (view.version.isdecimal() and len(view.version) < 10))
    ):
        raise NotFound
    catalogue = responder.node.catalogue
    version = int(view.version) if view.version else None
    record = await catalogue.browse.record(view.iri, visit.caller, version=version)
    return record, await catalogue.assets.rows(record, view.file, query)


def _stem(name: str) -> str:
    stem = name.rpartition("/")[2].partition(".")[0]
    return "".join(c for c in stem if c.isascii() and (c.isalnum() or c in "-_"))[:80] or "table"


def _file(visit: Visit, text: str, media_type: str, name: str) -> Response:
    response = Response(text.encode("utf-8", errors="replace"), headers={"Content-Type": media_type, "Vary": VARY})
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = headers.cache_control(signed_in=not visit.caller.is_anonymous)
    if name:
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response
