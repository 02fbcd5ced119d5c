"""run: a scenario bound to data and models, checked, run, watched, compared, published."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.cli.bindings import binding, differences, paired
from node.cli.options import Language, Node, connect
from node.cli.output import (
    Mode,
    done,
    emit,
    failed,
    line,
    mend,
    next_step,
    reasons,
    remark,
    save,
    say,
    size,
    table,
    words,
)

if TYPE_CHECKING:
    from node.client import HansaClient

DONE, REFUSED, WAITING = 0, 1, 4


class Branch(StrEnum):
    """Which half of a run."""

    BEFORE = "before"
    AFTER = "after"


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSON = "json"
    GEOJSON = "geojson"


_ENDED = ("successful", "failed", "dismissed")
SHA256_LENGTH = 64

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
    typer.Option("--layer", help="A change layer, or the end of its id. May be repeated; order counts."),
]
In = Annotated[list[str] | None, typer.Option("--in-place", help="A role whose data stay with their owner.")]
Pid = Annotated[str, typer.Argument(help="The run, as hansa run list shows it; its last characters are enough.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Run scenarios: your question, anybody's data and models.")
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
    node: Node = None,
) -> int:  # fmt: skip
    """Say what a run would be pinned to, and everything that is in its way."""
    with connect(node) as client:
        found = client.scenarios.check(binding(scenario, inputs, sets, whole_layers(client, layers), in_place))
    if Mode.json:
        emit(found)
    else:
        _findings(found["findings"])
        if found["fits"]:
            _pins(found["binding"])
            done("everything fits")
    return DONE if found["fits"] else REFUSED


def start(
    scenario: Scenario, inputs: Input = None, sets: Value = None, layers: Layer = None, in_place: In = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end.")] = True,
    node: Node = None, lang: Language = "en",
) -> int:  # fmt: skip
    """Run a scenario. Interrupting stops the watching, not the run."""
    with connect(node) as client:
        bound = binding(scenario, inputs, sets, whole_layers(client, layers), in_place)
        checked = client.scenarios.check(bound)
        if not checked["fits"]:
            if Mode.json:
                emit(checked)
            else:
                failed("this scenario cannot be run like this")
                _findings(checked["findings"])
            return REFUSED
        run = client.scenarios.start(bound)
        return _follow(client, run, lang, wait=wait)


def list_runs(
    scenario: Annotated[str | None, typer.Option(help="Only of this scenario.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Runs, newest first."""
    with connect(node) as client:
        found = client.scenarios.runs(scenario, limit)
    if Mode.json:
        emit(found)
        return
    if not found:
        say("Nothing has been run yet.")
        next_step("hansa run start scenario/NAME --input role=dataset/NAME")
        return
    table(
        [
            (short(one["pid"]), one["state"], f"{one['progress']} %", one["created"][:16], words(one["titles"], lang))
            for one in found
        ],
        ("run", "state", "", "started", "scenario"),
    )


def show(pid: Pid, node: Node = None, lang: Language = "en") -> None:
    """One run: what it is pinned to, how far it is, what it gave, with which caveats."""
    with connect(node) as client:
        run = client.scenarios.run(whole(client, pid))
    if Mode.json:
        emit(run)
        return
    _shown(run, lang)
    _pins(run["binding"])
    for one in run["log"]:
        line("log", told(one))


def watch(pid: Pid, node: Node = None, lang: Language = "en") -> int:
    """Watch a run until it ends."""
    with connect(node) as client:
        return _follow(client, client.scenarios.run(whole(client, pid)), lang, wait=True)


def cancel(pid: Pid, node: Node = None) -> None:
    """Stop a run, here and wherever its models run."""
    with connect(node) as client:
        run = client.scenarios.cancel(whole(client, pid))
    if Mode.json:
        emit(run)
        return
    done("stopped", detail=run["pid"])


