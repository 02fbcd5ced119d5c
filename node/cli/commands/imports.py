"""import: the catalogue that a city has, brought into the node record by record."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from node.base.errors import InvalidInput, LocalFault
from node.base.plaintext import visible, word
from node.catalogue.harvest.endings import MEDIA_TYPES
from node.cli.exits import REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import (
    Mode,
    complain,
    count_of,
    counter,
    emit,
    line,
    remark,
    report_failure,
    report_success,
    say,
    suggest,
    table,
    words,
)

COLUMNS = (
    "number",
    "outcome",
    "title",
    "iri",
    "address",
    "version",
    "conforms",
    "points",
    "faults",
    "repairs",
    "why",
    "former",
    "note",
)
DESCRIPTOR = "datapackage.json"
"""The file that describes the folder of a Data Package."""
_COUNTED = ("new", "changed", "renamed", "unchanged", "refused", "withdrawn")
_AGAIN = "import it again: it continues where it stopped"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
SHOWN = 20
"""Lines of the report that a terminal shows of refused records."""

# Options of `hansa harvest add` too.
Audience = Annotated[
    str | None,
    typer.Option(help="Who may see the records: public, members, internal. New ones are public by default."),
]
Rules = Annotated[
    list[str] | None,
    typer.Option("--rule", help="Apply this repair rule, also a lossy one; may be repeated.", show_default=False),
]
Agreed = Annotated[
    bool, typer.Option("--agreed", help="The publisher agreed to be harvested, whatever robots.txt says.")
]
Fewer = Annotated[
    bool, typer.Option("--fewer", help="Withdraw what the source no longer has even if it is more than half.")
]


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(
    catalogue: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL",
            help="A catalogue file (.ttl, .jsonld, .rdf, .xml, .nt, .nq, .trig, .json, .geojson), the folder of a "
            "Data Package, or the web address of a file, of CKAN's API, such as https://data.example/api/3, of the "
            "items of OGC API Records, of a CSW server, or of OAI-PMH.",
        ),
    ],
    source: Annotated[
        str,
        typer.Option(
            help="Whose catalogue it is. Otherwise the IRI of the dcat:Catalog in the file, or the file's name.",
            show_default=False,
        ),
    ] = "",
    base: Annotated[
        str, typer.Option(help="Base address of relative addresses in the file.", show_default=False)
    ] = "",
    audience: Audience = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Apply all safe repair rules, and show what changed.")
    ] = False,
    rule: Rules = None,
    check: Annotated[bool, typer.Option("--check", help="Only report; save nothing.")] = False,
    agreed: Agreed = False,
    fewer: Fewer = False,
    report: Annotated[
        Path | None, typer.Option("--csv", help="Write the report to this file, a line for each record.")
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show every record, not only those with a problem.")
    ] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Import a catalogue from a file or an address. Each dataset, series and service becomes a harvested record.

    A record enters if it can be read, has an identity and a title. It is kept as it came, and its faults are
    reported; --repair corrects what the repair rules can. Interrupt and repeat as you like: a record that has not
    changed stays as it is. From a web address, only pages that changed are read again, and records that the
    source no longer has are withdrawn.
    """
    on_the_web = catalogue.startswith(("https://", "http://"))
    file = _file(Path(catalogue))
    name = catalogue if on_the_web else file.name
    media_type = "" if on_the_web else _media_type(file)
    rows: list[dict[str, Any]] = []
    repairs = _Repairs()
    first: dict[str, Any] = {}
    last: dict[str, Any] = {}
    with connect(node) as client, sheet(report) as write, counter(name[-40:]) as progress:
        rules = [*(["safe"] if repair else []), *(rule or [])]
        if on_the_web:
            lines = client.harvest(
                catalogue,
                source=source,
                audience=audience,
                rules=rules,
                check=check,
                agreed=agreed,
                fewer=fewer,
                language=lang,
            )
        else:
            lines = client.import_file(
                file,
                media_type=media_type,
                source=source,
                base=base,
                audience=audience,
                rules=rules,
                check=check,
                language=lang,
            )
        for event in lines:
            match event.pop("event"):
                case "opened":
                    first = event
                case "record":
                    write(event)
                    repairs.add(event["repairs"])
                    progress(event["number"], first["total"])
                    if Mode.json or show_all or event["outcome"] in ("refused", "renamed") or event["note"]:
                        rows.append(event)
                case "closed":
                    last = event
                case "failed":
                    counts = counts_in_words(event) or "nothing imported"
                    raise LocalFault(f"{event['detail']}; {counts} until then", remedy=_AGAIN)
    if not last:
        raise LocalFault("the node ended the import before its end", remedy=_AGAIN)
    first["total"] = sum(last[name] for name in ("new", "changed", "renamed", "unchanged", "refused"))
    if Mode.json:
        emit({**first, "records": rows, **last})
    else:
        _show(first, rows, last, name=name, check=check, show_all=show_all)
        repairs.show(last["repaired"])
        if report is not None:
            line("report", str(report))
    return REFUSED if last["refused"] == first["total"] and not last["withdrawn"] else 0


def _file(path: Path) -> Path:
    """Return the file to import: in the folder of a Data Package, its descriptor."""
    descriptor = path / DESCRIPTOR
    return descriptor if descriptor.is_file() else path


