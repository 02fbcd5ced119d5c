"""transfer: what runs under agreements; pushing, pausing, ending."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.commands import processes
from node.cli.commands.processes import STUCK, Id, ProcessViews, Reason, Watch
from node.cli.exits import DONE, REFUSED
from node.cli.groups import Shorthand
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, bar, emit, line, remark, report_failure, report_success, size

if TYPE_CHECKING:
    from node.client import HansaClient
    from node.semantics.conversions import Wish

ENDED = ("COMPLETED", "TERMINATED")
_NAMED = "{file}"

group = typer.Typer(
    cls=Shorthand,
    help=(
        "Transfers: list, show, push, suspend, resume, terminate. "
        "'hansa transfer ID' shows one; the end of an id is enough."
    ),
)


def _more(transfer: dict[str, Any], lang: str) -> None:
    del lang  # Nothing here is in words of ours.
    line("way", _way(transfer))
    if transfer["file"]:
        line("file", transfer["file"])
    if transfer["version"]:
        line("version", transfer["version"])
    if transfer["convertedTo"]:
        line("converted to", transfer["convertedTo"])
    if transfer["reception"]:
        _reception(transfer["reception"])


def _way(transfer: dict[str, Any]) -> str:
    if transfer["pushedTo"]:
        return f"pushed to {transfer['pushedTo']}"
    return {"HttpData-PUSH": "pushed", "HttpData-PULL": "fetched"}.get(transfer["format"], str(transfer["format"]))


def _reception(reception: dict[str, Any]) -> None:
    whole = f" of {size(reception['expected'])}" if reception["expected"] else ""
    line(
        "bytes",
        f"{size(reception['received'])}{whole}  {reception['state']}{'  sealed' if reception['sealed'] else ''}",
    )
    if reception["error"]:
        line("", reception["error"])


TRANSFER = ProcessViews(
    "transfer",
    every=lambda client, state: client.transfers(state=state),
    read=lambda client, pid, wait: client.transfer_state(pid, wait=wait),
    more=_more,
)


def register(app: typer.Typer) -> None:
    processes.add_views(group, TRANSFER)
    for verb in (push, suspend, resume, complete, terminate):
        group.command(verb.__name__)(verb)
    app.add_typer(group, name="transfer")


def push(
    agreement: Annotated[str, typer.Argument(help="Id of the agreement.")],
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="Target address; {file} in it is replaced by the file's name.")
    ],
    header: Annotated[
        str | None,
        typer.Option(metavar="'NAME: VALUE'", help="The header that gives access to it; @FILE reads it from a file."),
    ] = None,
    put: Annotated[bool, typer.Option("--put", help="Send by PUT instead of POST.")] = False,
    file: Annotated[
        list[str] | None, typer.Option("--file", help="Which file, if the asset has several; may be repeated.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the provider has sent everything.")
    ] = True,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Have the provider send data to an HTTP address.

    The data does not pass through this node. The header gives access to the address. It is sent to the provider, and
    not kept here. The exit status is 0 if everything was sent, and 1 if it was refused or given up.
    """
    names: list[str | None] = list(file) if file else [None]
    target = Target(to, read_header(header), put=put).check(*names)
    with connect(node) as client:
        begun = [target.begin(client, agreement, name) for name in names]
        states = [follow_push(client, pid) if wait else client.transfer_state(pid) for pid in begun]
    if Mode.json:
        emit(states)
    for one, name in zip(states, names, strict=True):
        tell_push(one, name, lang, wait=wait)
    return DONE if all(one["state"] == "COMPLETED" for one in states) or not wait else REFUSED


