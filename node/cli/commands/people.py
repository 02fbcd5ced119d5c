"""decide, follow, user: who takes part, and what waits for a person."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.cli.commands import accounts, processes
from node.cli.commands.negotiations import tell_outcome
from node.cli.groups import Listing
from node.cli.options import Language, Node, connect
from node.cli.output import (
    Mode,
    count_of,
    emit,
    line,
    next_step,
    remark,
    report_failure,
    report_success,
    say,
    table,
    words,
)

FIRST_READING = 15
"""The seconds that ``hansa follow`` waits until the feed was read to its end."""


def register(app: typer.Typer) -> None:
    app.command("decide", cls=Listing)(decide)
    app.command("follow")(follow)
    app.command("user", cls=Listing)(user)


def credential_name(kind: str, language: str) -> str:
    """Return what people call a credential, with its type, which ``--as`` and ``--type`` take."""
    from node.policy.labels import credential_label

    return f"{credential_label(kind, language)} ({kind})"


def decide(
    decision: Annotated[
        str | None, typer.Argument(help="Id or number of the decision; without one, lists the pending decisions.")
    ] = None,
    approve: Annotated[bool | None, typer.Option("--approve/--refuse", help="Your decision.")] = None,
    reason: Annotated[str | None, typer.Option(help="The reason. The other side can read it.")] = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Decide on requests that wait for a person. These are uses of your assets, offers to this node, and applications
    for membership."""
    with connect(node) as client:
        waiting = client.decisions()
        if decision is None:
            _show_waiting(waiting, lang)
            return
        if approve is None:
            raise typer.BadParameter("give --approve or --refuse")
        application = _choose(waiting, decision)
        decided = client.decide(application["id"], approve=approve, reason=reason)
        if Mode.json:
            emit(decided)
        report_success(
            f"{'approved' if approve else 'refused'}: {application['peerName']}",
            detail=words(application["summary"], lang),
        )
        if approve and application["kind"] == "offer" and not Mode.json:
            tell_outcome(client, application["subject"], lang)


def _show_waiting(waiting: list[dict[str, Any]], lang: str) -> None:
    if Mode.json:
        emit(waiting)
        return
    for number, decision in enumerate(waiting, 1):
        say(f"{number}  {decision['peerName']}")
        line(decision["kind"], words(decision["summary"], lang))
        title = words((decision["details"] or {}).get("title"), lang)
        if title:
            line("asset", title)
        processes.beside(decision)
        line("since", str(decision["at"])[:19].replace("T", " "))
    if waiting:
        next_step("hansa decide 1 --approve     (or --refuse --reason …)")
    else:
        say("No pending decisions.")


def _choose(waiting: list[dict[str, Any]], name: str) -> dict[str, Any]:
    if name.isdigit() and 0 < int(name) <= len(waiting):
        return waiting[int(name) - 1]
    for one in waiting:
        if one["id"] == name:
            return one
    raise InvalidInput("there is no such decision", remedy="see the pending decisions: hansa decide")


def follow(url: Annotated[str, typer.Argument(help="Address of the other node.")], node: Node = None) -> None:
    """Follow another node's feed. Its records appear in this catalogue and stay up to date."""
    with connect(node) as client:
        member = client.follow(url, wait=FIRST_READING)
    if Mode.json:
        emit(member)
    report_success(f"following {member['name']}", detail=member["did"])
    if member.get("trouble"):
        report_failure(f"its feed cannot be read now: {member['trouble']}")
        remark("the node tries again by itself; see: hansa members")
    elif not member.get("current"):
        remark("its feed is still being read; how far it is: hansa members")
    else:
        line("received", f"{count_of(member['assets'], 'asset')} that you may see")


def user(
    login: Annotated[
        str | None, typer.Argument(help="Login name of the new account; without one, lists the accounts.")
    ] = None,
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="publisher, steward, signatory, operator, auditor.")] = None,
    password: Annotated[bool, typer.Option("--password", help="Change the password of an existing account.")] = False,
    keep_tokens: Annotated[
        bool, typer.Option("--keep-tokens", help="With --password: keep the API tokens; by default they end.")
    ] = False,
    second_factor: Annotated[
        bool | None,
        typer.Option(
            "--second-factor/--no-second-factor", help="Set up a second factor for yourself, or remove your own."
        ),
    ] = None,
    reset_second_factor: Annotated[
        bool, typer.Option("--reset-second-factor", help="Remove the second factor of a person who lost it.")
    ] = False,
    disable: Annotated[
        bool | None,
        typer.Option(
            "--disable/--enable", help="Block the account, which ends its sessions and tokens; or unblock it."
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="With --disable: the reason.")] = "",
    invite: Annotated[
        bool, typer.Option("--invite", help="Create the account with a one-time link in place of a password.")
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Make a one-time link with which the owner sets a new password.")
    ] = False,
    set_role: Annotated[
        list[str] | None, typer.Option(help="Give an existing account exactly these roles, from its next click on.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show the account with its sessions and its history.")] = False,
    end_sessions: Annotated[
        bool, typer.Option("--end-sessions", help="End all sessions of the account in browsers.")
    ] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the account. Nobody can have its login again.")
    ] = False,
    node: Node = None,
) -> None:
    """Manage accounts: list, add, block, delete; roles, passwords."""
    with connect(node) as client:
        if login is None:
            people = client.accounts()
            if Mode.json:
                emit(people)
            else:
                table(
                    [
                        [person["login"], person["name"], ", ".join(person["roles"]), accounts.remarks(person)]
                        for person in people
                    ],
                    ["login", "name", "roles", ""],
                )
            return
        if password:
            accounts.change_password(client, login, keep_tokens=keep_tokens)
            return
        if second_factor is not None:
            accounts.own_second_factor(client, login, on=second_factor)
            return
        if reset_second_factor:
            client.reset_second_factor(login)
            report_success(f"{login} no longer has a second factor; their sessions have ended")
            remark(f"{login} must choose another password before binding roles work; they are told that you did this")
            return
        if disable is not None:
            changed = client.set_disabled(login, disable, reason)
            if Mode.json:
                emit(changed)
            report_success(f"{login} may {'no longer sign in' if disable else 'sign in again'}")
            return
        if invite:
            accounts.invite(client, login, name or login, role or ["publisher"])
            return
        if accounts.oversee(
            client, login, link=link, roles=set_role or (), show=show, end_sessions=end_sessions, delete=delete
        ):
            return
        added = client.add_account(login, name or login, role or ["publisher"], accounts.typed_password())
    if Mode.json:
        emit(added)
    report_success(f"{login} may sign in")
    if not Mode.json:
        remark(f"{login} must choose their own password before binding roles work: on the page /account")
