"""keys: which keys a node has, new ones for old, a key revoked as of a moment, and a key from outside around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from node.base.errors import InvalidInput
from node.cli.groups import Shorthand
from node.cli.options import Node
from node.cli.output import Mode, emit, remark, report_success, say, table

group = typer.Typer(cls=Shorthand, help="The node's own keys: list, rotate, revoke, wrap, unwrap.")


class KeyService(Protocol):
    """The operations on the keys of a node, over its API or in its folder."""

    def keys(self) -> list[dict[str, Any]]: ...

    def rotate_keys(self, kinds: list[str]) -> list[dict[str, Any]]: ...

    def revoke_key(self, key: str, as_of: str, reason: str) -> list[dict[str, Any]]: ...


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="keys")


@group.command("list")
def list_keys(node: Node = None) -> None:
    """Show the keys: kind, id, purpose, since when, until when, state."""
    with _key_service(node) as key_service:
        keys = key_service.keys()
    if Mode.json:
        emit(keys)
        return
    table(
        [
            [
                key["id"],
                _words_of(key["kind"]),
                _PURPOSES[key["kind"]],
                (key["since"] or "the beginning")[:16],
                (key["until"] or "")[:16],
                key["state"] + (f" as of {key['revoked'][:16]}" if key["revoked"] else ""),
            ]
            for key in keys
        ],
        ["key", "kind", "for", "since", "until", "state"],
    )


_PURPOSES = {
    "signing": "tokens, credentials, records, agreements, manifests",
    "log": "checkpoints of the ledger",
    "sealing": "decrypting what was encrypted for this node",
}


def _words_of(kind: str) -> str:
    """Return the kind of a key in the portal's words; the API and the settings say *sealing*."""
    return "encryption" if kind == "sealing" else kind


@group.command("rotate")
def rotate(
    what: Annotated[str | None, typer.Argument(help="'all', the default.")] = None,
    signing: Annotated[bool, typer.Option("--signing", help="The signing key.")] = False,
    log: Annotated[bool, typer.Option("--log", help="The ledger's key.")] = False,
    encryption: Annotated[bool, typer.Option("--encryption", help="The encryption key.")] = False,
    sealing: Annotated[bool, typer.Option("--sealing", hidden=True)] = False,
    node: Node = None,
) -> None:
    """Replace the keys in use by new ones. The node may be running. Old signatures stay verifiable."""
    if what not in (None, "all"):
        raise InvalidInput(
            f"there are no keys called {what}", remedy="hansa keys rotate --signing --log --encryption"
        )
    chosen = {"signing": signing, "log": log, "sealing": encryption or sealing}
    kinds = [kind for kind, wanted in chosen.items() if wanted and what is None] or list(chosen)
    with _key_service(node) as key_service:
        keys = key_service.rotate_keys(kinds)
    if Mode.json:
        emit(keys)
        return
    for one in keys:
        report_success(f"{_words_of(one['kind'])} key {one['id']} is in use")
    _further()


@group.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Its id in the list, such as '#key-1'.")],
    as_of: Annotated[str, typer.Option("--as-of", help="The time from which it is no longer valid.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is recorded in the ledger.")],
    node: Node = None,
) -> None:
    """Revoke a key that may have been stolen. If it is in use, a new key replaces it at once."""
    from node.base.clock import SystemClock, moment, stamp

    try:
        when: datetime = SystemClock().now() if as_of == "now" else moment(as_of)
    except ValueError:
        raise InvalidInput(
            f"{as_of} is not a time", remedy="write it as 2026-11-20T14:00:00Z; 'now' is the time of this command"
        ) from None
    with _key_service(node) as key_service:
        keys = key_service.revoke_key(key, stamp(when), reason)
    if Mode.json:
        emit(keys)
        return
    for change_of_key in keys:
        report_success(f"{_words_of(change_of_key['kind'])} key {change_of_key['id']} is {change_of_key['state']}")
    remark("its earlier signatures are valid only if another party saw them in time: a thief can write any date")
    if any(change_of_key["state"] == "in use" for change_of_key in keys):
        _further()


def _further() -> None:
    say("Processes that use this folder of keys have the new keys now. A server with a copy does not,")
    say("and cannot restart without them. Peers get them with the next signature, or within five minutes.")


@group.command("wrap")
def wrap(folder: Annotated[Path, typer.Argument(help="The node's data folder.")]) -> None:
    """Encrypt the private keys with an external key. The settings of the folder name that key."""
    _convert(folder, lambda keys: int(keys.wrap_all()), "wrapped")
    remark("older backups and copies still contain them unencrypted")


@group.command("unwrap")
def unwrap(folder: Annotated[Path, typer.Argument(help="The node's data folder.")]) -> None:
    """Decrypt the private keys in a folder again. Then remove the external key from the settings."""
    _convert(folder, lambda keys: int(keys.unwrap_all()), "unwrapped")


def _convert(folder: Path, change: Callable[[Any], int], word: str) -> None:
    from node.bootstrap.parts import open_keys
    from node.settings import load

    count = change(open_keys(load(folder)))
    if Mode.json:
        emit({"files": count})
        return
    report_success(f"{count} files {word}" if count else f"all files are {word} already")


@contextmanager
def _key_service(node: str | None) -> Iterator[KeyService]:
    """The API of the node where it runs, else its folder."""
    from node.client import HansaClient, locate

    where = locate(node)
    with HansaClient(where) as client:
        if where.folder is None or client.ready():
            yield client
            return
    from node.cli.stopped_keys import keys_of

    with keys_of(where.folder) as kept:
        yield kept
