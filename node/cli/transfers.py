"""transfer: what runs under agreements; pushing, pausing, ending."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from node.base.errors import InvalidInput
from node.cli import processes
from node.cli.groups import Shorthand
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, bar, done, emit, failed, line, remark, say, size
from node.cli.processes import DONE, REFUSED

if TYPE_CHECKING:
    from node.client import HansaClient

ENDED = ("COMPLETED", "TERMINATED")
_NAMED = "{file}"

group = typer.Typer(
    cls=Shorthand,
    help=(
        "What runs under agreements: list, show, push, suspend, resume, complete, terminate. "
        "'hansa transfer ID' shows one; the end of an id will do."
    ),
)

_Id = Annotated[str, typer.Argument(help="Id of the transfer, or its end.", metavar="ID")]
_Reason = Annotated[str, typer.Option(help="Why: the other side reads it.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="transfer")


@group.command("list")
def list_transfers(
    state: Annotated[str | None, typer.Option(help="Only those in this state, such as started.")] = None,
    node: Node = None,
) -> None:
    """Show the transfers of this node, newest first."""
    with connect(node) as client:
        processes.listed(client.transfers(), "transfer", state)


@group.command("show")
def show(transfer: _Id, node: Node = None, lang: Language = "en") -> None:
    """Show how a transfer stands, what it waits for or why it ended, and every message."""
    with connect(node) as client:
        one = client.transfer_state(_pid(client, transfer))
    if Mode.json:
        emit(one)
        return
    say(one["pid"])
    processes.told(one, lang)
    line("way", _way(one))
    if one["file"]:
        line("file", one["file"])
    if one["reception"]:
        _reception(one["reception"])
    processes.timeline(one, lang)


def _way(one: dict[str, Any]) -> str:
    if one["pushedTo"]:
        return f"pushed to {one['pushedTo']}"
    return {"HttpData-PUSH": "pushed", "HttpData-PULL": "fetched"}.get(one["format"], str(one["format"]))


def _reception(got: dict[str, Any]) -> None:
    whole = f" of {size(got['expected'])}" if got["expected"] else ""
    line("bytes", f"{size(got['received'])}{whole}  {got['state']}{'  sealed' if got['sealed'] else ''}")
    if got["error"]:
        line("", got["error"])


@group.command("push")
def push(
    agreement: Annotated[str, typer.Argument(help="Id of the agreement.")],
    to: Annotated[str, typer.Option("--to", metavar="URL", help="Where; {file} in it stands for the file's name.")],
    header: Annotated[
        str | None,
        typer.Option(
            metavar="'NAME: VALUE'", help="The header that opens it; @FILE reads it from a file, out of sight."
        ),
    ] = None,
    put: Annotated[bool, typer.Option("--put", help="Send by PUT in place of POST.")] = False,
    file: Annotated[
        list[str] | None, typer.Option("--file", help="Which file, where the asset has several; may be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the provider has sent it all.")] = True,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Have the provider send the bytes of an agreement to an address that takes them by HTTP.

    They do not come by this node. With the header goes what opens the address: it is sent to the provider, and not
    kept here. Exit status 0 when all is sent, 1 when it was refused or given up.
    """
    opening = read_header(header)
    names: list[str | None] = list(file) if file else [None]
    if len(names) > 1 and _NAMED not in to:
        raise InvalidInput("several files would go to one address", remedy=f"put {_NAMED} into the address")
    if file is None and _NAMED in to:
        raise InvalidInput(f"{_NAMED} stands for a name, and none is said", remedy="say --file NAME")
    with connect(node) as client:
        begun = [begin_push(client, agreement, to, opening, file=name, put=put) for name in names]
        ended = [follow_push(client, pid) if wait else client.transfer_state(pid) for pid in begun]
    if Mode.json:
        emit(ended)
    for one, name in zip(ended, names, strict=True):
        tell_push(one, name, lang, wait=wait)
    return DONE if all(one["state"] == "COMPLETED" for one in ended) or not wait else REFUSED


def begin_push(
    client: HansaClient,
    agreement: str,
    to: str,
    opening: tuple[str, str] | None,
    *,
    file: str | None,
    put: bool = False,
) -> str:
    """Ask for a push; the id of the transfer."""
    target: dict[str, Any] = {
        "url": to.replace(_NAMED, quote(file or "", safe="")),
        "method": "PUT" if put else "POST",
    }
    if opening is not None:
        target |= {"header": opening[0], "value": opening[1]}
    return str(client.transfer(agreement, file=file, push_to=target)["pid"])


def follow_push(client: HansaClient, pid: str) -> dict[str, Any]:
    """Until it has ended. Interrupted, it goes on by itself."""
    remark(f"transfer {pid}")
    with bar("sending") as progress:
        while True:
            one = client.transfer_state(pid, wait=10)
            progress(0, 0)
            if one["state"] in ENDED:
                return one


def tell_push(one: dict[str, Any], name: str | None, lang: str, *, wait: bool = True) -> None:
    what = f"{name}: " if name else ""
    if one["state"] == "COMPLETED":
        done(f"{what}sent", detail=one["pushedTo"] or "to this node")
    elif one["state"] == "TERMINATED":
        failed(f"{what}not sent   {one['standing']['text']}")
        processes.told(one, lang)
    elif not wait:
        line("asked", one["pid"])
        remark(f"hansa transfer {one['pid']}")


def read_header(said: str | None) -> tuple[str, str] | None:
    """Name and value of a header as it is typed, or as the first line of a file. Raises ``InvalidInput``."""
    if said is None:
        return None
    if said.startswith("@"):
        try:
            said = Path(said[1:]).read_text("utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"{said[1:]} cannot be read: {error}", remedy="name a file with 'NAME: VALUE'"
            ) from None
    found = re.fullmatch(r"\s*([A-Za-z0-9-]+)\s*:\s*(\S.*?)\s*", said)
    if found is None:
        raise InvalidInput("a header is written 'NAME: VALUE'", remedy="--header 'Authorization: Bearer …'")
    return found.group(1), found.group(2)


def _pid(client: HansaClient, wanted: str) -> str:
    return processes.chosen(client.transfers(), wanted, "transfer")


def _steer(wanted: str, verb: str, word: str, reason: str, node: str | None) -> int:
    with connect(node) as client:
        pid = _pid(client, wanted)
        client.steer(pid, verb, reason=reason)
        return processes.carried_out(lambda wait: client.transfer_state(pid, wait=wait), word)


@group.command("suspend")
def suspend(transfer: _Id, reason: _Reason = "", node: Node = None) -> int:
    """Pause a transfer. Where this node provides, the access is closed at once."""
    return _steer(transfer, "suspend", "paused", reason, node)


@group.command("resume")
def resume(transfer: _Id, node: Node = None) -> int:
    """Let a paused transfer go on. What the provider has paused, only the provider lets go on."""
    return _steer(transfer, "resume", "it goes on", "", node)


@group.command("complete")
def complete(transfer: _Id, node: Node = None) -> int:
    """Tell the other side that all is done."""
    return _steer(transfer, "complete", "completed", "", node)


@group.command("terminate")
def terminate(transfer: _Id, reason: _Reason = "", node: Node = None) -> int:
    """End a transfer for good."""
    return _steer(transfer, "terminate", "ended", reason, node)