@dataclass(frozen=True, slots=True)
class Target:
    """The address to which a provider sends bytes, with ``{file}`` for the name, and its credentials."""

    url: str
    opening: tuple[str, str] | None
    put: bool = False

    def check(self, *names: str | None) -> Target:
        """Itself, for these files (None: the only one of the asset). Raises ``InvalidInput`` where they would go to
        one address, or to one that has no name in it."""
        if len(names) > 1 and _NAMED not in self.url:
            raise InvalidInput("several files would be sent to one address", remedy=f"put {_NAMED} into the address")
        if None in names and _NAMED in self.url:
            raise InvalidInput(f"{_NAMED} needs the name of a file", remedy="say --file NAME")
        return self

    def begin(
        self,
        client: HansaClient,
        agreement: str,
        file: str | None,
        version: int | None = None,
        wish: Wish | None = None,
    ) -> str:
        """Ask for a push, of an earlier ``version`` if it is given, converted if there is a ``wish``; the id of the
        transfer."""
        url = self.url.replace(_NAMED, quote(file or "", safe=""))
        address: dict[str, Any] = {"url": url, "method": "PUT" if self.put else "POST"}
        if self.opening is not None:
            address |= {"header": self.opening[0], "value": self.opening[1]}
        transfer = client.transfer(agreement, file=file, push_to=address, version=version, **wish_arguments(wish))
        return str(transfer["pid"])


def wish_arguments(wish: Wish | None) -> dict[str, Any]:
    """Return the wish as arguments of ``HansaClient.transfer``."""
    if wish is None:
        return {}
    return {
        "convert_to": wish.format,
        "crs": wish.crs or None,
        "through": wish.through,
        "schema": wish.schema or None,
    }


def follow_push(client: HansaClient, pid: str) -> dict[str, Any]:
    """Follow the transfer until it has ended, or a delivery was given up. Interrupted, it goes on by itself."""
    remark(f"transfer {pid}")
    watch = Watch()
    with bar("sending") as progress:
        while True:
            transfer = client.transfer_state(pid, wait=5)
            progress(0, 0)
            if transfer["state"] in ENDED or watch(transfer) == STUCK:
                return transfer


def tell_push(transfer: dict[str, Any], name: str | None, lang: str, *, wait: bool = True) -> None:
    what = f"{name}: " if name else ""
    if transfer["state"] == "COMPLETED":
        report_success(f"{what}sent", detail=transfer["pushedTo"] or "to this node")
    elif wait:
        report_failure(f"{what}not sent")
        processes.show_status(transfer, lang)
    else:
        line("asked", transfer["pid"])
        remark(f"hansa transfer {word(transfer['pid'])}")


def read_header(header: str | None) -> tuple[str, str] | None:
    """Name and value of a header as it is typed, or as the first line of a file. Raises ``InvalidInput``."""
    if header is None:
        return None
    if header.startswith("@"):
        try:
            header = Path(header[1:]).read_text("utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"{header[1:]} cannot be read: {error}", remedy="name a file with 'NAME: VALUE'"
            ) from None
    match = re.fullmatch(r"\s*([A-Za-z0-9-]+)\s*:\s*(\S.*?)\s*", header)
    if match is None:
        raise InvalidInput("a header is written 'NAME: VALUE'", remedy="for example 'Authorization: Bearer …'")
    return match.group(1), match.group(2)


def _steer(name: str, verb: str, word: str, reason: str, node: str | None, lang: str, aim: str | None) -> int:
    return processes.steer(
        TRANSFER, name, node, lambda client, pid: client.steer(pid, verb, reason=reason), word, lang, aim=aim
    )


def suspend(transfer: Id, reason: Reason = "", node: Node = None, lang: Language = "en") -> int:
    """Pause a transfer. If this node is the provider, access ends at once."""
    return _steer(transfer, "suspend", "paused", reason, node, lang, None)


def resume(transfer: Id, node: Node = None, lang: Language = "en") -> int:
    """Resume a paused transfer. If the provider has paused it, only the provider can resume it."""
    return _steer(transfer, "resume", "resumed", "", node, lang, None)


def complete(transfer: Id, node: Node = None, lang: Language = "en") -> int:
    """Complete a transfer, and tell the other side."""
    return _steer(transfer, "complete", "completed", "", node, lang, "COMPLETED")


def terminate(transfer: Id, reason: Reason = "", node: Node = None, lang: Language = "en") -> int:
    """End a transfer for good."""
    return _steer(transfer, "terminate", "ended", reason, node, lang, "TERMINATED")
