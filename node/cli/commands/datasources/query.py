"""query: ask a table, a graph or features of others under an agreement, instead of fetching it."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.commands.datasources.live import agreement_of, open_access
from node.cli.exits import DONE, REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, exact, line, remark, report_success, save, table
from node.semantics.sparql import guard
from node.semantics.sparql_graphs import is_sparql
from node.vocab.dsp import GRAPH_QUERY, QUERY
from node.vocab.versions import LAST_VERSION

if TYPE_CHECKING:
    from node.client import HansaClient


class AnswerForm(StrEnum):
    """The form of the answer of a table in a file."""

    CSV = "csv"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    app.command("query")(query)


def query(
    asset: Annotated[str, typer.Argument(metavar="IRI", help="Address of the asset, or id of the agreement.")],
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="QUERY",
            help="One SELECT over the table data; a query in SPARQL, of RDF; a filter in CQL2, of features.",
        ),
    ] = None,
    file: Annotated[str | None, typer.Option(help="Which table or RDF file, if the asset has several.")] = None,
    version: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=LAST_VERSION, help="An earlier version; by default the newest."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="The answer as CSV.")] = False,
    form: Annotated[
        AnswerForm | None,
        typer.Option("--format", help="The form of the answer of a table: csv, or parquet, which keeps the types."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the answer: CSV, or Parquet if it ends in .parquet."),
    ] = None,
    sparql: Annotated[
        bool, typer.Option("--sparql", help="The asset is asked in SPARQL. Most queries show that by themselves.")
    ] = False,
    features: Annotated[
        bool, typer.Option("--features", help="Ask for features of a file with places; the query is a filter.")
    ] = False,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="With --features: a box in degrees.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="With --features: how many at most.")] = None,
    address: Annotated[
        bool, typer.Option("--address", help="Show address and token, for programs of your own; ask nothing.")
    ] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Ask a table, features or a graph, without fetching it.

    It needs an agreement: hansa get IRI --agree-only. The provider checks it at every question, and records what was
    asked. DESCRIBE data names the columns of a table. CONSTRUCT and DESCRIBE in SPARQL give Turtle. Features come as
    GeoJSON.
    """
    _check_options(features=features, bbox=bbox, limit=limit)
    is_graph = not features and (sparql or (text is not None and is_sparql(text)))
    form = _form(form, output, csv=csv, of_table=not (features or is_graph or address))
    with connect(node) as client:
        if address:
            way = GRAPH_QUERY if sparql else QUERY
            access = open_access(client, asset, file=file, version=version, lang=lang, form=way)
            what = "features" if features else "graph" if sparql else "table"
            return REFUSED if access is None else _show(access, what)
        if features:
            return _ask_features(
                client, asset, text or "", output, file=file, version=version, bbox=bbox, limit=limit
            )
        if text is None:
            raise InvalidInput("there is no question", remedy=f'hansa query {word(asset)} "DESCRIBE data"')
        agreement = agreement_of(client, asset, version)
        gives_statements = is_graph and guard(text).gives_graph
        if output is not None or form is not None or (gives_statements and not Mode.json):
            ask = client.ask_parquet if form == AnswerForm.PARQUET else client.ask_csv
            if is_graph:
                ask = partial(client.ask_graph_as, form="csv")
            return _give(ask(agreement, text, file=file, version=version), output)
        if is_graph:
            answer = client.ask_graph(agreement, text, file=file, version=version)
        else:
            answer = client.ask(agreement, text, file=file, version=version)
    if is_graph:
        _print_results(answer)
    else:
        _print(answer)
    if version is not None and not Mode.json:
        remark(f"the provider says that this is version {version}")
    return DONE


def _check_options(*, features: bool, bbox: str | None, limit: int | None) -> None:
    if not features and (bbox is not None or limit is not None):
        raise InvalidInput(
            "--bbox and --limit are for features", remedy="add --features, or write LIMIT into the SQL"
        )


def _give(body: bytes, output: Path | None) -> int:
    if output is None:
        exact(body)
    else:
        save(output, body)
        report_success(f"the answer is in {output}", detail=f"{len(body)} bytes")
    return DONE


