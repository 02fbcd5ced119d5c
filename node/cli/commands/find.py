"""find, show, diff, sparql: the catalogue, as the caller may see it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.cli.definitions import show_impact, show_imports
from node.cli.options import Language, Node, Region, connect
from node.cli.output import Mode, count_of, emit, exact, line, remark, say, size, table, words


def register(app: typer.Typer) -> None:
    app.command("find")(find)
    app.command("show")(show)
    app.command("diff")(diff)
    app.command("sparql")(sparql)


def find(
    terms: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORDS", help="Words to search for; without words, everything is listed."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="dataset, service, model, ontology, schema, transformation, scenario, rulebook."),
    ] = None,
    theme: Annotated[list[str] | None, typer.Option(help="EU data theme, such as TRAN.")] = None,
    publisher: Annotated[list[str] | None, typer.Option(help="DID of a publisher.")] = None,
    file_format: Annotated[
        list[str] | None, typer.Option("--format", help="EU file type, such as CSV or GEOJSON.")
    ] = None,
    licence: Annotated[
        list[str] | None, typer.Option("--license", help="Licence: a code such as CC0-1.0, or its IRI.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option("--origin", help="DID of the node that has the asset; here is this node.")
    ] = None,
    spatial: Annotated[
        list[str] | None, typer.Option("--spatial", help="Place that the data are about, such as Gent.")
    ] = None,
    year: Annotated[list[str] | None, typer.Option("--year", help="Year that the data are about.")] = None,
    quality: Annotated[
        list[str] | None,
        typer.Option("--quality", help="Quality: excellent, good, sufficient or bad."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Data about this time or later: 2024, 2024-05 or 2024-05-17.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Data about this time or earlier.")] = None,
    bbox: Annotated[str | None, typer.Option(help="Area: west,south,east,north in degrees.")] = None,
    near: Annotated[str | None, typer.Option(help="A place instead of an area, such as Ghent.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="Newest first instead of best match first.")] = False,
    sort: Annotated[
        str, typer.Option("--sort", help="best, newest, quality or published; best is by relevance.")
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Show all results, in the order of publication, oldest first.")
    ] = False,
    widen: Annotated[
        bool,
        typer.Option("--widen/--no-widen", help="Search also for other labels that ontologies have for the words."),
    ] = True,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Show at most this many.")] = 20,
    region: Region = False,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Search the catalogue of this node, or of its region. It lists the assets that you may see."""
    if every and (newest or sort):
        raise typer.BadParameter("--all cannot be combined with --newest or --sort")
    if newest and sort not in ("", "newest"):
        raise typer.BadParameter("--newest is --sort newest: leave one of both out")
    text = " ".join(terms or ())
    facets: dict[str, Any] = {
        "kind": kind,
        "theme": theme,
        "publisher": publisher,
        "format": file_format,
        "license": licence,
        "node": origin,
        "spatial": spatial,
        "year": year,
        "quality": quality,
        "since": since,
        "until": until,
        "bbox": bbox,
        "place": near,
        "lang": lang,
        "region": region,
        "widen": None if widen else False,
    }
    with connect(node) as client:
        if every:
            first = client.search(text, limit=1, **facets)
            hits = list(client.search_all(text, **facets))
            matches: dict[str, Any] = {"total": len(hits), "hits": hits}
            matches |= {name: first[name] for name in ("widened", "partial") if name in first}
        else:
            matches = client.search(text, limit=limit, sort="newest" if newest else sort, **facets)
    if Mode.json:
        emit(matches)
        return
    _show_widenings(matches.get("widened", []))
    if matches.get("partial"):
        remark("the search index is being filled, so results are missing: look again in a minute")
    if not matches["hits"]:
        say("No results." if text else "The catalogue is empty.")
        remark(
            "publish something: hansa publish FILE.yaml"
            if not text
            else "try fewer words, or list everything: hansa find"
        )
        return
    for hit in matches["hits"]:
        say(" ".join(hit["title"].split()))
        line(hit["kind"], f"{hit['publisherName']} · {str(hit['at'])[:10]} · {_access(hit)}")
        if hit.get("conditions"):
            line("conditions", hit["conditions"])
        _show_copies(hit)
        line("", hit["iri"], style="cyan")
    remark(
        count_of(matches["total"], "result")
        + (f", {len(matches['hits'])} shown" if matches["total"] > len(matches["hits"]) else "")
    )


def _show_widenings(widenings: list[dict[str, Any]]) -> None:
    for widening in widenings:
        labels = ", ".join(widening["labels"])
        remark(f"also searched for: {labels} (from the ontology {widening['ontology']['title']})")
    if widenings:
        remark("only your own words: --no-widen")


def _keeping(files: dict[str, Any] | None) -> str:
    """Return whether the files of a version are kept, in words."""
    if files is None:
        return ""
    day = str(files.get("at", ""))[:10]
    return {
        "current": "the newest",
        "always": "kept",
        "counted": f"kept, last {files.get('versions')} before the newest",
        "until": f"kept until {day}",
        "removed": f"removed on {day}",
    }[str(files["state"])]


