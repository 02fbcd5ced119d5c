"""The passwords and second factors of ``hansa user``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from node.base.errors import HansaError, InvalidInput
from node.cli.output import Mode, emit, line, remark, report_success, say

if TYPE_CHECKING:
    from node.client import HansaClient


def remarks(account: dict[str, Any]) -> str:
    """The notes shown about an account beside its roles."""
    words = ["disabled"] if account["disabled"] else []
    if account["resetBy"]:
        removed = account["resetWhat"] == "second-factor"
        words.append(f"{'second factor removed' if removed else 'password set'} by {account['resetBy']}")
    if account["secondFactor"]:
        words.append("second factor")
    return ", ".join(words)


def change_password(client: HansaClient, login: str, *, keep_tokens: bool) -> None:
    password = typed_password()
    own = False
    try:
        client.set_password(login, password, keep_tokens=keep_tokens)
    except HansaError as error:
        if error.facts.get("missing") != "old":
            raise
        own = True
        old = str(typer.prompt("your old password", hide_input=True, err=True))
        client.set_password(login, password, old=old, keep_tokens=keep_tokens)
    report_success(f"{login} has a new password")
    remark(f"sessions{'' if keep_tokens else ' and API tokens'} of {login} have ended")
    if not own:
        remark(f"{login} must choose another one before binding roles work; they are told that you set this one")


def typed_password() -> str:
    return str(typer.prompt("password (12 characters or more)", hide_input=True, confirmation_prompt=True, err=True))


def own_second_factor(client: HansaClient, login: str, *, on: bool) -> None:
    """Set up the second factor of ``login``, whose token the terminal uses, or remove it."""
    own = client.second_factor()["login"]
    if own != login:
        raise InvalidInput(
            f"the terminal acts for {own} here; only you can set up your second factor",
            remedy=f"set HANSA_TOKEN to a token of {login}, or use the page /account",
        )
    password = str(typer.prompt("your password", hide_input=True, err=True))
    if not on:
        code = str(typer.prompt("code of your second factor, or a recovery code", err=True))
        client.remove_second_factor(password, code)
        report_success(f"{login} no longer has a second factor")
        return
    begun = client.begin_second_factor(password)
    _show_enrolment(begun)
    codes = client.confirm_second_factor(str(typer.prompt("code that the app shows", err=True)))
    if Mode.json:
        emit({"recoveryCodes": codes})
    report_success(f"{login} has a second factor")
    for code in codes:
        line("recovery code", code)
    remark("store them away from your phone: each works once, and they are not shown again")
    remark("older API tokens no longer have binding roles: make new ones with hansa token new LABEL")


def _show_enrolment(enrolment: dict[str, Any]) -> None:
    if not Mode.json:
        say("Scan this with an authenticator app, or type the secret into it.")
        for row in _draw(enrolment["uri"]):
            say(row)
    line("address", enrolment["uri"])
    line("secret", enrolment["secret"])


def _draw(text: str) -> Iterator[str]:
    """``text`` as a QR code in half blocks, light ones drawn: most terminals are dark."""
    import segno

    rows = [[not dark for dark in row] for row in segno.make(text, error="m", micro=False).matrix_iter(border=2)]
    rows += [[True] * len(rows[0])] * (len(rows) % 2)
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        yield "".join(" ▄▀█"[2 * above + below] for above, below in zip(upper, lower, strict=True))
