"""The passwords and second factors of ``hansa user``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from node.base.errors import HansaError, InvalidInput
from node.cli.output import Mode, emit, line, remark, report_success, say

if TYPE_CHECKING:
    from node.client import HansaClient


def remarks(account: dict[str, Any]) -> str:
    """The notes shown about an account beside its roles."""
    words = ["disabled"] if account["disabled"] else []
    if account["disabledWhy"]:
        words[-1] += f" ({account['disabledWhy']})"
    if account["invited"]:
        words.append(f"invited by {account['resetBy']}")
    elif account["resetBy"]:
        removed = account["resetWhat"] == "second-factor"
        words.append(f"{'second factor removed' if removed else 'password set'} by {account['resetBy']}")
    if account["secondFactor"]:
        words.append("second factor")
    return ", ".join(words)


def invite(client: HansaClient, login: str, name: str, roles: list[str]) -> None:
    """Create an account, and show the link for its first password."""
    account = client.invite(login, name, roles)
    if Mode.json:
        emit(account)
        return
    _tell_link(account["link"], f"account {login} created")


def oversee(
    client: HansaClient,
    login: str,
    *,
    link: bool,
    roles: Sequence[str],
    show: bool,
    end_sessions: bool,
    delete: bool,
) -> bool:
    """Do one of these things with an existing account; return False if there was nothing to do."""
    if link:
        _tell_link(client.make_link(login), f"link for {login}")
    elif roles:
        account = client.set_roles(login, roles)
        if Mode.json:
            emit(account)
        report_success(f"{login} has the roles {', '.join(account['roles'])}")
    elif show:
        _show(client.account(login))
    elif end_sessions:
        count = client.end_sessions(login)
        if Mode.json:
            emit({"ended": count})
        report_success(f"{count} session{'' if count == 1 else 's'} of {login} ended")
    elif delete:
        client.remove_account(login)
        report_success(f"the account {login} was deleted; nobody can have this login again")
    else:
        return False
    return True


def _tell_link(link: dict[str, Any], message: str) -> None:
    """Show a one-time link."""
    if Mode.json:
        emit(link)
        return
    report_success(message)
    line("link", link["url"])
    line("valid until", str(link["expires"])[:16].replace("T", " ") + " UTC")
    remark("give it to this person only: who opens it first chooses the password; it is not shown again")


def _show(account: dict[str, Any]) -> None:
    """Show an account with its sessions and its history."""
    if Mode.json:
        emit(account)
        return
    say(f"{account['login']}  {account['name']}")
    line("roles", ", ".join(account["roles"]))
    line("state", remarks(account) or "may sign in")
    line("last sign-in", _minute(account["lastSignIn"]))
    for session in account["sessions"]:
        line("session", f"since {_minute(session['since'])}  {session['address'] or 'unknown address'}")
    for event in account["history"]:
        line(_minute(event["at"]), f"{event['event']}  by {event['by']}")


def _minute(moment: str | None) -> str:
    return "never" if moment is None else moment[:16].replace("T", " ")


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
