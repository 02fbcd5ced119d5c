"""token: what programs sign in with."""

from __future__ import annotations

import hashlib
from typing import Annotated

import typer

from node.base.errors import HansaError, InvalidInput
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, line, remark, report_success, say, table

SHORT = 12
"""The characters of a token's hash that name it in lists."""

SECOND_FACTOR = "second-factor-needed"

group = typer.Typer(no_args_is_help=True, help="API tokens, with which programs sign in: new, list, revoke.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="token")


@group.command("new")
def new(
    label: Annotated[str, typer.Argument(help="What it is for.")],
    days: Annotated[
        int | None,
        typer.Option(min=1, max=3660, help="Days until it expires; by default 90, if the node allows that."),
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="Which of your roles it has; by default all. Give it once for each role.")
    ] = None,
    node: Node = None,
) -> None:
    """Make an API token for yourself, with your password. It is shown once, and ends when the password changes."""
    password = str(typer.prompt("your password", hide_input=True, err=True))
    with connect(node) as client:
        try:
            token = client.make_token(label, days, password, roles=role or ())
        except HansaError as error:
            if error.facts.get("code") != SECOND_FACTOR:
                raise
            token = client.make_token(
                label, days, password, str(typer.prompt("code of your second factor", err=True)), role or ()
            )
    if Mode.json:
        emit(token)
    report_success(f"token for {label}", detail=f"{token['days']} days")
    line("token", token["token"])
    remark("keep it like a password: it is not shown again")


@group.command("list")
def list_tokens(
    everybody: Annotated[bool, typer.Option("--all", help="Of all accounts; needs the role operator.")] = False,
    node: Node = None,
) -> None:
    """Show the API tokens in force."""
    with connect(node) as client:
        tokens = client.tokens(everybody=everybody)
    if Mode.json:
        emit(tokens)
    elif tokens:
        table(
            [
                [
                    token["sha256"][:SHORT],
                    token["login"],
                    token["label"],
                    "all" if token["roles"] is None else ", ".join(token["roles"]),
                    (token["used"] or "never")[:10],
                    token["expires"][:10],
                ]
                for token in tokens
            ],
            ["token", "account", "name", "roles", "last used", "valid until"],
        )
    else:
        say("No API tokens.")


@group.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Its name in the list, or the token itself.")],
    node: Node = None,
) -> None:
    """End an API token at once; operators can also end those of others."""
    with connect(node) as client:
        tokens = client.tokens()
        try:
            tokens = client.tokens(everybody=True)
        except HansaError as refusal:
            if refusal.status != 403:  # Then it is one's own that are known.
                raise
        hashed = hashlib.sha256(token.encode()).hexdigest()
        matches = [one for one in tokens if one["sha256"] == hashed or one["sha256"].startswith(token)]
        if len(matches) != 1:
            raise InvalidInput(
                "there is no such token" if not matches else "several tokens begin with this",
                remedy="see the names: hansa token list",
            )
        answer = client.revoke_token(matches[0]["sha256"])
    if Mode.json:
        emit(answer)
    report_success(f"revoked the token for {answer['label']}", detail=answer["login"])
