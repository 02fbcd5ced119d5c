"""Show a run on the terminal until its end: its pinned inputs, its obstacles, and its results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.bindings import window_words
from node.cli.exits import DONE, REFUSED, WAITING
from node.cli.output import (
    Mode,
    emit,
    line,
    next_step,
    reasons,
    remark,
    report_failure,
    report_success,
    say,
    suggest,
    table,
    words,
)

if TYPE_CHECKING:
    from node.client import HansaClient

_ENDED = ("successful", "failed", "dismissed")


def short(pid: str) -> str:
    """Return the end of a pid or of the id of a layer, which is enough to tell them apart. A name is not changed."""
    return pid[-8:] if pid.startswith("urn:") else pid


def log_line(entry: str) -> str:
    """Return a line of a run's log, with the time of day in place of the whole moment."""
    moment, _, text = entry.partition(" ")
    found = re.fullmatch(r"\d{4}-\d{2}-\d{2}T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z", moment)
    return f"{found[1]}  {text}" if found else entry


def after(last: str, log: Sequence[str]) -> Sequence[str]:
    """Return the entries of a log after ``last``; all entries if ``last`` is not in it any more: a log is kept
    short."""
    return log[len(log) - list(reversed(log)).index(last) :] if last in log else log


def follow(
    client: HansaClient, run: dict[str, Any], lang: str, *, wait: bool, before: dict[str, Any] | None = None
) -> int:
    pid, status = run["pid"], ""
    line("run", pid)
    while True:
        for one in after(status, run["log"]):
            remark(f"  {log_line(one)}")
        status = run["log"][-1] if run["log"] else ""
        if run["state"] in _ENDED or not wait:
            break
        run = client.scenarios.run(pid, wait=1.0)
    if Mode.json:
        emit(run)
    elif run["state"] in _ENDED:
        outcome(run, lang)
        if before is not None and before.get("result") and run.get("result"):
            same = before["result"] == run["result"]
            (report_success if same else report_failure)(
                "the same result as before" if same else "the result differs from before"
            )
    else:
        next_step(f"hansa run watch {word(short(pid))}")
    if run["state"] == "successful":
        return DONE
    return REFUSED if run["state"] in _ENDED else WAITING


def outcome(run: Mapping[str, Any], lang: str) -> None:
    say(words(run["titles"], lang))
    if run["state"] == "successful":
        report_success("done", detail=f"result {run['result'][:12]}…")
    elif run["state"] in ("failed", "dismissed"):
        error = run.get("error") or {}
        report_failure(error.get("detail") or run["state"])
        reasons((error.get("facts") or {}).get("reasons", ()), lang)
        if error.get("remedy"):
            suggest(error["remedy"])
    else:
        line("state", f"{run['state']}, {run['progress']} %")
    if run["indicators"]:
        from node.scenarios.tables.units import words as unit_words

        table(
            [
                (
                    indicator["name"],
                    figure(indicator["before"]),
                    figure(indicator["after"]),
                    _change(indicator),
                    unit_words(indicator["unit"]),
                )
                for indicator in run["indicators"]
            ],
            ("indicator", "before", "after", "change", "unit"),
        )
    for caveat in run.get("caveats", ()):
        line("caveat", f"{caveat['step']}: {caveat['sentence']}", style="yellow")


def write_drafts(findings: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write each drafted transformation as a description (YAML) into ``folder``, and return the paths. Raises
    ``InvalidInput`` if one is there already, or cannot be written."""
    import yaml

    drafts = {finding["place"]: finding for finding in findings if finding.get("draft")}
    paths = []
    for place, finding in drafts.items():
        name = re.sub(r"[^a-z0-9]+", "-", f"fit-{place}".casefold()).strip("-")[:63]
        path = folder / f"{name}.yaml"
        fields = {
            "kind": "transformation",
            "id": name,
            "title": f"Rows that fit {place}",
            "description": f"Drafted by the check of a scenario: {finding['sentence']}.",
            "version": "1",
            "language": "column mapping",
            "definition": dict(finding["draft"]),
        }
        if path.exists():
            raise InvalidInput(f"{path} exists", remedy="name another folder with --drafts")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True), "utf-8")
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written: {error.strerror}", remedy="name another folder") from None
        paths.append(path)
    return paths


def obstacles(findings: Sequence[Mapping[str, Any]]) -> None:
    for number, finding in enumerate(findings, 1):
        say(f"  {number}  {finding['place']}: {finding['sentence']}")
        if finding.get("remedy"):
            say(f"     {finding['remedy']}")
        if finding.get("draft"):
            say("     a transformation that would fit, with language: column mapping and this definition:")
            say(f"     {json.dumps(finding['draft'], ensure_ascii=False)}")
            say("     hansa run check … --drafts FOLDER writes it as a description, for hansa publish")


def pins(bound: Mapping[str, Any]) -> None:
    for role, bound_input in bound["inputs"].items():
        where = "stays with its owner" if bound_input["inPlace"] else bound_input["sha256"][:12] + "…"
        line(role, f"{bound_input['dataset']} version {bound_input['version']}")
        line("", f"{bound_input['file']}, {where}")
        if "window" in bound_input:
            line("", window_words(bound_input["window"]))
    for name, one in bound["steps"].items():
        line(name, f"{one['uses']} version {one['version']}")
    for name, value in bound["parameters"].items():
        line(name, str(value))
    for layer in bound["layers"]:
        line("layer", layer[:12] + "…")


def figure(value: Any) -> str:
    """Return a number in a form for people."""
    if value is None:
        return "–"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def _change(indicator: Mapping[str, Any]) -> str:
    if indicator["before"] is None:
        return ""
    return f"{indicator['after'] - indicator['before']:+,.6g}"
