"""get: from an asset's address to verified bytes, through conditions, agreement and transfer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.options import Language, Node, connect
from node.cli.output import Mode, bar, done, emit, failed, line, next_step, reasons, remark, size, words
from node.cli.transfers import begin_push, follow_push, read_header, tell_push
from node.cli.yamls import read_conditions

if TYPE_CHECKING:
    from node.client import HansaClient

WAITING = 4
REFUSED = 1
DONE = 0


def register(app: typer.Typer) -> None:
    app.command("get")(get)


def get(
    iri: Annotated[str, typer.Argument(help="Address of the asset.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to save; else its own name, here.")
    ] = None,
    file: Annotated[str | None, typer.Option(help="Which file, where the asset has several.")] = None,
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
        str | None, typer.Option(metavar="CONDITIONS", help="Take no less than this by itself; else what --ask says.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the conditions without being asked.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait as long as a person at the other side needs.")] = False,
    agree_only: Annotated[bool, typer.Option("--agree-only", help="Stop at the agreement; receive nothing.")] = False,
    push_to: Annotated[
        str | None,
        typer.Option(
            "--push-to", metavar="URL", help="Have the provider send it there by HTTP; nothing comes to this machine."
        ),
    ] = None,
    push_header: Annotated[
        str | None,
        typer.Option("--push-header", metavar="'NAME: VALUE'", help="The header that opens that address; @FILE too."),
    ] = None,
    keep_sealed: Annotated[bool, typer.Option("--keep-sealed", help="Save the sealed file too (NAME.age).")] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Get an asset of another city: conditions, agreement, bytes, proof.

    Interrupt it and run it again: it goes on where it stopped.
    """
    opening = read_header(push_header)
    result: dict[str, Any] = {"iri": iri}
    with connect(node) as client:
        found = client.conditions(iri, purpose=purpose)
        result["conditions"] = found["summary"]
        line("conditions", words(found["summary"], lang))
        agreement_id = found["agreementId"]
        if agreement_id is None:
            if ask is not None:
                line("asking", "for other terms than these")
            elif not yes and not Mode.json and not _accepted(found, lang):
                return REFUSED
            pid = _waiting_already(client, iri) or _begin(client, iri, purpose, ask, least)
            status, agreement_id = _agree(client, pid, result, wait=wait, lang=lang)
            if agreement_id is None:
                if Mode.json:
                    emit(result)
                return status
            line("agreement", f"{agreement_id}  signed by both")
        else:
            line("agreement", f"{agreement_id}  in force already")
        result["agreementId"] = agreement_id
        if agree_only:
            status = DONE
        elif push_to is not None:
            pid = begin_push(client, agreement_id, push_to, opening, file=file)
            result["transfer"] = follow_push(client, pid)
            tell_push(result["transfer"], file, lang)
            status = DONE if result["transfer"]["state"] == "COMPLETED" else REFUSED
        else:
            status = _receive(client, agreement_id, file, output, result, keep_sealed=keep_sealed)
    if Mode.json:
        emit(result)
    return status


def _accepted(found: dict[str, Any], lang: str) -> bool:
    for sentence in found["sentences"].get(lang, found["sentences"]["en"]):
        line("", f"· {sentence}")
    return typer.confirm("  do you accept?", default=False, err=True)


def _begin(client: HansaClient, iri: str, purpose: str | None, ask: str | None, least: str | None) -> str:
    wanted, needed = (read_conditions(said) if said is not None else None for said in (ask, least))
    return str(client.negotiate(iri, purpose=purpose, ask=wanted, least=needed)["pid"])


def _agree(client: HansaClient, pid: str, result: dict[str, Any], *, wait: bool, lang: str) -> tuple[int, str | None]:
    patience = time.monotonic() + (86_400 * 30 if wait else 20)
    told = False
    while True:
        state = client.negotiation(pid, wait=10 if wait else 3)
        result["negotiation"] = {"pid": pid, "state": state["state"]}
        if state["state"] == "FINALIZED":
            return DONE, str(state["agreementId"])
        if state["state"] == "TERMINATED":
            _explain_refusal(state, lang)
            result["refused"] = {"code": state["code"], "reason": state["reason"]}
            return REFUSED, None
        if state["state"] == "OFFERED" and state["waitsFor"] is not None:
            line("offered", f"not what was asked for: {words(state['waitsFor']['summary'], lang)}")
            next_step(f"hansa decide {state['waitsFor']['id']} --approve")
            remark(f"or ask again: hansa negotiation counter {pid} --ask …")
            return WAITING, None
        if time.monotonic() > patience or (not wait and told):
            line("asked", "waiting for a person at the other side; you can close this")
            remark("hansa get again, or --wait")
            return WAITING, None
        told = state["state"] == "REQUESTED" and state["pending"] is None


def _waiting_already(client: HansaClient, iri: str) -> str | None:
    """A negotiation of ours about this asset that still runs: ask no second time."""
    running = client.negotiations()
    return next(
        (
            one["pid"]
            for one in running
            if one["dataset"] == iri and one["role"] == "consumer" and one["state"] not in ("FINALIZED", "TERMINATED")
        ),
        None,
    )


def _explain_refusal(state: dict[str, Any], lang: str) -> None:
    failed(f"refused by {state['peer']}")
    reasons(state["reason"] or [], lang)
    if not state["reason"]:
        line("code", str(state["code"]))


def _receive(
    client: HansaClient,
    agreement_id: str,
    file: str | None,
    output: Path | None,
    result: dict[str, Any],
    *,
    keep_sealed: bool,
) -> int:
    pid = client.transfer(agreement_id, file=file)["pid"]
    started = time.monotonic()
    with bar("receiving") as progress:
        while True:
            state = client.transfer_state(pid, wait=1)
            reception = state.get("reception")
            if reception:
                progress(reception["received"], reception["expected"] or 0)
            if reception and reception["state"] in ("done", "failed"):
                break
            if state["state"] == "TERMINATED":
                break
    result["transfer"] = {"pid": pid, "state": state["state"]}
    if not reception or reception["state"] != "done":
        _explain_refusal(
            {**state, "reason": state["reason"] or [reception["error"] if reception else "refused"]}, "en"
        )
        return REFUSED
    target = output or Path(reception["name"])
    if target.is_dir():
        target /= reception["name"]
    if output is None:
        target = _free(target)
    written = client.save(pid, target)
    manifest = target.with_name(target.name + ".manifest.jws")
    signed = reception["facts"].get("verified", True)
    if signed:
        client.save(pid, manifest, part="manifest")
    if keep_sealed and reception["sealed"]:
        client.save(pid, target.with_name(target.name + ".age"), part="sealed")
    seconds = max(time.monotonic() - started, 0.001)
    line(
        "receiving", f"{size(written)}  {written / seconds / 1e6:.0f} MB/s{'  sealed' if reception['sealed'] else ''}"
    )
    if signed:
        done("verified", detail="size, hash, manifest's signature" + (", seal" if reception["sealed"] else ""))
    else:
        line("unverified", "the provider sent no signed manifest, so nobody vouches for what arrived")
    line("saved", f"{target}   (+ {manifest.name})" if signed else str(target))
    result["verified"] = signed
    result["saved"] = str(target)
    result["sha256"] = reception["sha256"]
    return DONE


def _free(target: Path) -> Path:
    """A name that no file here has: what is fetched replaces nothing unless ``-o`` says so."""
    taken, number = target, 1
    while target.exists():
        number += 1
        target = taken.with_name(f"{taken.stem}-{number}{taken.suffix}")
    return target
