"""story: a published result in words, or as a page in one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node.cli.options import Language, Node, connect
from node.cli.output import Mode, count_of, emit, line, remark, report_success, save, say, size, table, words
from node.cli.run_progress import figure

_ABSENT: Final = {
    "conditions": "no map: not everybody may use this result",
    "places-closed": "no map: the places are in data that not everybody may use",
    "no-places": "no map: these figures have no places",
    "too-large": "no map: it has too many features",
    "unknown": "no map: this result was edition without one",
}


def register(app: typer.Typer) -> None:
    app.command("story")(story)


def story(
    iri: Annotated[str, typer.Argument(help="Address of a published result; dataset/NAME is one of your node.")],
    version: Annotated[int | None, typer.Option(help="The version; by default the newest.")] = None,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the story as a page in one file, such as story.html, instead."),
    ] = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Tell the story of a published result. Shows the question, changes, figures, caveats and how it was made."""
    with connect(node) as client:
        edition = client.story(iri, version=version)
        body = client.story_file(edition["iri"], version=edition["version"], lang=lang) if target else b""
    if target is not None:
        save(target, body)
        if Mode.json:
            emit({"path": str(target), "size": len(body)})
        else:
            report_success(str(target), detail=size(len(body)))
        return
    if Mode.json:
        emit(edition)
        return
    _tell(edition, lang)


def _tell(edition: Mapping[str, Any], lang: str) -> None:
    facts, result = edition["story"], edition["result"]
    own = facts.get("words", {})
    say(words(edition["titles"], lang))
    if introduction := words(own.get("introduction"), lang):
        say(introduction)
    if not edition["recorded"]:
        remark("edition without a story: what is missing here is not known")
    line("question", words(facts.get("goal"), lang) or "not known here, or not public")
    line("where", ", ".join(result["places"]) or "the result names no place")
    _changes(facts, recorded=edition["recorded"])
    _figures(facts, lang)
    if facts.get("map"):
        line("map", edition.get("mapFile", ""))
    else:
        remark(_ABSENT.get(facts.get("mapAbsence", ""), _ABSENT["unknown"]))
    if caveat := words(own.get("caveat"), lang):
        line("caveat", caveat)
    for warning in facts.get("caveats", ()):
        line("warning", warning.get("sentence", ""))
    _making(facts, lang)
    line("licence", ", ".join(result["licences"]) or "none named")
    line("cite as", words(edition["citation"], lang))


def _changes(facts: Mapping[str, Any], *, recorded: bool) -> None:
    for layer in facts.get("layers", ()):
        reason = f": {layer['reason']}" if layer.get("reason") else ""
        line("changed", f"{layer.get('title', '')}{reason}")
        for edit in layer.get("edits", ()):
            column = (
                f" {edit['column']}: {figure(edit['before'])} → {figure(edit['after'])}" if edit["column"] else ""
            )
            line("", f"{edit['op']} {edit['id']}{column}")
    for parameter in facts.get("parameters", ()):
        line("changed", f"{parameter['name']}: {figure(parameter['default'])} → {figure(parameter['value'])}")
    if not facts.get("layers") and not facts.get("parameters"):
        line("changed", "nothing" if recorded else "not known")


def _figures(facts: Mapping[str, Any], lang: str) -> None:
    indicators = facts.get("indicators", ())
    if not indicators:
        remark("no figures: not everybody may use this result, or they are not known here")
        return
    rows = []
    for indicator in indicators:
        by = "" if indicator["before"] is None else f"{indicator['after'] - indicator['before']:+,.6g}"
        name = words(indicator.get("titles"), lang) or indicator["name"]
        rows.append((name, figure(indicator["before"]), figure(indicator["after"]), by, indicator.get("unit", "")))
    table(rows, ("indicator", "before", "after", "change", "unit"))


def _making(facts: Mapping[str, Any], lang: str) -> None:
    if facts.get("ended"):
        line("made", f"{facts['ended'][:10]} by {facts.get('node', '')}")
    assets = facts.get("assets", ())
    for asset in assets:
        if "iri" not in asset:
            continue
        name = words(asset.get("titles"), lang) or asset["iri"]
        line(asset.get("kind", ""), f"{name}, version {asset.get('version', '')}  {asset['iri']}")
        for note in asset.get("remarks", ()):
            line("", f"{note['subject']}: {words(note['texts'], lang)}")
    if hidden := sum("iri" not in asset for asset in assets):
        remark(f"and {count_of(hidden, 'asset')} not public")
