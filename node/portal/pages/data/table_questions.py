"""The page that asks a table or a graph of a partner under an agreement: a text, the answer as a table or as text, a
download."""

from __future__ import annotations

import csv
import shlex
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, LocalFault
from node.policy.odrl import parse
from node.policy.words import part_sentences
from node.portal.reasons import whys
from node.portal.views.table_questions import AskableTable
from node.portal.visit import Visit
from node.semantics.profiles.graph_queries_client import MOST_ROWS as MOST_OF_GRAPH
from node.semantics.profiles.table_queries_client import LONGEST, MOST_ROWS, PARQUET
from node.semantics.sheets import answer_rows
from node.transfer.queries.requests import PartnerAnswer

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 200
"""The rows of an answer that the page shows."""
EXAMPLES: Final[tuple[tuple[str, str], ...]] = (
    ("tablequery.example.first", "SELECT * FROM data LIMIT 10"),
    ("tablequery.example.count", "SELECT count(*) FROM data"),
    ("tablequery.example.columns", "DESCRIBE data"),
)
GRAPH_EXAMPLES: Final[tuple[tuple[str, str], ...]] = (
    ("graphquery.example.first", "SELECT * WHERE { ?s ?p ?o } LIMIT 10"),
    ("graphquery.example.classes", "SELECT ?class (COUNT(?s) AS ?n) WHERE { ?s a ?class } GROUP BY ?class"),
    ("graphquery.example.properties", "SELECT ?p (COUNT(*) AS ?n) WHERE { ?s ?p ?o } GROUP BY ?p ORDER BY DESC(?n)"),
)
_SHOWN_TEXT: Final = 20_000
"""The characters of an answer in Turtle that the page shows."""
_LONGEST_CELL: Final = 300
_MOST_COLUMNS: Final = 200
_FILE: Final = {
    "Content-Type": "text/csv; charset=utf-8; header=present",
    # The partner's data: a browser saves it and runs nothing of it.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnswer:
    """An answer as the page shows it. ``numeric``: for each column, whether all its cells are numbers. ``count`` is
    the number of its rows, None if unknown; ``is_cut``: it has more rows than are shown;
    ``more``: the table gives more than one answer may have. ``text``: the beginning of an answer without rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    count: int | None
    is_cut: bool
    columns_left_out: int
    more: bool
    partial: bool
    seconds: float
    text: str = ""


async def form(responder: Responder, visit: Visit) -> Response:
    """``/agreements/{id}/ask``: the columns of the table, the part that the agreement gives, and the text box."""
    table = await responder.node.contracts.table_questions.table(
        visit.request.path_params["id"], visit.caller, file=visit.request.query_params.get("file", "")
    )
    return _page(responder, visit, table, (GRAPH_EXAMPLES if table.is_graph else EXAMPLES)[0][1])


async def answer(responder: Responder, visit: Visit) -> Response:
    """``POST /agreements/{id}/ask``: the answer below the question, or as a download (``as=csv`` or ``parquet``). A
    refusal is shown beside the text, which stays as it was."""
    questions, path = responder.node.contracts.table_questions, visit.request.path_params
    sql = visit.fields.get("sql", "")
    table = await questions.table(path["id"], visit.caller, file=visit.fields.get("file", ""), text=sql)
    began = time.perf_counter()
    try:
        wish = visit.fields.get("as")
        form = "parquet" if wish == "parquet" and not table.is_graph else "csv"
        reply = await questions.answer(table, sql, form, visit.caller)
        if wish in ("csv", "parquet"):
            return _download(table, reply)
        beginning = _first_rows(reply, time.perf_counter() - began)
    except HansaError as error:
        if isinstance(error, LocalFault) and not error.is_public:
            raise
        # The count of uses may have changed.
        table = await questions.table(path["id"], visit.caller, file=table.file, text=sql)
        return _page(responder, visit, table, sql, trouble=error)
    table = await questions.table(path["id"], visit.caller, file=table.file, text=sql)
    return _page(responder, visit, table, sql, beginning=beginning)


def _page(
    responder: Responder,
    visit: Visit,
    table: AskableTable,
    sql: str,
    *,
    beginning: ShownAnswer | None = None,
    trouble: HansaError | None = None,
) -> Response:
    agreement = table.view.agreement
    return responder.render(
        visit,
        "table-questions.html",
        status=trouble.status if trouble else 200,
        table=table,
        agreed=table.view,
        part=part_sentences(parse(agreement.body), visit.language),
        sql=sql,
        answer=beginning,
        trouble=visit.explain(trouble) if trouble else None,
        reasons=whys(trouble.facts.get("reasons", ())) if trouble else (),
        examples=GRAPH_EXAMPLES if table.is_graph else EXAMPLES,
        longest=LONGEST,
        most_rows=MOST_OF_GRAPH if table.is_graph else MOST_ROWS,
        quoted=quote(agreement.id, safe=""),
        features=shlex.join(["hansa", "query", agreement.id, "--features", "--address"]),
        command=shlex.join(["hansa", "query", agreement.id, (GRAPH_EXAMPLES if table.is_graph else EXAMPLES)[0][1]]),
    )


def _first_rows(reply: PartnerAnswer, seconds: float) -> ShownAnswer:
    """Return the beginning of an answer. Raises ``InvalidInput`` if it is not a table."""
    # Statements, and yes or no, which SPARQL writes without a column.
    if reply.media_type != "text/csv" or reply.body in (b"true\n", b"false\n"):
        return _beginning_of_text(reply, seconds)
    try:
        lines = list(islice(answer_rows(reply.body), SHOWN + 2))
    except csv.Error as error:
        raise InvalidInput("the answer cannot be shown as a table", remedy="download it as CSV") from error
    if not lines or not lines[0]:
        raise InvalidInput("the answer of the provider has no columns", remedy="download it as CSV")
    width = min(len(lines[0]), _MOST_COLUMNS)
    rows = tuple(tuple(_cell(cell) for cell in (line + [""] * width)[:width]) for line in lines[1 : SHOWN + 1])
    return ShownAnswer(
        columns=tuple(_cell(name) for name in lines[0][:width]),
        rows=rows,
        numeric=tuple(all(_is_number(row[place]) for row in rows) for place in range(width)),
        count=reply.count,
        is_cut=len(lines) > SHOWN + 1,
        columns_left_out=len(lines[0]) - width,
        more=reply.more,
        partial=reply.partial,
        seconds=seconds,
    )


def _beginning_of_text(reply: PartnerAnswer, seconds: float) -> ShownAnswer:
    text = reply.body.decode("utf-8", errors="replace")
    return ShownAnswer(
        columns=(),
        rows=(),
        numeric=(),
        count=None,
        is_cut=len(text) > _SHOWN_TEXT,
        columns_left_out=0,
        more=False,
        partial=False,
        seconds=seconds,
        text=text[:_SHOWN_TEXT],
    )


def _cell(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return True


def _download(table: AskableTable, reply: PartnerAnswer) -> Response:
    """Return the answer as a file, whose name says if there are more rows."""
    name = table.file.rpartition("/")[2].partition(".")[0]
    stem = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_"))[:80]
    first = f"first-{reply.count}-rows" if reply.more and reply.count is not None else ""
    file = "-".join(filter(None, (stem, "answer", first)))
    if reply.media_type == PARQUET:
        kind = {"Content-Type": PARQUET, "Content-Disposition": f'attachment; filename="{file}.parquet"'}
        return Response(reply.body, headers={**_FILE, **kind})
    if reply.media_type != "text/csv":
        kind = {"Content-Type": f"{reply.media_type}; charset=utf-8"}
        return Response(
            reply.body, headers={**_FILE, **kind, "Content-Disposition": f'attachment; filename="{file}.ttl"'}
        )
    return Response(reply.body, headers={**_FILE, "Content-Disposition": f'attachment; filename="{file}.csv"'})
