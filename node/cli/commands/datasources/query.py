"""query: ask a table of others under an agreement, instead of fetching it."""

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
from node.vocab.dsp import QUERY
from node.vocab.versions import LAST_VERSION


def register(app: typer.Typer) -> None:
    app.command("query")(query)


def query(
    asset: Annotated[str, typer.Argument(metavar="IRI", help="Address of the asset, or id of the agreement.")],
    sql: Annotated[str | None, typer.Argument(metavar="SQL", help="One SELECT over the table data.")] = None,
    file: Annotated[str | None, typer.Option(help="Which table, if the asset has several.")] = None,
    version: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=LAST_VERSION, help="An earlier version; by default the newest."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="The answer as CSV.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File for the answer; implies --csv.")] = None,
    address: Annotated[
        bool, typer.Option("--address", help="Show address and token, for programs of your own; ask nothing.")
    ] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Ask a table in SQL, instead of fetching it.

    It needs an agreement: hansa get IRI --agree-only. The provider checks it at every question, and records what was
    asked. DESCRIBE data names the columns.
    """
    with connect(node) as client:
        if address:
            access = open_access(client, asset, file=file, version=version, lang=lang, form=QUERY)
            return REFUSED if access is None else _show(access)
        if sql is None:
            raise InvalidInput("there is no question", remedy=f'hansa query {word(asset)} "DESCRIBE data"')
        agreement = agreement_of(client, asset, version)
        if output is not None or csv:
            body = client.ask_csv(agreement, sql, file=file, version=version)
            if output is None:
                exact(body)
                return DONE
            save(output, body)
            report_success(f"the answer is in {output}", detail=f"{len(body)} bytes")
            return DONE
        answer = client.ask(agreement, sql, file=file, version=version)
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


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _show(access: dict[str, Any]) -> int:
    if Mode.json:
        emit(access)
        return DONE
    authorization = f"Authorization: {access['authorization']}"
    report_success("the table can be asked", detail=f"until {access['expires']}")
    line("address", access["endpoint"])
    line("header", authorization)
    line("try it", f"curl -H '{authorization}' --data 'DESCRIBE data' {word(access['endpoint'])}")
    remark(f"to end it: hansa transfer complete {word(access['transfer'])}")
    return DONE