def again(
    pid: Pid,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end.")] = True,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Run the same binding once more: the same versions, hence the same result."""
    with connect(node) as client:
        first = client.scenarios.run(whole(client, pid))
        return _follow(client, client.scenarios.again(first["pid"]), lang, wait=wait, before=first)


def output(
    pid: Pid,
    name: Annotated[str, typer.Argument(help="step.output, such as noise.levels.")],
    branch: Annotated[Branch, typer.Option(help="Without or with the change layers.")] = Branch.AFTER,
    form: Annotated[Format, typer.Option("--format", help="How rows are written.")] = Format.CSV,
    target: Annotated[Path | None, typer.Option("--output", "-o", help="Where to save; else it is printed.")] = None,
    node: Node = None,
) -> None:
    """What a step of a run gave."""
    with connect(node) as client:
        wanted = Format.JSON if Mode.json and target is None else form
        body = client.scenarios.output(whole(client, pid), branch, name, form=wanted)
    if target is None:
        typer.echo(body.decode(), nl=not body.endswith(b"\n"))
        return
    _saved(target, body)


def why(
    pid: Pid,
    name: Annotated[str, typer.Argument(help="step.output, such as noise.levels.")],
    row: Annotated[str, typer.Argument(help="The id of a row, such as gent-rec-007.")],
    node: Node = None,
) -> None:
    """Why a row of a result is what it is: the steps, versions, rows and agreements behind it."""
    with connect(node) as client:
        found = client.scenarios.why(whole(client, pid), name, row)
    if Mode.json:
        emit(found)
        return
    for one in found["steps"]:
        say(one["sentence"])
        for behind in one.get("inputs", ()):
            line("", behind["sentence"])


def compare(left: Pid, right: Pid, node: Node = None, lang: Language = "en") -> None:
    """Two runs side by side: indicators, and what differs in what they are bound to."""
    with connect(node) as client:
        one, other = (client.scenarios.run(whole(client, pid)) for pid in (left, right))
    differing = differences(one["binding"], other["binding"])
    if Mode.json:
        emit({"left": one, "right": other, "differs": differing})
        return
    table(
        [
            (name, figure(first), figure(second))
            for name, first, second in paired(one["indicators"], other["indicators"])
        ],
        ("indicator", short(one["pid"]), short(other["pid"])),
    )
    for place, (first, second) in differing.items():
        say(place)
        line(short(one["pid"]), first)
        line(short(other["pid"]), second)
    if not differing:
        same = one["result"] == other["result"]
        remark("bound to the same" + (", with the same result" if same else ", yet the result differs"))
    del lang


def crate(
    pid: Pid,
    target: Annotated[Path | None, typer.Option("--output", "-o", help="Where to save.")] = None,
    node: Node = None,
) -> None:
    """Save everything about a run as an RO-Crate: a zip that a stranger can open."""
    with connect(node) as client:
        body = client.scenarios.crate(whole(client, pid))
    path = target or Path(f"run-{short(pid)}.crate.zip")
    _saved(path, body)


def publish(
    pid: Pid,
    name: Annotated[str, typer.Option("--id", help="The name of the asset that it becomes.")],
    title: Annotated[str | None, typer.Option(help="Its title; else the scenario's.")] = None,
    conditions: Annotated[
        str | None, typer.Option(help="open, members, internal …; else the strictest that its inputs ask for.")
    ] = None,
    node: Node = None,
) -> None:
    """Publish the result of a run, with where it comes from. It is never freer than its inputs."""
    wanted = {"id": name, **({"title": title} if title else {}), **({"conditions": conditions} if conditions else {})}
    with connect(node) as client:
        found = client.scenarios.publish(whole(client, pid), wanted)
    if Mode.json:
        emit(found)
        return
    done(found["iri"], detail=f"version {found['version']}")
    for sentence in found.get("inherited", ()):
        line("conditions", sentence)


# ---- what is typed --------------------------------------------------------------------------------------------


def _saved(path: Path, body: bytes) -> None:
    save(path, body)
    if Mode.json:
        emit({"path": str(path), "size": len(body)})
        return
    done(str(path), detail=size(len(body)))


def whole(client: HansaClient, pid: str) -> str:
    """The pid that is meant: the whole of it, or its end. Raises ``InvalidInput`` where several end so, or none."""
    if pid.startswith("urn:"):
        return pid
    found = [one["pid"] for one in client.scenarios.runs(limit=500) if one["pid"].endswith(pid)]
    if not found:
        raise InvalidInput(f"there is no run {pid}", remedy="hansa run list shows those that there are")
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} runs end in {pid}", remedy="give more of it, as hansa run list shows it")
    return str(found[0])


