"""harvest: catalogues of others that the node reads again by itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.commands.imports import SHOWN, Agreed, Audience, Fewer, Rules, counts_in_words, renamed_in_words, sheet
from node.cli.exits import DONE, REFUSED
from node.cli.groups import Shorthand
from node.cli.options import Language, Node, connect
from node.cli.output import (
    Mode,
    complain,
    count_of,
    emit,
    line,
    remark,
    report_failure,
    report_success,
    say,
    suggest,
    table,
)
from node.cli.value_sheets import read_choices, write_values

POLL: Final = 0.5
OUTCOMES: Final = ("new", "changed", "renamed", "refused", "withdrawn", "faults")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the source, as in hansa harvest list.")]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        cls=Shorthand,
        help="Harvest catalogues on a schedule: add, list, run, map …",
    )
    verbs.command("add")(add)
    verbs.command("list")(list_harvests)
    verbs.command("run")(run)
    verbs.command("pause")(pause)
    verbs.command("resume")(resume)
    verbs.command("remove")(remove)
    verbs.command("report")(report)
    verbs.command("send")(send)
    verbs.command("values")(values)
    verbs.command("map")(map_values)
    app.add_typer(verbs, name="harvest")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the source: a-z, 0-9 and hyphens.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Web address, as for hansa import.")],
    every: Annotated[str, typer.Option(help="Time between two runs: 30m, 12h, 1d, 2w.")] = "1d",
    source: Annotated[str, typer.Option(help="Whose catalogue it is, as for hansa import.", show_default=False)] = "",
    audience: Audience = None,
    repair: Annotated[bool, typer.Option("--repair", help="Apply all safe repair rules.")] = False,
    rule: Rules = None,
    agreed: Agreed = False,
    fewer: Fewer = False,
    node: Node = None,
) -> int:
    """Harvest a catalogue on a schedule, or change how. The first run begins at once.

    Runs act in your name, as long as your role allows it. Adding a name again replaces the source and keeps its
    reports and records.
    """
    rules = [*(["safe"] if repair else []), *(rule or [])]
    with connect(node) as client:
        answer = client.harvests.add(
            name, url, every, source=source, audience=audience, rules=rules, agreed=agreed, fewer=fewer
        )
    if Mode.json:
        emit(answer)
        return DONE
    report_success(f"{name} is harvested every {every}", detail="the first run begins now")
    remark(f"to see how it goes: hansa harvest list {word(name)}")
    return DONE


def list_harvests(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this source, with all its runs.")] = None,
    node: Node = None,
) -> int:
    """List the sources with their newest run and the next one. Exit status 1 where the newest run of one failed."""
    with connect(node) as client:
        sources = [client.harvests.source(name)] if name else client.harvests.all()
    if Mode.json:
        emit(sources[0] if name else sources)
    elif not sources:
        say("No catalogue is harvested on a schedule.")
        suggest("hansa harvest add NAME URL --every 1d --repair")
    else:
        for source in sources:
            _show(source, all_runs=name is not None)
    return REFUSED if any(source["failures"] for source in sources) else DONE


def run(
    name: _Name,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end, and show the result.")] = False,
    node: Node = None,
) -> int:
    """Begin a run of a source now."""
    with connect(node) as client:
        harvests = client.harvests
        begin = harvests.run(name)
        while wait and begin["ended"] is None:
            time.sleep(POLL)
            begin = harvests.report(name, begin["run"], limit=1)
    if Mode.json:
        emit({member: value for member, value in begin.items() if member not in ("records", "next")})
    elif wait:
        _show_run(begin)
    else:
        report_success(f"{name} is being harvested")
        remark(f"to see how it goes: hansa harvest list {word(name)}")
    return REFUSED if begin["state"] in ("failed", "refused") else DONE


def pause(name: _Name, node: Node = None) -> int:
    """Pause a source: no further runs begin. A run that has begun goes on to its end."""
    with connect(node) as client:
        source = client.harvests.pause(name)
    if Mode.json:
        emit(source)
    else:
        report_success(f"{name} is paused")
        remark(f"to go on: hansa harvest resume {word(name)}")
    return DONE


def resume(name: _Name, node: Node = None) -> int:
    """Begin a run of a paused source now, and go on by its schedule."""
    with connect(node) as client:
        source = client.harvests.resume(name)
    if Mode.json:
        emit(source)
    else:
        report_success(f"{name} is harvested every {source['every']} again")
    return DONE


def remove(name: _Name, node: Node = None) -> int:
    """Stop harvesting a source. Its records stay; its reports are deleted."""
    with connect(node) as client:
        client.harvests.remove(name)
    if Mode.json:
        emit({"name": name, "removed": True})
    else:
        report_success(f"{name} is no longer harvested", detail="its records stay in the catalogue")
    return DONE


def report(
    name: _Name,
    run_id: Annotated[
        str, typer.Option("--run", metavar="RUN", help="Which run, as in hansa harvest list NAME.")
    ] = "latest",
    outcome: Annotated[
        str, typer.Option(help="Only records that are new, changed, renamed, refused, withdrawn, or have faults.")
    ] = "",
    find: Annotated[str, typer.Option(help="Only records with these words in title, IRI or faults.")] = "",
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the report to this file, a line for each record.")
    ] = None,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Show the report of a run.

    It has the figures, and a line for each record that is not as it was.
    """
    if outcome and outcome not in OUTCOMES:
        raise InvalidInput(f"there is no outcome {outcome!r}", remedy=f"one of: {', '.join(OUTCOMES)}")
    with connect(node) as client:
        harvests = client.harvests
        facts = harvests.report(name, run_id, outcome=outcome, q=find, language=lang, limit=SHOWN)
        lines = harvests.lines(name, facts["run"], outcome=outcome, q=find, language=lang)
        if csv is not None:
            with sheet(csv) as write:
                for record in lines:
                    write(record)
        if Mode.json:
            facts["records"] = list(lines) if csv is None else []
            del facts["next"]
            emit(facts)
            return DONE
    _show_run(facts)
    if csv is not None:
        line("report", str(csv))
    else:
        _show_records(facts["records"], more=facts["next"] is not None)
    return DONE