def show(
    iri: Annotated[str, typer.Argument(help="Address of the asset; dataset/NAME is one of your node.")],
    version: Annotated[int | None, typer.Option(help="The version to show.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was at this time, such as 2026-11-20.")] = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show one asset: what it is, how you may use it, versions."""
    with connect(node) as client:
        record = client.record(iri, version=version, as_of=as_of, language=lang)
        versions = client.versions(iri)
        imports = client.imports(iri, version=record["version"])["imports"] if record["kind"] == "ontology" else []
    if Mode.json:
        emit({**record, "versions": versions, **({"imports": imports} if record["kind"] == "ontology" else {})})
        return
    say(" ".join(record["title"].split()))
    line("kind", f"{record['kind']}, version {record['version']} of {str(record['at'])[:10]}")
    line("publisher", str(record["publisherName"]))
    line("description", record["description"])
    line("licence", ", ".join(licence["label"] for licence in record["licences"]) or "none")
    line("conditions", record["conditions"]["summary"] or "description only, not offered here")
    _show_copies(record)
    for file in record.get("files", []):
        line("file", f"{file['name']}  {size(file['size'])}  sha256 {file['sha256'][:12]}…")
    show_imports(imports, lang)
    table(
        [
            [
                str(each["version"]),
                str(each["at"])[:19].replace("T", " "),
                str(each["sha256"])[:12] + "…" if each["sha256"] else "",
                "erased" if each.get("erased") else _keeping(each.get("files")),
            ]
            for each in versions
        ],
        ["version", "published", "hash", "files"],
    )


def _show_copies(asset: dict[str, Any]) -> None:
    for other in asset.get("alsoAt", []):
        line("also at", f"{other['name']}  {other['iri']}")


def diff(
    iri: Annotated[str, typer.Argument(help="Address of the asset; dataset/NAME is one of your node.")],
    before: Annotated[
        int | None, typer.Option("--from", min=1, help="The older version. By default the one before the newer.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--to", min=1, help="The newer version. By default the newest.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also show changes in parts of the description, such as files and offers.")
    ] = False,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show what differs between two versions. Compares description, files, conditions and audience."""
    with connect(node) as client:
        changes = client.changes(iri, before=before, after=after)
    if Mode.json:
        emit(changes)
        return
    older, newer = changes["from"], changes["to"]
    say(f"{words(newer['titles'], lang)}: version {older['version']} → {newer['version']}")
    if "renamed" in changes:
        line("renamed", f"from {changes['renamed']['from']} to {changes['renamed']['to']}")
    if "audience" in changes:
        line("audience", f"{changes['audience']['from']} → {changes['audience']['to']}")
    if "offer" in changes:
        line("conditions", "the conditions of use differ: --json shows both offers")
    for file in changes["files"]:
        sizes = " → ".join(f"{size} bytes" for size in (file["sizeBefore"], file["sizeAfter"]) if size is not None)
        line(f"file {file['what']}", f"{file['name']}  {sizes}")
    if "impact" in changes:
        show_impact(changes["impact"], lang)
    parts = [change for change in changes["statements"] if change["subject"] != changes["subject"]]
    for change in changes["statements"]:
        if change not in parts or every:
            _show_change(change, about=change["subject"] if change in parts else "")
    if parts and not every:
        remark(f"{count_of(len(parts), 'change')} in parts of the description: --all shows them")
    if not (changes["statements"] or changes["files"] or {"audience", "offer", "renamed"} & set(changes)):
        say("Nothing differs.")


def _show_change(change: dict[str, Any], *, about: str) -> None:
    say(change["name"] or "things without an address")
    if about:
        line("about", about)
    for value in change["removed"]:
        line("-", value, style="red")
    for value in change["added"]:
        line("+", value, style="green")


def sparql(
    query: Annotated[str, typer.Argument(help="The query, a file with it, or - for standard input.")],
    accept: Annotated[
        str, typer.Option("--accept", help="json, xml, csv, tsv, turtle or a media type; default: a table.")
    ] = "",
    as_of: Annotated[str | None, typer.Option("--as-of", help="Query the catalogue as it was at this time.")] = None,
    entailment: Annotated[
        str, typer.Option(help="rl: also find what follows from the statements, such as members of classes below.")
    ] = "",
    region: Region = False,
    node: Node = None,
) -> None:
    """Query the catalogue with SPARQL 1.1."""
    text = sys.stdin.read() if query == "-" else Path(query).read_text("utf-8") if _is_file(query) else query
    if region and entailment:
        raise InvalidInput("the region answers without entailment", remedy="leave --region or --entailment out")
    media = _MEDIA.get(accept, accept)
    with connect(node) as client:
        answer = client.sparql(
            text,
            accept=media or "application/sparql-results+json, text/turtle",
            as_of=as_of,
            region=region,
            entailment=entailment,
        )
    if answer.is_partial:
        remark("the node's SPARQL store is being filled, so results are missing: ask again in a minute")
    if media or Mode.json:
        exact(answer)
        return
    _print_results(answer)


_MEDIA = {
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "turtle": "text/turtle",
}


def _is_file(text: str) -> bool:
    return "\n" not in text and len(text) < 255 and Path(text).is_file()


def _print_results(answer: bytes) -> None:
    import json

    try:
        results: Any = json.loads(answer)
    except ValueError:
        exact(answer)
        return
    if "boolean" in results:
        say("yes" if results["boolean"] else "no")
        return
    heads = results["head"]["vars"]
    rows = [[row.get(head, {}).get("value", "") for head in heads] for row in results["results"]["bindings"]]
    if rows:
        table(rows, heads)
    remark(count_of(len(rows), "row"))


def _access(hit: dict[str, Any]) -> str:
    """Return in words who may use the asset of a result; its code if it is of a later version."""
    from node.texts.catalogue import Catalogue

    catalogue, key = Catalogue("catalogue"), f"access.{hit.get('access')}"
    return catalogue.say("en", key) if catalogue.knows(key) else str(hit.get("access") or "")