def whole_layers(client: HansaClient, names: Sequence[str] | None) -> list[str]:
    """The change layers that are meant, by their ids or the ends of them. What fits none is left to the node to
    refuse. Raises ``InvalidInput`` where several end so."""
    return [whole_layer(client, name) for name in names or ()]


def whole_layer(client: HansaClient, name: str) -> str:
    """The layer that is meant: see ``whole_layers``."""
    if name.startswith("urn:") or len(name) == SHA256_LENGTH:
        return name
    known = [str(one["id"]) for one in client.scenarios.layers()]
    found = [name] if name in known else [one for one in known if one.endswith(name)]
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} change layers end in {name}", remedy="hansa layer list")
    return found[0] if found else name


def short(pid: str) -> str:
    """The end of a pid, or of the id of a layer: enough to tell them apart by eye. A name stays as it is."""
    return pid[-8:] if pid.startswith("urn:") else pid


def told(entry: str) -> str:
    """A line of a run's log, with the time of the day in place of the whole moment."""
    moment, _, text = entry.partition(" ")
    found = re.fullmatch(r"\d{4}-\d{2}-\d{2}T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z", moment)
    return f"{found[1]}  {text}" if found else entry


def after(last: str, log: Sequence[str]) -> Sequence[str]:
    """What a log says after ``last``; all of it, where that is not in it any more: a log is kept short."""
    return log[len(log) - list(reversed(log)).index(last) :] if last in log else log


# ---- what is shown --------------------------------------------------------------------------------------------


def _follow(
    client: HansaClient, run: dict[str, Any], lang: str, *, wait: bool, before: dict[str, Any] | None = None
) -> int:
    pid, shown = run["pid"], ""
    line("run", pid)
    while True:
        for one in after(shown, run["log"]):
            remark(f"  {told(one)}")
        shown = run["log"][-1] if run["log"] else ""
        if run["state"] in _ENDED or not wait:
            break
        run = client.scenarios.run(pid, wait=1.0)
    if Mode.json:
        emit(run)
    elif run["state"] in _ENDED:
        _shown(run, lang)
        if before is not None and before.get("result") and run.get("result"):
            same = before["result"] == run["result"]
            (done if same else failed)("the same result as before" if same else "the result differs from before")
    else:
        next_step(f"hansa run watch {short(pid)}")
    if run["state"] == "successful":
        return DONE
    return REFUSED if run["state"] in _ENDED else WAITING


def _shown(run: Mapping[str, Any], lang: str) -> None:
    say(words(run["titles"], lang))
    if run["state"] == "successful":
        done("done", detail=f"result {run['result'][:12]}…")
    elif run["state"] in ("failed", "dismissed"):
        error = run.get("error") or {}
        failed(error.get("detail") or run["state"])
        reasons((error.get("facts") or {}).get("reasons", ()), lang)
        if error.get("remedy"):
            mend(error["remedy"])
    else:
        line("state", f"{run['state']}, {run['progress']} %")
    if run["indicators"]:
        table(
            [
                (one["name"], figure(one["before"]), figure(one["after"]), _change(one), one["unit"] or "")
                for one in run["indicators"]
            ],
            ("indicator", "before", "after", "change", "unit"),
        )
    for caveat in run.get("caveats", ()):
        line("caveat", f"{caveat['step']}: {caveat['sentence']}", style="yellow")


def _findings(findings: Sequence[Mapping[str, Any]]) -> None:
    for number, one in enumerate(findings, 1):
        say(f"  {number}  {one['place']}: {one['sentence']}")
        if one.get("remedy"):
            say(f"     {one['remedy']}")


def _pins(bound: Mapping[str, Any]) -> None:
    for role, one in bound["inputs"].items():
        where = "stays with its owner" if one["inPlace"] else one["sha256"][:12] + "…"
        line(role, f"{one['dataset']} version {one['version']}")
        line("", f"{one['file']}, {where}")
    for name, one in bound["steps"].items():
        line(name, f"{one['uses']} version {one['version']}")
    for name, value in bound["parameters"].items():
        line(name, str(value))
    for layer in bound["layers"]:
        line("layer", layer[:12] + "…")


def figure(value: Any) -> str:
    """A number as people read it."""
    if value is None:
        return "–"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def _change(one: Mapping[str, Any]) -> str:
    if one["before"] is None:
        return ""
    return f"{one['after'] - one['before']:+,.6g}"
