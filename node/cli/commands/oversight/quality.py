"""quality: the points of the descriptions by the method of data.europa.eu, now and over time."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import harmless, word
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, report_success, say, suggest, table

if TYPE_CHECKING:
    from node.client.api import HansaClient

SHOWN = 20
LINKS = 200
STATES = ("works", "broken", "unknown")
_COLUMNS = ("publisher", "name", "date", "records", "points")


def register(app: typer.Typer) -> None:
    app.command("quality")(quality)


def quality(
    iri: Annotated[str, typer.Argument(metavar="IRI", help="Only this record: the points of each version.")] = "",
    publisher: Annotated[str, typer.Option(help="Only this publisher, by name or identifier.")] = "",
    over_time: Annotated[bool, typer.Option("--over-time", help="Show each day on which it changed.")] = False,
    links: Annotated[bool, typer.Option("--links", help="Show the links that are broken.")] = False,
    state: Annotated[str, typer.Option(help="With --links: works, broken or unknown.")] = "broken",
    source: Annotated[str, typer.Option(help="With --links: only in records harvested from this source.")] = "",
    check_links: Annotated[bool, typer.Option("--check-links", help="Have the links checked again soon.")] = False,
    data: Annotated[
        bool, typer.Option("--data", help="Show harvested files that break the schema that they name.")
    ] = False,
    sheet: Annotated[Path | None, typer.Option("--csv", help="Write all days to this file.")] = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show the quality of the descriptions."""
    with connect(node) as client:
        if check_links:
            _check_links(client, iri)
            return
        if data or links:
            _show_data(client, iri, lang) if data else _show_links(client, iri, state, source)
            return
        if iri:
            versions = client.record_quality(iri)
            if Mode.json:
                emit(versions)
            else:
                rows = [[item["at"][:10], str(item["version"]), str(item["points"])] for item in versions]
                table(rows, ["day", "version", "points"])
            return
        series = client.quality(language=lang)
    if publisher:
        series = [item for item in series if publisher in (item["publisher"], item["name"]) and item["publisher"]]
        if not series:
            raise InvalidInput("no records of such a publisher have points", remedy="hansa quality")
    if sheet is not None:
        _write(sheet, series)
    if Mode.json:
        emit(series)
    elif not series:
        say("No record has points yet.")
        suggest("hansa publish FILE")
    else:
        _show(series, over_time=over_time)
        if sheet is not None:
            line("table", str(sheet))


def _check_links(client: HansaClient, iri: str) -> None:
    """Have the links checked soon, and say how many."""
    answer = client.check_links(iri)
    if Mode.json:
        emit(answer)
    else:
        report_success("links are checked again", detail=f"{answer['links']}, in the next minutes and hours")
        suggest(f"hansa quality {word(iri)} --links" if iri else "hansa quality --links")


def _show_data(client: HansaClient, iri: str, language: str) -> None:
    """Show the files of harvested datasets that break their schema, or all files of one dataset."""
    answer = client.checked_data(iri=iri, state="" if iri else "breaks", limit=LINKS, language=language)
    if Mode.json:
        emit(answer)
        return
    for name, number in answer["counts"].items():
        line(name, str(number))
    line("last check", answer["latest"] or "none yet")
    for file in answer["files"]:
        breaches = f", {file['count']} breaches in {file['rows']} rows" if file["count"] else ""
        say(f"{file['address']}: {file['state']}{breaches}")
        line("dataset", file["dataset"])
        line("schema", f"{file['schema']}, version {file['schemaVersion']}")
        if file["reason"]:
            line("reason", file["reason"])
        for breach in file["breaches"]:
            line("", breach)
    if answer["next"]:
        say("… and more: --json has the address of the next page")


def _show_links(client: HansaClient, iri: str, state: str, source: str) -> None:
    """Show the links in one state: those of all records, of one, or of a source."""
    if state not in STATES:
        raise InvalidInput(f"{state} is no state of a link", remedy=f"one of {', '.join(STATES)}")
    answer = client.links(state=state, iri=iri, source=source, limit=LINKS)
    by_source = {item["source"]: item for item in answer["sources"]}
    if source and source not in by_source:
        raise InvalidInput(f"no record with links was harvested from {source}", remedy="hansa quality --links")
    if Mode.json:
        emit(answer)
        return
    say("This node checks no links." if not answer["days"] else f"Links are checked every {answer['days']} days.")
    counts = by_source[source] if source else answer["counts"]
    for name in STATES:
        line(name, str(counts[name]))
    rows = [
        [str(item["status"] or item["reason"] or "not checked"), (item["checked"] or "")[:10], item["address"]]
        for item in answer["links"]
    ]
    if rows:
        table(rows, ["answer", "day", "address"])
    if answer["sources"] and not (source or iri):
        lines = [[item["source"], *(str(item[name]) for name in STATES)] for item in answer["sources"]]
        table(lines, ["source", *STATES])
    if answer["next"]:
        say("… and more: --json has the address of the next page")


def _show(series: list[dict[str, Any]], *, over_time: bool) -> None:
    first = series[0]
    say(f"{first['name'] or 'All records'}  {first['points']} of {first['of']} points ({first['band']})")
    line("records", str(first["records"]))
    for name, points in first["dimensions"].items():
        line(name, str(points))
    if first["gains"]:
        table([[f"+{gain['points']}", gain["advice"]] for gain in first["gains"]], ["points", "would gain most"])
    if over_time:
        rows = [[day["date"], str(day["records"]), str(day["points"])] for day in first["days"][::-1]]
        table(rows, ["day", "records", "points"])
    elif len(series) > 1:
        rows = [[item["name"][:50], str(item["records"]), str(item["points"]), item["band"]] for item in series[1:]]
        table(rows[:SHOWN], ["publisher", "records", "points", ""])
        if len(rows) > SHOWN:
            say("… and more: --csv FILE or --json has all of them")


def _write(path: Path, series: list[dict[str, Any]]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(_COLUMNS)
            for item in series:
                for day in item["days"]:
                    start = (harmless(item["publisher"]), harmless(item["name"]))
                    rows.writerow((*start, day["date"], day["records"], day["points"]))
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}", remedy="name a file in an existing folder"
        ) from None
