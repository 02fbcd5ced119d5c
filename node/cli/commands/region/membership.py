"""join, leave: the membership of this node in a region."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.base.errors import Conflict
from node.base.plaintext import word
from node.cli.commands.people import credential_name
from node.cli.groups import Listing
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, count_of, emit, line, next_step, remark, report_success, say, words

if TYPE_CHECKING:
    from node.client import HansaClient

_SECTIONS: Final = ("valid_from", "changes", "text", "law", "court", "disputes", "liability", "notice", "retention")


def register(app: typer.Typer) -> None:
    app.command("join", cls=Listing)(join)
    app.command("leave")(leave)


def join(
    region: Annotated[
        str | None, typer.Argument(help="Address or DID of the region; without one, shows the status.")
    ] = None,
    as_: Annotated[str, typer.Option("--as", help="Which credential to apply for.")] = "MembershipCredential",
    show: Annotated[
        bool, typer.Option("--show", help="Show the rulebook and the credentials of the region, and do nothing.")
    ] = False,
    rulebook: Annotated[
        int | None, typer.Option("--rulebook", help="Accept this version of the rulebook, and no other.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the newest version without a question.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the decision.")] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Ask a region to admit this node. Accepts its rulebook, applies, and receives the credential."""
    with connect(node) as client:
        if region is None:
            _show_status(client.memberships(), lang)
            return 0
        if show:
            _show_terms(client.region_terms(region), lang)
            return 0
        sha256 = None
        if rulebook is not None:
            sha256 = _hash_of(client, region, rulebook)
        elif not yes and not Mode.json and sys.stdin.isatty():
            sha256 = _ask_acceptance(client, region, lang)
            if sha256 is None:
                return 1
        as_ = as_ if as_.endswith("Credential") else f"{as_}Credential"
        application = client.join(region, as_, sha256)
        line("rulebook", str(application.get("rulebook") or "none published"))
        report_success(f"applied for {as_}", detail=application["issuer"])
        while wait and application["state"] not in ("ISSUED", "REJECTED", "WITHDRAWN"):
            time.sleep(0.2)
            application = next(
                request
                for request in client.memberships()["requests"]
                if request["holder_pid"] == application["holder_pid"]
            )
    if Mode.json:
        emit(application)
    if application["state"] == "ISSUED":
        report_success(f"{as_} received")
    elif application["state"] in ("REJECTED", "WITHDRAWN"):
        line("refused" if application["state"] == "REJECTED" else "withdrawn", str(application.get("reason") or ""))
        return 1
    else:
        remark("a person decides; see the status: hansa join")
    return 0


def _hash_of(client: HansaClient, region: str, version: int) -> str:
    """Return the hash of this version of the rulebook. Raises ``Conflict`` if the region has another one."""
    rulebook = client.region_terms(region)["rulebook"]
    if rulebook is None or rulebook["version"] != version:
        newest = "no rulebook" if rulebook is None else f"version {rulebook['version']}"
        raise Conflict(
            f"the region has {newest}, not version {version}", remedy=f"read it: hansa join {word(region)} --show"
        )
    return str(rulebook["sha256"])


def _ask_acceptance(client: HansaClient, region: str, language: str) -> str | None:
    """Show the rulebook, and return its hash if the person accepts it (empty: there is none); else None."""
    terms = client.region_terms(region)
    _show_terms(terms, language)
    if not typer.confirm("  do you accept this version of the rulebook, and apply?", default=False, err=True):
        return None
    return str(terms["rulebook"]["sha256"]) if terms["rulebook"] else ""


def _show_terms(terms: Mapping[str, Any], language: str) -> None:
    if Mode.json:
        emit(terms)
        return
    rulebook = terms["rulebook"]
    line("region", terms["did"])
    for kind in terms["credentials"]:
        line("credential", credential_name(kind, language))
    if rulebook is None:
        line("rulebook", "none published")
        return
    line("rulebook", f"{words(rulebook['titles'], language)}  version {rulebook['version']}")
    line("", rulebook["iri"])
    for texts in (rulebook["descriptions"], *(rulebook["text"].get(name) for name in _SECTIONS)):
        if texts:
            line("", f"· {words(texts, language)}")


def _show_status(memberships: Mapping[str, Any], language: str) -> None:
    if Mode.json:
        emit(memberships)
        return
    for credential in memberships["credentials"]:
        kinds = ", ".join(credential_name(kind, language) for kind in credential["types"])
        line("holds", f"{kinds}  until {str(credential['validUntil'])[:10]}")
        line("", credential["issuer"])
        if credential["rejected"]:
            line("not valid", credential["rejected"])
    for request in memberships["requests"]:
        if request["state"] != "ISSUED":
            kind = credential_name(request["credential_type"], language)
            line("asked", f"{kind}  {request['state'].lower()}  {request.get('reason') or ''}")
    if not memberships["credentials"] and not memberships["requests"]:
        say("No credentials yet.")
        remark("hansa join https://region.example")


def leave(
    issuer: Annotated[str, typer.Option(help="DID of the region; without it, the region of this node.")] = "",
    reason: Annotated[str, typer.Option(help="The reason. The ledger of this node keeps it.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Leave without a question.")] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Leave a region. Shows what changes, then gives up its credentials; agreements stay."""
    with connect(node) as client:
        departure = client.foresee_leave(issuer)
        if not Mode.json:
            _show_departure(departure, lang)
        if not reason.strip():
            if Mode.json:
                emit(departure)
            else:
                next_step(f"hansa leave --issuer {word(departure['issuer'])} --reason …")
            return 0
        asks = not yes and not Mode.json and sys.stdin.isatty()
        if asks and not typer.confirm("  leave the region?", default=False, err=True):
            return 1
        departure = client.leave(reason, departure["issuer"])
    if Mode.json:
        emit(departure)
    report_success("left", detail=departure["issuer"])
    remark("the region is not told by this node: tell its contact")
    return 0


def _show_departure(departure: Mapping[str, Any], language: str) -> None:
    line("leaving", departure["issuer"])
    for credential in departure["credentials"]:
        line("gives up", ", ".join(credential_name(kind, language) for kind in credential["types"]))
    for request in departure["requests"]:
        line("withdraws", f"the application for {credential_name(request['credential_type'], language)}")
    line("agreements", f"{count_of(len(departure['agreements']), 'agreement')} with uses that end")
    for use in departure["agreements"]:
        line("", f"{words(use['titles'], language) or use['dataset']}  with {use['peerName']}")
        line("", use["id"])
    line("transfers", f"{count_of(departure['transfers'], 'transfer')} not ended under them")
    count = departure["assetCount"]
    line("assets", f"{count_of(count, 'asset')} that nobody will see or get as a member")
    for asset in departure["assets"]:
        line("", f"{words(asset['titles'], language)}  {asset['iri']}")
    if rest := count - len(departure["assets"]):
        line("", f"and {rest:,} more")
