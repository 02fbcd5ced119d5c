"""query: ask a table or a graph of others under an agreement, instead of fetching it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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


def register(app: typer.Typer) -> None:
    app.command("query")(query)


def query(
    asset: Annotated[str, typer.Argument(metavar="IRI", help="Address of the asset, or id of the agreement.")],
    text: Annotated[
        str | None,
        typer.Argument(metavar="QUERY", help="One SELECT over the table data; of an RDF dataset, a query in SPARQL."),
    ] = None,
    file: Annotated[str | None, typer.Option(help="Which table or RDF file, if the asset has several.")] = None,
    version: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=LAST_VERSION, help="An earlier version; by default the newest."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="The answer as CSV.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File for the answer; implies --csv.")] = None,
    sparql: Annotated[
        bool, typer.Option("--sparql", help="The asset is asked in SPARQL. Most queries show that by themselves.")
    ] = False,
    address: Annotated[
        bool, typer.Option("--address", help="Show address and token, for programs of your own; ask nothing.")
    ] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Ask a table in SQL or RDF in SPARQL, without fetching it.

    It needs an agreement: hansa get IRI --agree-only. The provider checks it at every question, and records what was
    asked. DESCRIBE data names the columns of a table. CONSTRUCT and DESCRIBE in SPARQL give Turtle.
    """
    is_graph = sparql or (text is not None and is_sparql(text))
    with connect(node) as client:
        if address:
            form = GRAPH_QUERY if sparql else QUERY
            access = open_access(client, asset, file=file, version=version, lang=lang, form=form)
            return REFUSED if access is None else _show(access, is_graph=sparql)
        if text is None:
            raise InvalidInput("there is no question", remedy=f'hansa query {word(asset)} "DESCRIBE data"')
        agreement = agreement_of(client, asset, version)
        gives_statements = is_graph and guard(text).gives_graph
        if output is not None or csv or (gives_statements and not Mode.json):
            if is_graph:
                body = client.ask_graph_as(agreement, text, "csv", file=file, version=version)
            else:
                body = client.ask_csv(agreement, text, file=file, version=version)
            if output is None:
                exact(body)
                return DONE
            save(output, body)
            report_success(f"the answer is in {output}", detail=f"{len(body)} bytes")
            return DONE
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


def _show(access: dict[str, Any], *, is_graph: bool) -> int:
    if Mode.json:
        emit(access)
        return DONE
    authorization = f"Authorization: {access['authorization']}"
    what = "graph" if is_graph else "table"
    report_success(f"the {what} can be asked", detail=f"until {access['expires']}")
    line("address", access["endpoint"])
    line("header", authorization)
    example = "--data-urlencode 'query=SELECT * { ?s ?p ?o } LIMIT 10'" if is_graph else "--data 'DESCRIBE data'"
    line("try it", f"curl -H '{authorization}' {example} {word(access['endpoint'])}")
    if is_graph:
        line("all graphs", access["endpoint"].rpartition("/")[0])
    remark(f"to end it: hansa transfer complete {word(access['transfer'])}")
    return DONE
