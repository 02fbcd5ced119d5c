"""get: from an asset's address to verified bytes, through conditions, agreement and transfer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.commands.meaning.received_facts import (
    save_provenance,
    show_conversion,
    show_schema_checks,
    version_words,
)
from node.cli.commands.negotiations import tell_offer
from node.cli.commands.processes import STUCK, Watch, tell_code
from node.cli.commands.transfers import Target, follow_push, read_header, tell_push, wish_arguments
from node.cli.exits import DONE, REFUSED, WAITING
from node.cli.options import Language, Node, connect
from node.cli.output import (
    Mode,
    bar,
    emit,
    line,
    remark,
    report_failure,
    report_success,
    size,
    words,
)
from node.cli.yamls import read_conditions
from node.semantics.conversions import Wish
from node.vocab.versions import LAST_VERSION

if TYPE_CHECKING:
    from node.client import HansaClient


def register(app: typer.Typer) -> None:
    app.command("get")(get)


def get(
    iri: Annotated[str, typer.Argument(help="Address of the asset.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to save; by default under its own name in this folder."),
    ] = None,
    file: Annotated[str | None, typer.Option(help="Which file, if the asset has several.")] = None,
    version: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=LAST_VERSION, help="An earlier version; by default the newest."),
    ] = None,
    convert_to: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="Have it converted: csv, parquet, geojson or geopackage, if offered."
        ),
    ] = None,
    crs: Annotated[
        str | None, typer.Option(metavar="EPSG:N", help="With --format: the coordinate reference system.")
    ] = None,
    through: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IRI",
            help="Have this transformation carried out before, if offered; several times: one after the other.",
        ),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(metavar="IRI", help="Have it in this schema: the provider finds offered transformations to it."),
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="The purpose that you declare (an IRI, such as dpv:ImproveTransportMobility).")
    ] = None,
    ask: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITIONS", help="Ask for other terms: a template, YAML, or a file (hansa limits -h)."
        ),
    ] = None,
    least: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITIONS", help="Accept nothing less than this automatically; by default what --ask says."
        ),
    ] = None,
    agreement: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Use this agreement, which is in force, without negotiating."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the conditions without a question.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until a person at the other side has decided.")] = False,
    agree_only: Annotated[bool, typer.Option("--agree-only", help="Stop at the agreement; receive nothing.")] = False,
    push_to: Annotated[
        str | None,
        typer.Option(
            "--push-to",
            metavar="URL",
            help="Have the provider send it to this address by HTTP; nothing is saved on this machine.",
        ),
    ] = None,
    push_header: Annotated[
        str | None,
        typer.Option(
            "--push-header",
            metavar="'NAME: VALUE'",
            help="The header that gives access to that address; @FILE reads it from a file.",
        ),
    ] = None,
    put: Annotated[bool, typer.Option("--put", help="With --push-to: send by PUT instead of POST.")] = False,
    keep_sealed: Annotated[bool, typer.Option("--keep-sealed", help="Save the sealed file too (NAME.age).")] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Get an asset: conditions, agreement, download, verification.

    You can interrupt it. Run it again to continue.
    """
    _require_sense(
        {"--push-to": push_to, "--agreement": agreement, "--agree-only": agree_only, "--format": convert_to},
        {
            "--push-to": {"--output": output, "--keep-sealed": keep_sealed},
            "--agreement": {"--ask": ask, "--least": least, "--purpose": purpose, "--agree-only": agree_only},
            "--agree-only": {
                "--output": output,
                "--keep-sealed": keep_sealed,
                "--push-to": push_to,
                "--format": convert_to,
                "--through": through,
                "--schema": schema,
            },
        },
        {"--push-to": {"--push-header": push_header, "--put": put}, "--format": {"--crs": crs}},
    )
    wish = Wish.of(convert_to, crs, through or (), schema)
    target = Target(push_to, read_header(push_header), put=put).check(file) if push_to is not None else None
    result: dict[str, Any] = {"iri": iri}
    with connect(node) as client:
        if agreement is not None:
            agreement_iri: str | None = _agreement_id(client, agreement, iri)
            status = DONE
        else:
            status, agreement_iri = _find_or_negotiate(
                client, (iri, version), purpose, ask, least, result, yes=yes, wait=wait, lang=lang
            )
        if agreement_iri is not None:
            result["agreementId"] = agreement_iri
        if agreement_iri is None or agree_only:
            pass
        elif target is not None:
            pid = target.begin(client, agreement_iri, file, version, wish)
            result["transfer"] = follow_push(client, pid)
            tell_push(result["transfer"], file, lang)
            status = DONE if result["transfer"]["state"] == "COMPLETED" else REFUSED
        else:
            pid = client.transfer(agreement_iri, file=file, version=version, **wish_arguments(wish))["pid"]
            status = _receive(client, pid, output, result, keep_sealed=keep_sealed, lang=lang)
    if Mode.json:
        emit(result)
    return status