def send(
    name: _Name,
    to: Annotated[
        list[str] | None, typer.Option(help="E-mail address of the publisher; repeat it for several.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Only make a link to the report.")] = False,
    of: Annotated[str, typer.Option("--run", help="Id of a run.")] = "latest",
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Send the report of a run to the publisher. Without --to: show whom the records name, and what was sent."""
    with connect(node) as client:
        if not to and not link:
            contacts, reports = client.harvests.contacts(name, of), client.harvests.sent_reports(name)
            _show_contacts(name, contacts, reports)
            return DONE
        answer = client.harvests.send_report(name, of, to=to or [], language=lang)
    if Mode.json:
        emit(answer)
        return DONE
    for address in answer["to"]:
        report_success("the report is sent", detail=address)
    line("link", answer["link"])
    return DONE


def _show_contacts(name: str, contacts: list[dict[str, Any]], reports: list[dict[str, Any]]) -> None:
    if Mode.json:
        emit({"contacts": contacts, "reports": reports})
        return
    if contacts:
        rows = [[item["address"], item["name"][:40], str(item["records"])] for item in contacts]
        table(rows, ["address", "name", "records"])
        suggest(f"hansa harvest send {word(name)} --to {word(contacts[0]['address'])}")
    else:
        say("The records of this source name no e-mail address.")
        suggest(f"hansa harvest send {word(name)} --link")
    if reports:
        rows = [[item["at"][:16], item["by"], ", ".join(item["to"]) or "link"] for item in reports]
        table(rows, ["sent", "by", "to"])


def values(
    source: Annotated[
        str | None, typer.Argument(metavar="SOURCE", help="A source of records, or the name of a harvest.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the table to this file, for hansa harvest map --csv.")
    ] = None,
    node: Node = None,
) -> int:
    """Show the values of a source that are on no code list.

    With what they mean here, as far as that was chosen by `hansa harvest map`.
    Without SOURCE, list the sources that have such values.
    """
    with connect(node) as client:
        if source is None:
            sizes = client.harvests.value_tables()
            if Mode.json:
                emit(sizes)
            elif sizes:
                lines = [[size["source"], str(size["values"]), str(size["open"])] for size in sizes]
                table(lines, ["source", "values", "without a code"])
                suggest("hansa harvest values SOURCE")
            else:
                say("No source has values that are on no code list.")
            return DONE
        answer = client.harvests.values(source)
    if csv is not None:
        write_values(csv, answer["values"])
    if Mode.json:
        emit(answer)
        return DONE
    _show_values(answer, csv)
    return DONE


def map_values(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of records, or the name of a harvest.")],
    field: Annotated[str, typer.Argument(metavar="FIELD", help="theme, license, access, frequency, language …")] = "",
    text: Annotated[str, typer.Argument(metavar="VALUE", help="The value as it came.")] = "",
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="What it means: a code, a label or an IRI. Empty: nothing any more.")
    ] = "",
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Take the choices from a file that hansa harvest values --csv wrote.")
    ] = None,
    node: Node = None,
) -> int:
    """Choose what values of a source mean.

    The next harvest with repairs applies it to all records.
    """
    if (csv is None) == (not field or not text):
        raise InvalidInput(
            "name one value, or a file", remedy="hansa harvest map SOURCE FIELD VALUE CODE, or --csv FILE"
        )
    choices = [(field, text, code)] if csv is None else read_choices(csv)
    with connect(node) as client:
        answer = client.harvests.choose(source, choices)
    if Mode.json:
        emit(answer)
        return DONE
    waiting = count_of(answer["open"], "value waits for a choice", "values wait for a choice")
    report_success(f"{count_of(len(choices), 'choice')} saved", detail=waiting)
    remark("the rule own-value applies them at the next harvest or import with --repair")
    return DONE


def _show_values(answer: Mapping[str, Any], file: Path | None) -> None:
    rows = [[row["field"], row["text"][:50], str(row["records"]), row["iri"]] for row in answer["values"]]
    report_success(answer["source"], detail=f"{answer['open']} of {len(rows)} values wait for a choice")
    if file is not None:
        line("table", str(file))
    elif rows:
        table(rows[:SHOWN], ["field", "value", "records", "means"])
        if len(rows) > SHOWN:
            say("… and more: --csv FILE or --json has all of them")
    if answer["open"] and file is None:
        row = answer["values"][0]
        suggest(f"hansa harvest map {word(answer['source'])} {word(row['field'])} {word(row['text'])} CODE")


def _show(source: Mapping[str, Any], *, all_runs: bool) -> None:
    say(f"{source['name']}  {source['url']}")
    every = f"every {source['every']}, in the name of {source['by']}"
    line("harvested", every + (f", rules: {', '.join(source['rules'])}" if source["rules"] else ""))
    runs = source["runs"] if all_runs else source["runs"][:1]
    for facts in runs:
        _show_run(facts)
        if all_runs:
            line("run", facts["run"])
    line("next run", "paused" if source["paused"] else "now" if source["running"] else _minute(source["next"]))


def _show_run(facts: Mapping[str, Any]) -> None:
    start = _minute(facts["started"] or facts["queued"])
    counts = counts_in_words(facts["counts"]) if facts["counts"] else ""
    again = f", went on after {count_of(facts['interrupted'], 'interruption')}" if facts["interrupted"] else ""
    match facts["state"]:
        case "queued":
            line("last run", f"{start}  waits to begin")
        case "running":
            line("last run", f"{start}  running{again}: {counts or 'reading'}")
        case "done":
            report_success(f"{start}  harvested{again}", detail=counts or "no records")
        case _:
            report_failure(f"{start}  {facts['state']}{again}: {facts['problem']['detail']}")
            if counts:
                line("until then", counts)
            if facts["problem"]["remedy"]:
                suggest(facts["problem"]["remedy"])
    if facts["counts"].get("missing"):
        complain(
            f"  {facts['counts']['missing']} records are no longer at the source, more than half: none was withdrawn"
        )


def _show_records(records: Iterable[Mapping[str, Any]], *, more: bool) -> None:
    rows = [
        [
            record["outcome"],
            (record["title"] or record["iri"])[:50],
            record["error"] or renamed_in_words(record) or _faults(record),
        ]
        for record in records
    ]
    if rows:
        table(rows, ["", "record", "faults"])
    if more:
        say("… and more: --csv FILE or --json has all of them")


def _faults(record: Mapping[str, Any]) -> str:
    return str(len(record["findings"])) if record["findings"] else ""


def _minute(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:16]} UTC"
