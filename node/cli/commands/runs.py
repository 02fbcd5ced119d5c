"""run: a scenario bound to data and models, checked, run, watched, compared, published."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from node.base.plaintext import word
from node.cli.bindings import binding, differences, pair_indicators, whole, whole_layers, with_windows
from node.cli.exits import DONE, REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import (
    Mode,
    emit,
    exact,
    line,
    next_step,
    remark,
    report_failure,
    report_success,
    save,
    say,
    size,
    table,
    words,
)
from node.cli.run_progress import figure, follow, log_line, obstacles, outcome, pins, short, write_drafts
from node.cli.yamls import read_description


class Branch(StrEnum):
    """The half of a run."""

    BEFORE = "before"
    AFTER = "after"


class Format(StrEnum):
    """Format of the rows."""

    CSV = "csv"
    JSON = "json"
    GEOJSON = "geojson"


Scenario = Annotated[
    str,
    typer.Argument(
        help="A binding (FILE.yaml), or ADDRESS[@version] of a scenario; scenario/NAME is one of your node."
    ),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input", "-i", help="role=ADDRESS[@version][#file]; ADDRESS may be dataset/NAME. May be repeated."
    ),
]
Value = Annotated[list[str] | None, typer.Option("--set", help="parameter=value. May be repeated.")]
Layer = Annotated[
    list[str] | None,
    typer.Option("--layer", help="A change layer, or the end of its id. May be repeated; the order counts."),
]
In = Annotated[list[str] | None, typer.Option("--in-place", help="A role whose data stays with its owner.")]
Windows = Annotated[
    list[str] | None,
    typer.Option(
        "--window",
        help="The observations of a stream that an input uses: role=10m (the last ten minutes), or role=FROM/TO. "
        "May be repeated.",
    ),
]
Pid = Annotated[str, typer.Argument(help="Id of the run, as in hansa run list; its last characters are enough.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Scenarios: check, start, watch, compare and publish runs.")
    for name, verb in (
        ("check", check),
        ("start", start),
        ("list", list_runs),
        ("show", show),
        ("watch", watch),
        ("cancel", cancel),
        ("again", again),
        ("output", output),
        ("why", why),
        ("compare", compare),
        ("crate", crate),
        ("publish", publish),
    ):
        group.command(name)(verb)
    app.add_typer(group, name="run")


def check(
    scenario: Scenario, inputs: Input = None, sets: Value = None, layers: Layer = None, in_place: In = None,
    windows: Windows = None,
    drafts: Annotated[
        Path | None, typer.Option(help="Write transformations that are missing and could be drafted to this folder.")
    ] = None,
    node: Node = None,
) -> int:  # fmt: skip
    """Check a binding. Shows the versions that a run would use, and every error."""
    with connect(node) as client:
        wanted = binding(scenario, inputs, sets, whole_layers(client, layers), in_place, windows)
        verdict = client.scenarios.check(wanted)
    paths = write_drafts(verdict["findings"], drafts) if drafts is not None else []
    if Mode.json:
        emit(verdict)
    else:
        obstacles(verdict["findings"])
        if verdict["fits"]:
            pins(verdict["binding"])
            report_success("everything fits")
        for path in paths:
            report_success(f"{path} written", detail="a draft of the transformation: correct it, then publish it")
            next_step(f"hansa publish {word(path)}")
    return DONE if verdict["fits"] else REFUSED


def start(
    scenario: Scenario, inputs: Input = None, sets: Value = None, layers: Layer = None, in_place: In = None,
    windows: Windows = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end.")] = True,
    key: Annotated[str, typer.Option(help="Start it once: the same key again means the same run.")] = "",
    node: Node = None, lang: Language = "en",
) -> int:  # fmt: skip
    """Run a scenario. Interrupting stops the watching, not the run."""
    with connect(node) as client:
        bound = binding(scenario, inputs, sets, whole_layers(client, layers), in_place, windows)
        report = client.scenarios.check(bound)
        if not report["fits"]:
            if Mode.json:
                emit(report)
            else:
                report_failure("this scenario cannot be run with this binding")
                obstacles(report["findings"])
            return REFUSED
        run = client.scenarios.start(with_windows(bound, report["binding"]), key=key)
        return follow(client, run, lang, wait=wait)


def list_runs(
    scenario: Annotated[str | None, typer.Option(help="Only of this scenario.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Runs, newest first."""
    with connect(node) as client:
        runs = client.scenarios.runs(scenario, limit)
    if Mode.json:
        emit(runs)
        return
    if not runs:
        say("No runs yet.")
        next_step("hansa run start scenario/NAME --input role=dataset/NAME")
        return
    table(
        [
            (short(one["pid"]), one["state"], f"{one['progress']} %", one["created"][:16], words(one["titles"], lang))
            for one in runs
        ],
        ("run", "state", "", "started", "scenario"),
    )