def _form(form: AnswerForm | None, output: Path | None, *, csv: bool, of_table: bool) -> AnswerForm | None:
    """Return the form of the file, None if none is named. Raises ``InvalidInput`` for Parquet that cannot be."""
    if csv and form not in (None, AnswerForm.CSV):
        raise InvalidInput("--csv and --format name two forms", remedy="leave one of them out")
    if form is None and not csv and of_table and output is not None and output.suffix.lower() == ".parquet":
        return AnswerForm.PARQUET
    if form == AnswerForm.PARQUET and not of_table:
        raise InvalidInput(
            "the answer of a table can be Parquet; features are GeoJSON, and graphs CSV or Turtle",
            remedy="leave out --format",
        )
    if form == AnswerForm.PARQUET and output is None:
        raise InvalidInput("Parquet is not text: it is not shown", remedy="name a file: -o answer.parquet")
    return AnswerForm.CSV if csv else form


def _ask_features(
    client: HansaClient,
    asset: str,
    text: str,
    output: Path | None,
    *,
    file: str | None,
    version: int | None,
    bbox: str | None,
    limit: int | None,
) -> int:
    choices: dict[str, Any] = {"bbox": bbox and read_box(bbox), **({"limit": limit} if limit is not None else {})}
    agreement = agreement_of(client, asset, version)
    page = client.ask_features(agreement, text, file=file, version=version, choices=choices)
    return _give_features(page, output)


def read_box(text: str) -> list[float]:
    """Return the numbers of a box. Raises ``InvalidInput``."""
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise InvalidInput("a box has four numbers", remedy="--bbox 3.6,51.0,3.8,51.1")
    return numbers


def _give_features(page: dict[str, Any], output: Path | None) -> int:
    count, total = len(page["features"]), page["numberMatched"]
    if output is not None:
        save(output, json.dumps(page, ensure_ascii=False).encode())
        report_success(f"the answer is in {output}", detail=f"{count} of {total} features")
    elif Mode.json:
        emit(page)
    else:
        names = list(dict.fromkeys(name for feature in page["features"] for name in feature["properties"]))
        rows = [
            [str(feature["id"]), _place(feature["geometry"]), *(_cell(feature["properties"].get(n)) for n in names)]
            for feature in page["features"]
        ]
        table(rows, ["id", "place", *names])
        if not rows:
            remark("no features")
    if count < total and not Mode.json:
        remark(f"these are {count} of {total} features: add a filter, or --limit {total}")
    return DONE


def _place(geometry: dict[str, Any] | None) -> str:
    if geometry is None:
        return ""
    if geometry["type"] != "Point":
        return str(geometry["type"])
    return " ".join(f"{number:g}" for number in geometry["coordinates"][:2])


def _print(answer: dict[str, Any]) -> None:
    if Mode.json:
        emit(answer)
        return
    names = [str(column["name"]) for column in answer["columns"]]
    table([[_cell(value) for value in row] for row in answer["rows"]], names)
    if not answer["rows"]:
        remark("no rows")
    if answer["more"]:
        remark(f"these are the first {answer['rowCount']} rows: add WHERE, GROUP BY or LIMIT … OFFSET …")
    if answer["partial"]:
        remark("some lines of the file do not fit the table, and are left out")


def _print_results(answer: dict[str, Any]) -> None:
    """Print SPARQL results (SPARQL 1.1 Query Results JSON)."""
    if Mode.json:
        emit(answer)
        return
    if "boolean" in answer:
        line("answer", "yes" if answer["boolean"] is True else "no")
        return
    names = [str(name) for name in answer["head"]["vars"]]
    rows = answer["results"]["bindings"]
    table([[str(row[name]["value"]) if name in row else "" for name in names] for row in rows], names)
    if not rows:
        remark("no rows")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _show(access: dict[str, Any], what: str) -> int:
    if Mode.json:
        emit(access)
        return DONE
    authorization, endpoint = f"Authorization: {access['authorization']}", access["endpoint"]
    report_success(f"the {what} can be asked", detail=f"until {access['expires']}")
    line("address", endpoint)
    line("header", authorization)
    if what == "features":
        line("try it", f"curl -H '{authorization}' {word(endpoint + '/collections/data/items?limit=10')}")
        bearer = access["authorization"].removeprefix("Bearer ")
        settings = f"--config GDAL_HTTP_AUTH BEARER --config GDAL_HTTP_BEARER {word(bearer)}"
        line("with GDAL", f"ogrinfo {settings} {word(f'OAPIF:{endpoint}')} data")
    else:
        example = "--data 'DESCRIBE data'"
        if what == "graph":
            example = "--data-urlencode 'query=SELECT * { ?s ?p ?o } LIMIT 10'"
        line("try it", f"curl -H '{authorization}' {example} {word(endpoint)}")
    if what == "graph":
        line("all graphs", endpoint.rpartition("/")[0])
    remark(f"to end it: hansa transfer complete {word(access['transfer'])}")
    return DONE
