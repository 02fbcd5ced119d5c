"""What the verbs about negotiations and transfers have in common: finding one, its time line, how it stands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from node.base.errors import InvalidInput
from node.cli.output import Mode, done, emit, failed, line, reasons, remark, say

REFUSED = 1
DONE = 0
WAITING = 4
_PATIENCE = 8.0
"""Seconds in which the other side usually has answered."""
_FATES = {
    "taken": "taken",
    "void": "taken, but it had been taken back already and counts for nothing",
    "put-off": "not now",
    "refused": "refused",
}


def chosen(known: Sequence[dict[str, Any]], wanted: str, what: str) -> str:
    """The id that is meant: the whole, or so much of its end that no other fits. Raises ``InvalidInput``."""
    exact = [one["pid"] for one in known if one["pid"] in (wanted, f"urn:uuid:{wanted}")]
    ending = [one["pid"] for one in known if len(wanted) >= 4 and one["pid"].endswith(wanted)]
    found = exact or ending
    if len(found) == 1:
        return str(found[0])
    if found:
        raise InvalidInput(f"{len(found)} {what}s end in {wanted}", remedy="write more of the id")
    if wanted.startswith("urn:"):
        return wanted  # Older than those that the list has.
    raise InvalidInput(f"there is no {what} {wanted}", remedy=f"hansa {what} lists them")


def listed(found: list[dict[str, Any]], what: str, state: str | None) -> None:
    """The list, newest first."""
    shown = [one for one in found if state is None or one["state"] == state.upper()]
    if Mode.json:
        emit(shown)
        return
    if not shown:
        say(f"No {what}s{f' in {state.upper()}' if state else ''}.")
        return
    for one in shown:
        say(one["pid"].removeprefix("urn:uuid:"))
        going = "  (a message is on its way)" if one["pending"] else ""
        line(one["state"].lower(), f"{'from' if one['role'] == 'consumer' else 'to'} {one['peer']}{going}")
        line("", f"{one['dataset']}  {one['updated'][:16].replace('T', ' ')}")


def told(one: dict[str, Any], lang: str) -> None:
    """One process: who, what, how it stands and why, and every message with its fate."""
    line("state", one["state"].lower(), style="bold")
    line("", one["standing"]["text"])
    line("role", f"{one['role']}, with {one['peer']}")
    line("asset", one["dataset"])
    if one["agreementId"]:
        line("agreement", one["agreementId"])
    if one["code"] or one["reason"]:
        line("why", str(one["code"] or ""))
        _why(one["reason"], lang)


def timeline(one: dict[str, Any], lang: str) -> None:
    """The messages, oldest first."""
    for message in one["messages"]:
        way = "→" if message["direction"] == "out" else "←"
        fate = _FATES[message["fate"]] + (", after the end" if message["late"] else "")
        status = f" ({message['status']})" if message["status"] is not None else ""
        kind = message["message"].rpartition(":")[2]
        line(message["at"][11:19], f"{way} {kind}  {fate}{status}")
        if message["fate"] in ("refused", "put-off"):
            if message["code"]:
                line("", str(message["code"]))
            _why(message["reason"], lang)


def _why(said: Sequence[Any], lang: str) -> None:
    """Reasons of a process, whoever gave them: sentences, language maps, and rules that were not met."""
    for one in said:
        if not isinstance(one, dict):
            line("", str(one))
        elif "text" in one or "rule" in one:
            reasons([one], lang)
        elif isinstance(one.get("@value"), str):
            line("", one["@value"])
        elif isinstance(one.get("remedy"), str):
            line("to mend", one["remedy"])
        else:
            line("", json.dumps(one, ensure_ascii=False))


def carried_out(look: Callable[[float], dict[str, Any]], word: str, lang: str = "en") -> int:
    """A command was given: wait a moment for what the other side says to it, and tell that. Its exit status."""
    until = time.monotonic() + _PATIENCE
    one = look(1)
    while one["pending"] is not None and time.monotonic() < until:
        one = look(1)
        time.sleep(0.2)
    if Mode.json:
        emit(one)
    if one["pending"] is not None:
        remark(f"{one['pending']} is on its way; the other side has not answered yet")
        return WAITING
    ours = [message for message in one["messages"] if message["direction"] == "out"]
    if ours and ours[-1]["fate"] == "refused":
        failed(f"refused by {one['peer']}")
        _why(ours[-1]["reason"], lang)
        return REFUSED
    done(word, detail=f"now {one['state'].lower()}")
    return DONE
