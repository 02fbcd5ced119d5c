"""The README of a crate, for people who did not take part in the run."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from node.base.clock import stamp
from node.scenarios.model import Layer
from node.scenarios.run_model import Run


def readme(run: Run, layers: Sequence[Layer], name: str) -> str:
    """Return the README (Markdown): the question, the results, the inputs, and how to check them."""
    lines = [
        f"# {english(run.template.titles, run.template.iri)}",
        "",
        f"A run of a scenario, carried out by {name} on {stamp(run.updated)}. "
        f"Goal: {english(run.template.goal, '–')}",
        "",
        "## Result",
        "",
        *_indicators(run),
        "",
    ]
    caveats = [f"- {caveat.sentence}" for caveat in run.caveats]
    lines += ["Keep in mind:", "", *caveats, ""] if caveats else []
    lines += ["## What it was computed from", "", "| role | what | version | owner | agreement |", "|-|-|-|-|-|"]
    for data in run.binding.inputs:
        title = f"{english(data.titles, data.iri)}, {data.file}" + (" (visited, not copied)" if data.in_place else "")
        title += f", {data.window.count} observations of {data.period}, SHA-256 {data.sha256}" if data.window else ""
        owner = data.origin_name or data.origin
        lines.append(f"| {data.role} | {title} | {data.version_iri} | {owner} | {data.agreement or '–'} |")
    for step in run.binding.steps:
        title = f"{english(step.card.titles, step.iri)} ({step.kind})"
        owner = step.origin_name or step.origin
        lines.append(f"| {step.name} | {title} | {step.version_iri} | {owner} | {step.agreement or '–'} |")
    lines.append("")
    if run.binding.parameters:
        lines += ["Parameters: " + ", ".join(f"{key} = {value}" for key, value in run.binding.parameters.items()), ""]
    for layer in layers:
        changes = len(layer.operations)
        lines += [
            f"Change layer “{layer.title}” by {layer.author}: {changes} change{'s' if changes != 1 else ''}. "
            f"{layer.reason}".rstrip(),
            "",
        ]
    lines += [
        "## Files",
        "",
        "- `scenario.json`, `binding.json`, `run.json`: what was asked, with which versions, and how it went",
        "- `layers/`: the changes that were tried",
        "- `outputs/`: what each step gave, by branch (`before`: without changes, `after`: with them); CSV and "
        "GeoJSON to look at, JSON in canonical form (RFC 8785) to check",
        "- `indicators.csv`, `log.txt`",
        "- `ro-crate-metadata.json`: all of this for programs (RO-Crate 1.1, Workflow Run Crate 0.5)",
        "",
        "## How to check it",
        "",
        "The SHA-256 of each canonical JSON file is stated in `run.json`. The result hash",
        "",
        f"    {run.result}",
        "",
        'is the SHA-256 of the canonical JSON of `{"indicators": …, "outputs": {"branch.step.output": hash, …}}`. '
        "Whoever may read the inputs and run the models gets the same hash from the same binding "
        f"(`{run.binding.key}`). The input data are not in this bundle: their owners decide who may have them.",
        "",
    ]
    return "\n".join(lines)


def indicators_csv(run: Run) -> str:
    """Return the indicators as CSV: name, title, before, after, unit."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["indicator", "title", "before", "after", "unit"])
    titles = {indicator.name: english(indicator.titles, indicator.name) for indicator in run.template.indicators}
    for indicator in run.indicators:
        before = "" if indicator.before is None else indicator.before
        writer.writerow(
            [
                indicator.name,
                titles.get(indicator.name, indicator.name),
                before,
                indicator.after,
                indicator.unit or "",
            ]
        )
    return sheet.getvalue()


def english(texts: Mapping[str, str], otherwise: str) -> str:
    """Return a text in English, else in the first language that it has."""
    return texts.get("en") or next(iter(texts.values()), otherwise)


def _indicators(run: Run) -> list[str]:
    if not run.indicators:
        return ["The scenario has no indicators."]
    titles = {indicator.name: english(indicator.titles, indicator.name) for indicator in run.template.indicators}
    rows = ["| indicator | before | after | unit |", "|-|-|-|-|"]
    for indicator in run.indicators:
        before = "–" if indicator.before is None else f"{indicator.before:,.10g}"
        unit = (indicator.unit or "").replace("{", "").replace("}", "")
        rows.append(f"| {titles.get(indicator.name, indicator.name)} | {before} | {indicator.after:,.10g} | {unit} |")
    return rows