def _media_type(file: Path) -> str:
    if not file.is_file():
        raise InvalidInput(f"{file} is not a file", remedy="check its path and name")
    media_type = MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise InvalidInput(
            f"{file.name} does not have the extension of a catalogue file",
            remedy=f"supported: {', '.join(sorted(MEDIA_TYPES))}; for a data file: hansa publish {word(str(file))}",
        )
    return media_type


def _show(
    beginning: Mapping[str, Any],
    rows: list[dict[str, Any]],
    totals: Mapping[str, Any],
    *,
    name: str,
    check: bool,
    show_all: bool,
) -> None:
    for note in beginning["notes"]:
        remark(f"{name}: {note}")
    if show_all:
        table(
            [[row["outcome"], row["title"][:50], str(len(row["findings"])), row["address"]] for row in rows],
            ["", "title", "faults", "address"],
        )
    verb = "checked" if check else "imported"
    count = beginning["total"] - totals["refused"]
    result = f"{count} of {count_of(beginning['total'], 'record')} {verb}"
    if count:
        report_success(result, detail=counts_in_words(totals))
        line("source", _source(beginning))
        line("conform", f"{totals['conforming']} of {count} break no obligation of DCAT-AP")
    else:
        report_failure(f"{result}: all refused" if beginning["total"] else "there are no records in it")
    if totals["missing"]:
        report_failure(
            f"{totals['missing']} records are no longer at the source, more than half: none of them was withdrawn"
        )
        suggest("look at the source; if it is right, import again with --fewer")
    if beginning["leftOut"]:
        line("left out", _left_out(beginning["leftOut"]))
    for row in rows:
        if row["outcome"] == "renamed" or row["note"]:
            say(f"  {row['number']}  {row['title'] or row['iri']}: {renamed_in_words(row)}")
    refusals = [row for row in rows if row["outcome"] == "refused"]
    if refusals:
        if count:
            report_failure(f"{len(refusals)} record{'s' if len(refusals) != 1 else ''} refused")
        for row in refusals[:SHOWN]:
            complain(f"  {row['number']}  {row['title'] or row['iri'] or '(no title)'}: {row['error']}")
        if len(refusals) > SHOWN:
            say(f"  … and {len(refusals) - SHOWN} more: --csv FILE or --json has all of them")


def renamed_in_words(row: Mapping[str, Any]) -> str:
    """Under which IRI a record was known, or why it is not taken for that one."""
    return f"renamed from {row['former']}" if row["former"] else str(row["note"])


class _Repairs:
    """The changes of each rule: their number, and the first as an example."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, Mapping[str, Any]] = {}

    def add(self, repairs: Sequence[Mapping[str, Any]]) -> None:
        for repair in repairs:
            self._counts[repair["rule"]] += 1
            self._examples.setdefault(repair["rule"], repair)

    def show(self, records: int) -> None:
        if not records:
            return
        line("repaired", f"{count_of(records, 'record')}, {count_of(self._counts.total(), 'change')}")
        table(
            [
                [rule, str(count), *(_short(text) for text in before_and_after(self._examples[rule]))]
                for rule, count in self._counts.most_common()
            ],
            ["rule", "changes", "before", "after"],
        )


def before_and_after(repair: Mapping[str, Any]) -> tuple[str, str]:
    """The values before and after. Where they read alike, each with its form, which is what changed."""
    before, after = repair["before"], repair["after"]
    if before != after or "forms" not in repair:
        return before, after
    form_before, form_after = repair["forms"]
    return f"{_short(before, 30)} ({form_before})", f"{_short(after, 30)} ({form_after})"


def _short(text: str, length: int = 52) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _source(beginning: Mapping[str, Any]) -> str:
    title = words(beginning.get("title"), "en")
    return f"{title} ({beginning['source']})" if title and title != beginning["source"] else beginning["source"]


def counts_in_words(totals: Mapping[str, Any]) -> str:
    """The figures of a report, without zeros."""
    return ", ".join(f"{totals[name]} {name}" for name in _COUNTED if totals.get(name))


def _left_out(counts: Mapping[str, int]) -> str:
    """Return in words the parts of the file that belong to no record."""
    things = [
        f"{count} {name.rpartition('#')[2].rpartition('/')[2]}"
        for name, count in counts.items()
        if name not in ("statements", "onlyNamed")
    ]
    words = [f"{', '.join(things)} ({counts['statements']} statements)"] if things else []
    if counts.get("onlyNamed"):
        words.append(f"{counts['onlyNamed']} datasets that the catalogue only names")
    return "; ".join(words)


@contextmanager
def sheet(path: Path | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Writes a line of the report for each record; writes nothing without a path."""
    if path is None:
        yield lambda _record: None
        return
    try:
        file: IO[str] = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}", remedy="name a file in an existing folder"
        ) from None
    with file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)

        def write(record: Mapping[str, Any]) -> None:
            faults = "; ".join(f"{one['field']}: {one['message']}" for one in record["findings"])
            repairs = "; ".join(
                f"{repair['rule']}: {' → '.join(before_and_after(repair))}" for repair in record["repairs"]
            )
            members = {**record, "faults": faults, "repairs": repairs, "why": record["error"]}
            rows.writerow([_cell(members[name]) for name in COLUMNS])

        yield write


def _cell(value: Any) -> str:
    """A cell that a spreadsheet reads as text, whatever a title contains."""
    text = "" if value is None else " ".join(visible(str(value)).split())
    return f"'{text}" if text.startswith(_FORMULA) else text