def _require_sense(
    options: dict[str, Any], against: dict[str, dict[str, Any]], beside: dict[str, dict[str, Any]]
) -> None:
    """Refuse options that contradict one another, and those that mean nothing without another one."""
    for name, value in options.items():
        for other, given in (against if value else beside).get(name, {}).items():
            if given:
                why = "cannot be combined with" if value else "needs"
                raise typer.BadParameter(f"{other} {why} {name}")


def _agreement_id(client: HansaClient, agreement_id: str, iri: str) -> str:
    """The agreement that the caller names. Raises ``InvalidInput`` where it gives this node no such asset."""
    agreement = client.agreement(agreement_id)
    if agreement["role"] != "consumer" or agreement["dataset"] != iri:
        raise InvalidInput(
            f"{agreement_id} does not give {iri} to this node", remedy="see the agreements: hansa agreement"
        )
    line("agreement", f"{agreement['id']}  in force")
    return str(agreement["id"])


def _find_or_negotiate(
    client: HansaClient,
    asset: tuple[str, int | None],
    purpose: str | None,
    ask: str | None,
    least: str | None,
    result: dict[str, Any],
    *,
    yes: bool,
    wait: bool,
    lang: str,
) -> tuple[int, str | None]:
    """Return the agreement for the request: one in force, or one negotiated now; else the reason, as exit status.
    ``asset`` is its address, and the number of an earlier version."""
    iri, version = asset
    conditions = read_conditions(ask) if ask is not None else None
    demand = read_conditions(least) if least is not None else None
    offer = client.conditions(iri, purpose=purpose, ask=conditions, version=version)
    result["conditions"] = offer["summary"]
    line("conditions", words(offer["summary"], lang))
    if offer["agreementId"] is not None:
        line("agreement", f"{offer['agreementId']}  in force already")
        return DONE, str(offer["agreementId"])
    for other in offer["otherAgreements"]:
        line("in force", f"{other}  with other terms than {'these' if ask is None else 'you ask for'}")
        remark(f"to use that agreement: hansa get {word(iri)} --agreement {word(other)}")
    running = offer["running"]
    if running is not None and ask is not None and not running["asksForThis"]:
        raise InvalidInput(
            f"a negotiation about it is running: {running['pid']}",
            remedy=f"change its terms: hansa negotiation counter {word(running['pid'])} --ask …, "
            f"or end it: hansa negotiation terminate {word(running['pid'])}",
        )
    if running is not None:
        line("asked", f"in {running['pid']}, which continues")
        pid = str(running["pid"])
    else:
        if ask is not None:
            line("asking", "for other terms than these")
        elif not yes and not Mode.json and not _ask_acceptance(offer, lang):
            return REFUSED, None
        pid = str(client.negotiate(iri, purpose=purpose, ask=conditions, least=demand)["pid"])
    asks_person = ask is None and offer["decision"]["outcome"] == "ask"
    status, agreement_id = _agree(client, pid, result, wait=wait, asks_person=asks_person, lang=lang)
    if agreement_id is not None:
        line("agreement", f"{agreement_id}  signed by both")
    return status, agreement_id


def _ask_acceptance(offer: dict[str, Any], lang: str) -> bool:
    for sentence in offer["sentences"].get(lang, offer["sentences"]["en"]):
        line("", f"· {sentence}")
    return typer.confirm("  do you accept?", default=False, err=True)


