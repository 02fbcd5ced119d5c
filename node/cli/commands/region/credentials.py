"""revoke, suspend, reinstate: the credentials that this node issued."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.base.errors import InvalidInput
from node.cli.commands.people import credential_name
from node.cli.groups import Listing
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, report_success, table

if TYPE_CHECKING:
    from node.client import HansaClient

Credential = Annotated[
    str | None, typer.Argument(help="Id of the credential; without one, lists the issued credentials.")
]
Holder = Annotated[str | None, typer.Option(help="With --type: the credentials that this DID holds.")]
CredentialType = Annotated[str | None, typer.Option("--type", help="Credential type.")]
Reason = Annotated[str, typer.Option(help="The reason. Others can read it.")]

IN_FORCE: Final = "in force"
SUSPENDED: Final = "suspended"


def register(app: typer.Typer) -> None:
    app.command("revoke", cls=Listing)(revoke)
    app.command("suspend", cls=Listing)(suspend)
    app.command("reinstate", cls=Listing)(reinstate)


def revoke(
    credential: Credential = None,
    holder: Holder = None,
    type_: CredentialType = None,
    reason: Reason = "",
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Revoke a credential that this node issued, for ever. It takes effect at the next access."""
    _change("revoke", lambda client, known: client.revoke(known, reason), credential, holder, type_, node, lang)


def suspend(
    credential: Credential = None,
    holder: Holder = None,
    type_: CredentialType = None,
    reason: Reason = "",
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Suspend an issued credential until it is reinstated. It takes effect at the next access."""
    _change("suspend", lambda client, known: client.suspend(known, reason), credential, holder, type_, node, lang)


def reinstate(
    credential: Credential = None,
    holder: Holder = None,
    type_: CredentialType = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Reinstate a suspended credential. It counts again from the next access."""
    _change("reinstate", lambda client, known: client.reinstate(known), credential, holder, type_, node, lang)


_CHANGES: Final = {
    "revoke": ({IN_FORCE, SUSPENDED}, "revoked", "in force or suspended"),
    "suspend": ({IN_FORCE}, "suspended", "in force"),
    "reinstate": ({SUSPENDED}, "reinstated", "suspended"),
}
"""Verb → the states that it changes, the new state, and the states in words."""


def _change(
    verb: str,
    change: Callable[[HansaClient, str], dict[str, Any]],
    credential: str | None,
    holder: str | None,
    credential_type: str | None,
    node: str | None,
    lang: str,
) -> None:
    with connect(node) as client:
        all_credentials = client.issued_credentials()
        if credential is None and holder is None:
            _show(all_credentials, lang)
            return
        states, past, condition = _CHANGES[verb]
        credentials = [
            record
            for record in all_credentials
            if (
                record["id"] == credential
                or (record["holder"] == holder and credential_type in (None, record["type"]))
            )
            and _state(record) in states
        ]
        if not credentials:
            raise InvalidInput(
                f"there is no such credential that is {condition}", remedy=f"see the issued credentials: hansa {verb}"
            )
        answers = [change(client, record["id"]) for record in credentials]
    if Mode.json:
        emit(answers)
    for record in credentials:
        report_success(f"{past} {record['type']}", detail=record["holder"])


def _show(credentials: list[dict[str, Any]], lang: str) -> None:
    if Mode.json:
        emit(credentials)
        return
    rows = [
        [credential_name(record["type"], lang), record["holder"], _state(record), record["id"]]
        for record in credentials
    ]
    table(rows, ["credential", "holder", "", "id"])


def _state(record: dict[str, Any]) -> str:
    if record["revokedAt"]:
        return "revoked"
    # A node of before knows no suspension.
    return SUSPENDED if record.get("suspendedAt") else IN_FORCE
