"""The common parts of the commands for negotiations and transfers: search, time line, steering."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.exits import DONE, REFUSED, WAITING
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, next_step, reasons, remark, report_failure, report_success, say

if TYPE_CHECKING:
    from node.client import HansaClient

_PATIENCE = 8.0
"""Seconds in which the other side usually has answered."""
_BUSY = ("our-fetch", "their-push")
"""The causes of a wait while bytes are coming: the bar has no text."""
_FATES = {
    "taken": "received",
    "void": "received, but it had already been withdrawn and does not count",
    "put-off": "not now",
    "refused": "refused",
}

STUCK = "delivery"
"""The causes of a wait after a failed delivery of a message or bytes: ``process_status.Waits``."""

Id = Annotated[str, typer.Argument(help="Its id, or the end of it.", metavar="ID")]
State = Annotated[str | None, typer.Option(help="Only those in this state, such as offered or started.")]
Reason = Annotated[str, typer.Option(help="The reason. The other side can read it.")]


@dataclass(frozen=True, slots=True)
class ProcessViews:
    """A kind of process: its name, how all (of a state) and one (after some seconds) are read from a node, what there
    is to show of one beside what every process has, and what a person would type now, if anything."""

    what: str
    every: Callable[[HansaClient, str | None], list[dict[str, Any]]]
    read: Callable[[HansaClient, str, float], dict[str, Any]]
    more: Callable[[dict[str, Any], str], None]
    now: Callable[[dict[str, Any]], str | None] = lambda _: None

    def pid(self, client: HansaClient, name: str) -> str:
        """The id that is meant. Raises ``InvalidInput``."""
        return name if name.startswith("urn:") else choose(self.every(client, None), name, self.what)


def add_views(group: typer.Typer, kind: ProcessViews) -> None:
    """The verbs ``list`` and ``show``."""

    def every(state: State = None, node: Node = None) -> None:
        with connect(node) as client:
            list_processes(kind.every(client, state.upper() if state else None), kind.what, state)

    def show(process: Id, node: Node = None, lang: Language = "en") -> None:
        with connect(node) as client:
            details = kind.read(client, kind.pid(client, process), 0)
        if Mode.json:
            emit(details)
            return
        say(details["pid"])
        show_status(details, lang)
        kind.more(details, lang)
        timeline(details, lang)
        command = kind.now(details)
        if command is not None:
            next_step(command)

    group.command("list", help=f"Show the newest {kind.what}s of this node.")(every)
    stands = "Show the status of a {}, and every message. The status says what it waits for, or why it ended."
    group.command("show", help=stands.format(kind.what))(show)


def steer(
    kind: ProcessViews,
    name: str,
    node: str | None,
    give: Callable[[HansaClient, str], dict[str, Any]],
    word: str,
    lang: str,
    *,
    aim: str | None = None,
    then: Callable[[HansaClient, str, str], None] | None = None,
) -> int:
    """Send a command about one process, and print the result; its exit status. ``word`` says that it was carried
    out; ``aim`` is the state in which a command wants to end the process; ``then`` says what comes next."""
    with connect(node) as client:
        pid = kind.pid(client, name)
        status = perform(lambda wait: kind.read(client, pid, wait), give(client, pid), word, lang, aim=aim)
        if status == DONE and then is not None and not Mode.json:
            then(client, pid, lang)
    return status


def choose(processes: Sequence[dict[str, Any]], name: str, what: str) -> str:
    """The id that is meant: the whole, or so much of its end that no other fits. Raises ``InvalidInput``."""
    exact = [one["pid"] for one in processes if one["pid"] in (name, f"urn:uuid:{name}")]
    ending = [one["pid"] for one in processes if len(name) >= 4 and one["pid"].endswith(name)]
    matches = exact or ending
    if len(matches) == 1:
        return str(matches[0])
    if matches:
        raise InvalidInput(f"{len(matches)} {what}s end in {name}", remedy="write more of the id")
    raise InvalidInput(
        f"there is no {what} {name} among the newest",
        remedy=f"hansa {word(what)} shows the newest; for an older one, give the whole id",
    )


def list_processes(processes: list[dict[str, Any]], what: str, state: str | None) -> None:
    """The list, newest first."""
    if Mode.json:
        emit(processes)
        return
    if not processes:
        say(f"No {what}s{f' in {state.upper()}' if state else ''}.")
        return
    for process in processes:
        say(process["pid"].removeprefix("urn:uuid:"))
        going = "  (a message has not been answered yet)" if process["pending"] else ""
        line(
            process["state"].lower(), f"{'from' if process['role'] == 'consumer' else 'to'} {process['peer']}{going}"
        )
        line("", f"{process['dataset']}  {process['updated'][:16].replace('T', ' ')}")


def show_status(process: dict[str, Any], lang: str) -> None:
    """One process: who, what, how it stands and why."""
    line("state", process["state"].lower(), style="bold")
    line("", process["status"]["text"])
    line("role", f"{process['role']}, with {process['peer']}")
    line("asset", process["dataset"])
    if process["agreementId"]:
        line("agreement", process["agreementId"])
    tell_code(process, lang)


def beside(decision: dict[str, Any]) -> None:
    """Print what the offer that a person is asked about says beside its terms: accepting it means that too."""
    for said in (decision["details"] or {}).get("beside") or []:
        line("also says", f"{said['name']}: {said['value']}", style="yellow")


def timeline(process: dict[str, Any], lang: str) -> None:
    """The messages, oldest first."""
    for message in process["messages"]:
        way = "→" if message["direction"] == "out" else "←"
        fate = _FATES[message["fate"]] + (", after the end" if message["late"] else "")
        status = f" ({message['status']})" if message["status"] is not None else ""
        kind = message["message"].rpartition(":")[2]
        line(message["at"][11:19], f"{way} {kind}  {fate}{status}")
        if message["fate"] in ("refused", "put-off"):
            if message["code"]:
                line("", str(message["code"]))
            tell_why(message["reason"], lang)


def tell_code(process: dict[str, Any], lang: str) -> None:
    """Print why a process was paused or ended, or is about to be: the code of that message, and its reasons."""
    if process["code"] or process["reason"]:
        line("why", str(process["code"] or ""))
        tell_why(process["reason"], lang)


def tell_why(causes: Sequence[Any], lang: str) -> None:
    """The reasons of a process, from either side: sentences, language maps, and rules that were not met."""
    for reason in causes:
        if not isinstance(reason, dict):
            line("", str(reason))
        elif "text" in reason or "rule" in reason:
            reasons([reason], lang)
        elif isinstance(reason.get("@value"), str):
            line("", reason["@value"])
        elif isinstance(reason.get("remedy"), str):
            line("to fix", reason["remedy"])
        else:
            line("", json.dumps(reason, ensure_ascii=False))


def perform(
    look: Callable[[float], dict[str, Any]], answer: dict[str, Any], word: str, lang: str, *, aim: str | None = None
) -> int:
    """A command was given, and ``answer`` is what the node answered to it: wait a moment for what the other side
    says, and tell that. Its exit status, which depends only on the message that the command sent."""
    ours = answer["pendingId"]
    until = time.monotonic() + _PATIENCE
    process = look(0)
    while ours is not None and process["pendingId"] == ours and time.monotonic() < until:
        process = look(0.5)
    if Mode.json:
        emit(process)
    if ours is not None and process["pendingId"] == ours:
        remark(f"{process['pending']}: {process['status']['text']}")
        return WAITING
    answers = [
        message
        for message in process["messages"]
        if message["direction"] == "out" and message["id"] == ours and message["fate"] != "put-off"
    ]
    fate = answers[-1]["fate"] if answers else None
    if aim is not None and process["state"] == aim:
        # The process has ended, as requested: that the other side refused, or ended it first, is no failure.
        report_success(
            word,
            detail=process["status"]["text"] if fate != "refused" else "on this side: the other side refused it",
        )
        return DONE
    if fate == "refused":
        report_failure(f"refused by {process['peer']}")
        tell_why(answers[-1]["reason"], lang)
        return REFUSED
    if ours is not None and fate != "taken":
        report_failure(f"not {word}: a message of {process['peer']} came first")
    elif process["state"] == "TERMINATED":
        report_failure(f"{word}, but the other side then took another step")
    else:
        report_success(word, detail=f"now {process['state'].lower()}")
        return DONE
    line("state", f"{process['state'].lower()}: {process['status']['text']}")
    tell_code(process, lang)
    return REFUSED


class Watch:
    """Says what a process waits for, where it has stood still for a while, and once: those who wait know why."""

    def __init__(self) -> None:
        self._seen = self._shown = ""

    def __call__(self, process: dict[str, Any]) -> str | None:
        """Show the present state, and what the process waits for."""
        text, waits = process["status"]["text"], process["status"]["waitsFor"]
        if waits not in _BUSY and text == self._seen != self._shown:
            remark(text)
            self._shown = text
        self._seen = text
        return None if waits is None else str(waits)