def _agree(
    client: HansaClient, pid: str, result: dict[str, Any], *, wait: bool, asks_person: bool, lang: str
) -> tuple[int, str | None]:
    """Follow the negotiation to its end, or as long as an answer may come by itself: a moment only, once the request
    has arrived, where the offer says that a person decides (``asks_person``)."""
    patience = time.monotonic() + (86_400 * 30 if wait else 20)
    reported = False
    while True:
        state = client.negotiation(pid, wait=10 if wait else 0.5 if asks_person else 3)
        result["negotiation"] = {"pid": pid, "state": state["state"]}
        if state["state"] == "FINALIZED":
            return DONE, str(state["agreementId"])
        if state["state"] == "TERMINATED":
            return _tell_failure(state, "not agreed", result, lang), None
        if state["state"] == "OFFERED" and state["waitsFor"] is not None:
            tell_offer(state, lang)
            return WAITING, None
        if state["status"]["waitsFor"] == STUCK:
            return _tell_failure(state, "not agreed", result, lang), None
        if time.monotonic() > patience or (not wait and reported):
            theirs = state["status"]["waitsFor"] == "their-answer"
            who = "waiting for a person at the other side" if theirs else state["status"]["text"]
            line("asked", f"{who}; you can close this")
            remark("to continue: run the same command again, or add --wait")
            return WAITING, None
        reported = state["state"] == "REQUESTED" and state["pending"] is None


def _tell_failure(state: dict[str, Any], what: str, result: dict[str, Any], lang: str) -> int:
    """Say that ``what`` has not been reached, who refused it (if it was refused), and why. The exit status."""
    refused = state["state"] == "TERMINATED" and state["status"]["endedBy"] == "other-side"
    report_failure(f"refused by {state['peer']}" if refused else what)
    shown = {**state, "reason": state["reason"] or [state["status"]["text"]]}
    tell_code(shown, lang)
    result["refused"] = {"code": shown["code"], "reason": shown["reason"]}
    return REFUSED


def _receive(
    client: HansaClient,
    pid: str,
    output: Path | None,
    result: dict[str, Any],
    *,
    keep_sealed: bool,
    lang: str,
) -> int:
    start = time.monotonic()
    state = _follow(client, pid)
    reception = state["reception"]
    result["transfer"] = {"pid": pid, "state": state["state"]}
    if not reception or reception["state"] != "done":
        error = [reception["error"]] if reception and reception["error"] else []
        return _tell_failure({**state, "reason": state["reason"] or error}, "not received", result, lang)
    target = output or Path(reception["name"])
    if target.is_dir():
        target /= reception["name"]
    if output is None:
        target = _free(target)
    size_on_disk = client.save(pid, target)
    manifest = target.with_name(target.name + ".manifest.jws")
    verification = reception["facts"].get("verified", True)
    if verification:
        client.save(pid, manifest, part="manifest")
    if keep_sealed and reception["sealed"]:
        client.save(pid, target.with_name(target.name + ".age"), part="sealed")
    seconds = max(time.monotonic() - start, 0.001)
    line(
        "receiving",
        f"{size(size_on_disk)}  {size_on_disk / seconds / 1e6:.0f} MB/s{'  sealed' if reception['sealed'] else ''}",
    )
    if verification:
        report_success(
            "verified",
            detail="size, hash and signature of the manifest are correct" + (", seal" if reception["sealed"] else ""),
        )
    else:
        line("unverified", "the provider sent no signed manifest, so the received data cannot be verified")
    if reception["facts"].get("version") is not None:
        line("version", version_words(reception["facts"]))
        result["version"] = {"number": reception["facts"]["version"], "statedBy": reception["facts"]["versionBy"]}
    show_conversion(reception["facts"], result, lang)
    save_provenance(reception, target, result)
    show_schema_checks(reception["facts"], result, lang)
    line("saved", f"{target}   (+ {manifest.name})" if verification else str(target))
    result["verified"] = verification
    result["saved"] = str(target)
    result["sha256"] = reception["sha256"]
    return DONE


def _follow(client: HansaClient, pid: str) -> dict[str, Any]:
    """The transfer, once its bytes are here, or will not come by themselves."""
    watch = Watch()
    with bar("receiving") as progress:
        while True:
            state = client.transfer_state(pid, wait=1)
            reception = state["reception"]
            if reception:
                progress(reception["received"], reception["expected"] or 0)
            if reception and reception["state"] in ("done", "failed"):
                break
            # Completed, and nothing has begun to come: the provider ended it before its bytes were asked for.
            if state["state"] == "TERMINATED" or (state["state"] == "COMPLETED" and not reception):
                break
            if watch(state) == STUCK:
                break
    if reception and reception["state"] == "failed" and state["state"] == "STARTED":
        # The message that ends it says why better than the refused bytes do, and may still be on its way.
        state = client.transfer_state(pid, wait=5)
    return state


def _free(target: Path) -> Path:
    """Return a name that no file here has: a download replaces nothing unless ``-o`` says so."""
    existing, number = target, 1
    while target.exists():
        number += 1
        target = existing.with_name(f"{existing.stem}-{number}{existing.suffix}")
    return target
