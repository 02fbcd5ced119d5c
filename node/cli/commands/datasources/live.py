"""live: data of others that are read where they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.commands.processes import tell_code
from node.cli.exits import DONE, REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, remark, report_failure, report_success
from node.vocab.dsp import LIVE

if TYPE_CHECKING:
    from node.client import HansaClient

_PATIENCE: Final = 30.0


def register(app: typer.Typer) -> None:
    app.command("live")(live)


def live(
    asset: Annotated[str, typer.Argument(metavar="IRI", help="Address of the asset, or id of the agreement.")],
    file: Annotated[str | None, typer.Option(help="Which file, if the asset has several.")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Get a new token; the last one no longer works.")] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Open data where they are, for your own programs.

    It needs an agreement: hansa get IRI --agree-only. The provider checks it at every read.
    """
    with connect(node) as client:
        access = open_access(client, asset, file=file, renew=renew, lang=lang)
        if access is None:
            return REFUSED
        conditions = client.agreement(access["agreementId"])["sentences"]
    if Mode.json:
        emit(access)
        return DONE
    report_success("the data are open", detail=f"until {access['expires']}, then: hansa live {word(asset)}")
    for number, sentence in enumerate(conditions.get(lang, conditions["en"])):
        line("" if number else "conditions", f"· {sentence}")
    line("address", access["endpoint"])
    line("header", f"Authorization: {access['authorization']}")
    line("try it", f"curl -H 'Authorization: {access['authorization']}' {word(access['endpoint'])}")
    remark(f"to end it: hansa transfer complete {word(access['transfer'])}")
    return DONE


def open_access(
    client: HansaClient,
    asset: str,
    *,
    file: str | None = None,
    renew: bool = False,
    lang: str = "en",
    form: str = LIVE,
    version: int | None = None,
) -> dict[str, Any] | None:
    """Return address and token of the data of an asset, with transfer and agreement; None, with the reason shown, if
    the provider does not open them. ``form`` is the transfer format, ``version`` the number of an earlier version
    of the asset."""
    agreement = agreement_of(client, asset, version)
    pid = _open_transfer(client, agreement, file, form, version)
    pid = pid or str(client.transfer(agreement, file=file, format=form, version=version)["pid"])
    state = _follow(client, pid)
    if state["state"] != "STARTED":
        report_failure("the provider does not open the data")
        tell_code(state, lang)
        return None
    return {"transfer": pid, "agreementId": agreement, **client.live_access(pid, renew=renew)}


def agreement_of(client: HansaClient, asset: str, version: int | None = None) -> str:
    """Return the id of our agreement about an asset, or about this ``version`` of it. Raises ``InvalidInput`` if
    there is none."""
    if not asset.startswith(("http://", "https://")):
        return asset
    agreement_id = client.conditions(asset, version=version)["agreementId"]
    if agreement_id is None:
        raise InvalidInput(
            "this node has no agreement about the asset", remedy=f"hansa get {word(asset)} --agree-only"
        )
    return str(agreement_id)


def _open_transfer(
    client: HansaClient, agreement: str, file: str | None, form: str, version: int | None
) -> str | None:
    """Return the transfer that is open already."""
    for transfer in client.transfers(state="STARTED"):
        ours = transfer["role"] == "consumer" and transfer["agreementId"] == agreement
        if not ours or transfer["format"] != form:
            continue
        state = client.transfer_state(transfer["pid"])
        if (state["file"], state["version"]) == (file, version):
            return str(transfer["pid"])
    return None


def _follow(client: HansaClient, pid: str) -> dict[str, Any]:
    """Return the transfer once the provider has opened or refused it, or does not answer for long."""
    ends = time.monotonic() + _PATIENCE
    while True:
        state = client.transfer_state(pid, wait=2)
        if state["state"] != "REQUESTED" or time.monotonic() > ends:
            return state
