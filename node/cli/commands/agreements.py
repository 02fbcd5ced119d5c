"""agreement: what was agreed, every access under it, and the file that proves it to anybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from node.base.errors import HansaError, InvalidInput
from node.base.plaintext import word
from node.cli.exits import REFUSED
from node.cli.groups import Shorthand
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, complain, emit, line, remark, report_failure, report_success, save, say, size, words

if TYPE_CHECKING:
    from node.evidence.findings import Report
    from node.identity.model import DidDocument

group = typer.Typer(
    cls=Shorthand,
    help="Agreements: list, show, export as evidence, verify. 'hansa agreement ID' shows one.",
)

_Id = Annotated[str, typer.Argument(help="Id of the agreement.", metavar="ID")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="agreement")


@group.command("list")
def list_agreements(node: Node = None) -> None:
    """Show the agreements of this node."""
    with connect(node) as client:
        agreements = client.agreements()
    if Mode.json:
        emit(agreements)
        return
    for agreement in agreements:
        say(agreement["id"])
        line(agreement["role"], f"{agreement['dataset']}")
        line("final since", str(agreement["finalized"])[:19])
    if not agreements:
        say("No agreements yet.")


@group.command("show")
def show(
    agreement_id: _Id,
    document: Annotated[
        Path | None, typer.Option("--document", help="Save it as a readable document (HTML).")
    ] = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show an agreement, its accesses and transfers."""
    with connect(node) as client:
        agreement = client.agreement(agreement_id)
        if document is not None:
            save(document, client.agreement_document(agreement_id, lang).encode())
    if Mode.json:
        emit(agreement)
        return
    line("agreement", agreement["id"])
    line("asset", agreement["dataset"])
    line("provider", agreement["provider"])
    line("consumer", agreement["consumer"])
    line("hash", agreement["sha256"])
    line("signed by", ", ".join(agreement["signatures"]))
    conditions = agreement["sentences"]
    for number, sentence in enumerate(conditions.get(lang, conditions["en"])):
        line("" if number else "conditions", f"· {sentence}")
    uses = agreement.get("uses")
    if uses:
        line("uses", _uses(uses))
    if agreement.get("deletion"):
        line("deletion", _deletion(agreement["deletion"]))
    for copy in agreement["copies"]:
        line("copy", f"at {copy['source']}: {copy['place']}")
    for access in agreement["accesses"]:
        line(
            "access",
            f"{access['at'][:19]}  {access['by']}  {access.get('outcome', '')}  {access.get('asked', '')}".rstrip(),
        )
        for reason in access.get("reasons") or ():
            have = f" They hold: {reason['have']}" if reason.get("have") else ""
            since = f", since {str(reason['since'])[:19]}" if reason.get("since") else ""
            line("", f"{words(reason.get('text'), lang)}{have}{since}")
    if agreement["role"] == "consumer":
        for transfer in agreement["transfers"]:
            reception = transfer["reception"]
            what = f"{reception['name']}, {size(reception['received'])}" if reception else transfer["format"]
            line("transfer", f"{transfer['created'][:19]}  {what}  {transfer['state'].lower()}")
    if document is not None:
        report_success(f"saved {document}")


@group.command("confirm-deletion")
def confirm_deletion(agreement_id: _Id, node: Node = None) -> None:
    """Delete received files, and confirm the deletion. Use it when all other copies are deleted too: the provider
    gets a signed confirmation.

    First delete the copies that you made elsewhere: your node signs the confirmation. Copies that it sent to data
    sources itself it deletes, too.
    """
    with connect(node) as client:
        deletion = client.call("POST", f"/api/agreements/{quote(agreement_id, safe='')}/confirm-deletion")
    if Mode.json:
        emit(deletion)
        return
    report_success(f"confirmed at {str(deletion['confirmed'])[:19]}: the files that this node received are deleted")
    for copy in deletion["copies"]:
        line("copy", f"{copy['source']}  {copy['place']}: {copy['result']}")
    line(
        "next", f"the provider is being told; check whether it has received it: hansa agreement {word(agreement_id)}"
    )


@group.command("deletions")
def list_deletions(node: Node = None) -> int:
    """Show which data has to be deleted, overdue first. Confirmed deletions are listed too."""
    with connect(node) as client:
        deletions = client.call("GET", "/api/deletions")
    if Mode.json:
        emit(deletions)
    else:
        for deletion in deletions:
            say(deletion["agreement"])
            line("asset", deletion["dataset"])
            line("provider" if deletion["role"] == "consumer" else "consumer", deletion["peer"])
            line("deletion", _deletion(deletion))
        if not deletions:
            say("No agreement asks for deletion.")
    return REFUSED if any(one["overdue"] for one in deletions) else 0


