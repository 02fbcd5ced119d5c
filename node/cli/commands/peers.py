"""members: the nodes that this node follows, and what to do about one that signed two histories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.plaintext import word
from node.cli.groups import Shorthand
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, line, next_step, remark, report_success, save, say, table

if TYPE_CHECKING:
    pass

group = typer.Typer(
    cls=Shorthand,
    help="Members: list, evidence; accept or leave one in quarantine. 'hansa members' lists.",
)

Which = Annotated[str, typer.Argument(help="Address, DID or name of a followed node.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="members")


@group.command("list")
def members(node: Node = None) -> None:
    """Show the nodes whose feeds this node follows, and their errors."""
    with connect(node) as client:
        members = client.members()
    if Mode.json:
        emit(members)
        return
    if not members:
        say("This node follows no other nodes yet.")
        remark("hansa follow https://data.city.example")
        return
    table(
        [[member["name"], member["did"], str(member.get("assets", "")), _state(member)] for member in members],
        ["member", "did", "assets", ""],
    )
    for member in members:
        if member["state"] == "quarantine":
            next_step(f"hansa members evidence {word(member['url'])}")


@group.command("evidence")
def evidence(
    which: Which,
    to: Annotated[Path | None, typer.Option("--to", help="Write everything into this file, as JSON.")] = None,
    node: Node = None,
) -> None:
    """Show the contradictory histories of a member. Also shows what it announced as lost in a restore."""
    with connect(node) as client:
        statements = client.follows.evidence(which)
    if to is not None:
        save(to, json.dumps(statements, indent=2, ensure_ascii=False).encode() + b"\n")
    if Mode.json:
        emit(statements)
        return
    say(f"{statements['name']}   {statements['did']}   {statements['state']}")
    for fork in statements["forks"]:
        _show_fork(fork)
    for restart in statements["restarts"]:
        say()
        line("restored", f"epoch {restart['epoch']} began with {restart['kept']} of {restart['had']} entries of its")
        line("", f"{restart['audience']} feed, as it said; noticed {restart['found'][:16]}")
    if not statements["forks"] and not statements["restarts"]:
        say("Every head of its feed continued the previous one.")
    if to is not None:
        report_success(f"written to {to}")
    if statements["state"] == "quarantine":
        remark("ask the operators of that node what happened; then accept its current history or stop following it:")
        next_step(f"hansa members accept {word(statements['url'])}")
        next_step(f"hansa members leave {word(statements['url'])}")


@group.command("accept")
def accept(which: Which, node: Node = None) -> None:
    """Accept the history that a member in quarantine shows now. Received records stay, and the ledger records the
    decision."""
    with connect(node) as client:
        member = client.follows.accept(which)
    if Mode.json:
        emit(member)
    report_success(f"accepted the history of {member['name']}", detail=member["did"])
    remark("its feed is read from the beginning; versions that differ from those received are put aside")


@group.command("leave")
def leave(which: Which, node: Node = None) -> None:
    """Stop following a member. Received records stay, and so does the evidence in the ledger."""
    with connect(node) as client:
        member = client.follows.leave(which)
    if Mode.json:
        emit(member)
    report_success(f"no longer following {member['name']}", detail=member["did"])


def _state(member: Mapping[str, Any]) -> str:
    if member["state"] == "quarantine":
        return f"in quarantine: {member.get('fork', '')}"
    trouble, restored = str(member.get("trouble") or ""), member.get("restored")
    if restored and not trouble:
        return f"restored, with {restored['kept']} of {restored['had']} entries kept; see hansa members evidence"
    unchecked = "its feed does not commit to its content yet: a rewritten history would not be noticed"
    return trouble or ("" if member.get("committed") in (True, None) else unchecked)


def _show_fork(fork: Mapping[str, Any]) -> None:
    say()
    line("found", f"{fork['found'][:16]}: {fork['text']}")
    line("feed", f"the one for {fork['audience']}")
    if fork["witness"]:
        line("seen by", fork["witness"])
    for label, jws in (("first head", fork["first"]), ("second head", fork["second"])):
        line(label, _claims(jws))
    if fork["proof"]:
        answered = "answered with a proof that is not valid" if fork["proof"]["answer"] else "gave none"
        line("proof", f"asked for {fork['proof']['url']}, it {answered} (status {fork['proof']['status']})")
    if fork.get("shownByHeads"):
        line("to check", "the two heads prove it to anybody")
    else:
        line("to check", "only this node says that the proof was missing; the heads alone do not prove it")
    decided = fork.get("decided")
    if decided:
        line("decided", f"{decided['what']} by {decided['by']}, {decided['at'][:16]}")


def _claims(jws: str) -> str:
    """Return the content of a head in one line. The node verified it when it came."""
    from node.identity.jose import read_jws

    claims = read_jws(jws).claims()
    at = str(claims.get("at", ""))[:16]
    return f"{claims.get('size')} entries, epoch {claims.get('epoch')}, root {claims.get('root')}, signed {at}"