def show(pid: Pid, node: Node = None, lang: Language = "en") -> None:
    """Show a run: versions, progress, results and caveats."""
    with connect(node) as client:
        run = client.scenarios.run(whole(client, pid))
    if Mode.json:
        emit(run)
        return
    outcome(run, lang)
    pins(run["binding"])
    for one in run["log"]:
        line("log", log_line(one))


def watch(pid: Pid, node: Node = None, lang: Language = "en") -> int:
    """Watch a run until it ends."""
    with connect(node) as client:
        return follow(client, client.scenarios.run(whole(client, pid)), lang, wait=True)


def cancel(pid: Pid, node: Node = None) -> None:
    """Stop a run, here and wherever its models run."""
    with connect(node) as client:
        run = client.scenarios.cancel(whole(client, pid))
    if Mode.json:
        emit(run)
        return
    report_success("stopped", detail=run["pid"])


def again(
    pid: Pid,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end.")] = True,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Run the same binding again. The same versions give the same result."""
    with connect(node) as client:
        first = client.scenarios.run(whole(client, pid))
        return follow(client, client.scenarios.again(first["pid"]), lang, wait=wait, before=first)


def output(
    pid: Pid,
    name: Annotated[str, typer.Argument(help="step.output, such as noise.levels.")],
    branch: Annotated[Branch, typer.Option(help="Before or after the change layers.")] = Branch.AFTER,
    form: Annotated[Format, typer.Option("--format", help="Format of the rows.")] = Format.CSV,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to save; by default it is printed.")
    ] = None,
    node: Node = None,
) -> None:
    """Show an output of a step of a run."""
    with connect(node) as client:
        wanted = Format.JSON if Mode.json and target is None else form
        body = client.scenarios.output(whole(client, pid), branch, name, form=wanted)
    if target is None:
        exact(body if body.endswith(b"\n") else body + b"\n")
        return
    _save(target, body)


def why(
    pid: Pid,
    name: Annotated[str, typer.Argument(help="step.output, such as noise.levels.")],
    row: Annotated[str, typer.Argument(help="The id of a row, such as gent-rec-007.")],
    node: Node = None,
) -> None:
    """Explain a row of a result. Shows the steps, versions, rows and agreements behind it."""
    with connect(node) as client:
        explanation = client.scenarios.why(whole(client, pid), name, row)
    if Mode.json:
        emit(explanation)
        return
    for step in explanation["steps"]:
        say(step["sentence"])
        for behind in step.get("inputs", ()):
            line("", behind["sentence"])


def compare(left: Pid, right: Pid, node: Node = None, lang: Language = "en") -> None:
    """Compare two runs: indicators, and differing bindings."""
    with connect(node) as client:
        first_run, other = (client.scenarios.run(whole(client, pid)) for pid in (left, right))
    differing = differences(first_run["binding"], other["binding"])
    if Mode.json:
        emit({"left": first_run, "right": other, "differs": differing})
        return
    table(
        [
            (name, figure(first), figure(second))
            for name, first, second in pair_indicators(first_run["indicators"], other["indicators"])
        ],
        ("indicator", short(first_run["pid"]), short(other["pid"])),
    )
    for place, (first, second) in differing.items():
        say(place)
        line(short(first_run["pid"]), first)
        line(short(other["pid"]), second)
    if not differing:
        same = first_run["result"] == other["result"]
        remark("with the same binding" + (", with the same result" if same else ", but the result differs"))
    del lang


def crate(
    pid: Pid,
    target: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")] = None,
    node: Node = None,
) -> None:
    """Save everything about a run as an RO-Crate. This is a zip file that can be read without a node."""
    with connect(node) as client:
        body = client.scenarios.crate(whole(client, pid))
    path = target or Path(f"run-{short(pid)}.crate.zip")
    _save(path, body)


def publish(
    pid: Pid,
    name: Annotated[str, typer.Option("--id", help="The name of the new asset.")],
    title: Annotated[str | None, typer.Option(help="Its title; by default the scenario's.")] = None,
    conditions: Annotated[
        str | None, typer.Option(help="open, members, internal …; by default the strictest that its inputs require.")
    ] = None,
    story: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.yaml",
            help="Your words for the story of the result: title, introduction, caveat, each by language; and figure.",
        ),
    ] = None,
    node: Node = None,
) -> None:
    """Publish the result of a run with its lineage and its story. Its conditions are never more open than those of
    its inputs."""
    request: dict[str, Any] = {"id": name}
    if title:
        request["title"] = title
    if conditions:
        request["conditions"] = conditions
    if story is not None:
        request["story"], _ = read_description(story)
    with connect(node) as client:
        publication = client.scenarios.publish(whole(client, pid), request)
    if Mode.json:
        emit(publication)
        return
    report_success(publication["iri"], detail=f"version {publication['version']}")
    for sentence in publication.get("inherited", ()):
        line("conditions", sentence)


def _save(path: Path, body: bytes) -> None:
    save(path, body)
    if Mode.json:
        emit({"path": str(path), "size": len(body)})
        return
    report_success(str(path), detail=size(len(body)))