def _deletion(deletion: dict[str, Any]) -> str:
    parts = []
    if deletion["confirmed"]:
        confirmation = f"confirmed {deletion['confirmed'][:19]} by {deletion['confirmedBy']}"
        if deletion["role"] == "consumer":
            receipt = (
                f"the provider received it {deletion['told'][:19]}"
                if deletion["told"]
                else "the provider has not received it yet"
            )
            confirmation += f"; {deletion['untold'] or receipt}"
        parts.append(confirmation)
    if deletion["overdue"]:
        parts.append(f"OVERDUE since {deletion['due'][:19]}")
    elif deletion["due"]:
        parts.append(f"due by {deletion['due'][:19]}")
    elif deletion["received"]:
        parts.append("due; the agreement sets no date")
    elif not deletion["confirmed"]:
        parts.append("nothing was received yet")
    return "; ".join(parts)


def _uses(tally: dict[str, int | None]) -> str:
    if tally["most"] is None:
        return f"{tally['used']} so far"
    return f"{tally['used']} of at most {tally['most']}; {tally['left']} left"


@group.command("export")
def export(
    agreement_id: _Id,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to save; by default agreement-….zip in this folder.")
    ] = None,
    node: Node = None,
) -> None:
    """Write an agreement with its evidence into a file. It has texts, signatures, keys, messages and ledger proofs.

    Anybody can check the file with 'hansa agreement verify', or by hand as its README.txt says.
    """
    from node.evidence.archive import file_name
    from node.evidence.findings import Outcome
    from node.evidence.verification import check

    with connect(node) as client:
        content = client.agreement_file(agreement_id)
    target = output or Path(file_name(agreement_id))
    if target.is_dir():
        target /= file_name(agreement_id)
    save(target, content)
    # What is handed out is looked at first, as its reader will.
    report = check(content)
    missing = [finding for finding in report.findings if finding.outcome is Outcome.OPEN]
    if Mode.json:
        emit({"file": str(target), "bytes": len(content), "missing": [part.to_json() for part in missing]})
        return
    report_success(f"saved {target}", detail=size(len(content)))
    for part in missing:
        line("not in it", f"{part.what}: {part.detail}")
    remark(f"hansa agreement verify {word(target)}")


@group.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A file that export wrote.")],
    online: Annotated[
        bool, typer.Option("--online", help="Also compare its keys with those that the parties publish now.")
    ] = False,
) -> int:
    """Check a file with an agreement, without a node. It uses the network only with --online."""
    from node.evidence.verification import check, compare_published

    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read: {error.strerror}", remedy="name the file that hansa agreement export wrote"
        ) from None
    report = check(content)
    if online:
        compare_published(report, _fetch_documents({key.id.partition("#")[0] for key in report.keys}))
    if Mode.json:
        emit(report.to_json())
    else:
        _tell(report, online=online)
    return 0 if report.sound else REFUSED


def _tell(report: Report, *, online: bool) -> None:
    from node.evidence.findings import Outcome

    say(report.agreement)
    for finding in report.findings:
        text = finding.what + (f"   {finding.detail}" if finding.detail else "")
        if finding.outcome is Outcome.HOLDS:
            report_success(text)
        elif finding.outcome is Outcome.FAILS:
            report_failure(text)
        else:
            say(f"– {text}")
    for key in report.keys:
        line("key", f"{key.id}  for {key.purpose}  sha256 {key.fingerprint}")
    if not report.sound:
        complain("this file does not prove the agreement: a part of it was changed or is false")
    elif online:
        say("Everything in the file is valid, under the keys that the parties publish now.")
    else:
        say("Everything in the file is valid, if its keys are those of the parties.")
        remark("compare the fingerprints with those that the parties publish, or use --online")


def _fetch_documents(dids: set[str]) -> dict[str, DidDocument | str]:
    """The DID documents as they are now, or why one cannot be had."""
    import asyncio

    from node.adapters.egress import Egress
    from node.identity.did import check_document, document_url

    async def fetch() -> dict[str, DidDocument | str]:
        documents: dict[str, DidDocument | str] = {}
        async with Egress(allow_loopback=True) as egress:
            for did in sorted(dids):
                try:
                    answer = await egress.request("GET", document_url(did, allow_loopback_http=True), timeout=10)
                    documents[did] = (
                        check_document(did, answer.json()) if answer.ok else f"it answers {answer.status}"
                    )
                except HansaError as error:
                    documents[did] = error.detail
        return documents

    return asyncio.run(fetch())
