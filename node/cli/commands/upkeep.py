"""status, verify, backup, restore, doctor, demo: keeping a node well, and showing what it does."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node.base.clock import moment
from node.base.errors import InvalidInput, LocalFault
from node.base.plaintext import word
from node.cli.exits import DONE, REFUSED
from node.cli.options import Node, connect
from node.cli.output import (
    Mode,
    complain,
    count_of,
    emit,
    line,
    remark,
    report_failure,
    report_success,
    say,
    size,
)
from node.texts.languages import pick

HEADINGS: Final = {"waiting": "waiting for you", "ending": "ends soon", "failing": "not working", "news": "new"}

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "request-negotiation": ("{peer} requests to use {name}", "hansa decide"),
    "request-offer": ("{peer} offers other conditions for {name}", "hansa decide"),
    "request-application": ("{peer} applies for {type}", "hansa decide"),
    "news-changed": ("{name}: version {version}", "hansa subscription list"),
    "news-withdrawn": ("{name} was withdrawn", "hansa subscription list"),
    "news-search": ("{name}: {count} new", "hansa subscription list"),
    "question": ("question on {name}", "hansa question list --waiting"),
    "question-answered": ("{name}: your question was answered", "hansa question list"),
    "question-refused": ("{name}: your question was refused", "hansa question list"),
    "question-hidden": ("{name}: your question was hidden", "hansa question list"),
    "draft": ("draft: {name}", "finish it in the browser: {path}"),
    "deletion-due": ("{name}: delete the data and confirm", "hansa agreement confirm-deletion {agreement}"),
    "deletion-overdue": (
        "{name}: overdue, delete the data and confirm",
        "hansa agreement confirm-deletion {agreement}",
    ),
    "deletion-unconfirmed": (
        "{name}: {peer} did not confirm the deletion in time",
        "hansa agreement show {agreement}",
    ),
    "agreement-ends": ("{name}: the agreement with {peer} ends", "hansa agreement show {agreement}"),
    "credential-ends": ("{name} of {issuer} ends", "hansa join {issuer} --as {name}"),
    "credential-ended": ("{name} of {issuer} has ended", "hansa join {issuer} --as {name}"),
    "views": ("search, SPARQL and feed show at least {percent} % of the catalogue so far", "hansa status"),
    "deliveries": ("messages that could not be delivered: {count}", "hansa deliveries list"),
    "harvest": ("the harvest {name} failed {count} times in a row", "hansa harvest list {name}"),
    "broker": (
        "the stream {name} has no connection to the broker {source} since {since}: {error}",
        "hansa stream show {name}",
    ),
    "bridge": ("the bridge to {name} fails since {since}: {error}", "hansa stream bridges"),
    "bridge-ended": ("the bridge to {name} ended at {since}: {error}", "hansa stream bridges"),
    "subscriber": (
        "notifications of {name} cannot be delivered to {source} since {since}: {error}",
        "hansa stream subscribers",
    ),
    "webhook": ("webhook {name}: {count} could not be delivered", "hansa webhook show {name} --dead"),
    "webhook-paused": ("webhook {name} is paused: {reason}", "hansa webhook show {name}"),
    "peer": ("{name} cannot be read: {error}", "hansa members"),
    "quarantine": ("{name} is in quarantine", "hansa members evidence {url}"),
}
"""Code of an item → what it is, and the command that goes on."""


def register(app: typer.Typer) -> None:
    app.command("status")(status)
    app.command("verify")(verify)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("accept-loss")(accept_loss)
    app.command("doctor")(doctor)
    app.command("demo")(demo)


def status(node: Node = None) -> int:
    """Show what waits for you, ends soon, fails, or is new. Exit status 1 if something does not work."""
    with connect(node) as client:
        agenda, inferences = client.agenda(), client.node()["inferences"]
    if Mode.json:
        emit(agenda)
        return REFUSED if agenda["failing"]["total"] else DONE
    for part, heading in HEADINGS.items():
        if agenda[part]["total"]:
            say(f"{heading} ({agenda[part]['total']})")
            for item in agenda[part]["items"]:
                _show(item, failing=part == "failing")
    if not any(agenda[part]["total"] for part in HEADINGS):
        report_success("nothing waits for you, nothing ends soon, and everything works")
    _show_inferences(inferences)
    return REFUSED if agenda["failing"]["total"] else DONE


def _show_inferences(inferences: Mapping[str, Any]) -> None:
    """Show inferences for queries that are not up to date."""
    if inferences.get("outdated"):
        count = f"{inferences['outdated']} of {inferences['outdated'] + inferences['kept']} groups of callers"
        remark(f"inferences for {count} are out of date and not used; they are drawn again in the background")
    for reason in inferences.get("refusals", ()):
        remark(f"inferences cannot be drawn: {reason}")


def _show(item: Mapping[str, Any], *, failing: bool) -> None:
    facts = {name: str(value) for name, value in item.items()}
    facts["name"] = pick(item.get("titles") or {}, "en")[0] or facts.get("name", "")
    text, command = TEXTS.get(item["code"], ("{code}", "{path}"))
    words = text.format_map(facts)
    if "at" in item:
        words += f"   {moment(item['at']):%Y-%m-%d}"
    report_failure(words) if failing else say(f"  {words}")
    line("next", command.format_map({name: word(value) for name, value in facts.items()}))


def verify(
    what: Annotated[
        Path | None,
        typer.Argument(help="A node's folder, a received file with its manifest next to it, or an audit trail."),
    ] = None,
    agreement: Annotated[
        str | None, typer.Option(help="Prove this agreement in the peer's ledger, through the running node.")
    ] = None,
    node: Node = None,
) -> int:
    """Verify a ledger, a file, an audit trail, or an agreement.

    The agreement is also checked in the other party's ledger."""
    from node.cli.proof import verify_agreement, verify_file, verify_folder

    if agreement is not None:
        with connect(node) as client:
            checks = verify_agreement(client, agreement)
    elif what is not None and what.is_file():
        checks = verify_file(what)
    else:
        from node.client import locate

        if what is not None and not what.exists():
            raise InvalidInput(f"there is no {what}", remedy="name a node's folder or a received file")
        folder = what or locate(node).folder
        if folder is None:
            raise InvalidInput(
                "name the node's folder: a ledger is checked on its own machine", remedy="hansa verify FOLDER"
            )
        checks = verify_folder(folder)
    sound = all(check["sound"] for check in checks)
    if Mode.json:
        emit({"sound": sound, "checks": checks})
    else:
        for check in checks:
            (report_success if check["sound"] else report_failure)(
                "   ".join(filter(None, (check["what"], check["detail"])))
            )
        if not sound:
            complain("the content was changed")
    return 0 if sound else REFUSED


def backup(
    folder: Annotated[Path, typer.Argument(help="The node's data folder; the node may be running.")],
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            help="An age recipient (age1…) for which the backup is encrypted, or the file to write; else backups/ in "
            "the folder. It may be given for both.",
        ),
    ] = None,
) -> None:
    """Back up a node into one file. It contains database, keys, settings and files; the views are rebuilt after a
    restore."""
    from node.cli.archive import write_backup
    from node.exchange.sealkeys import read_recipient

    recipients = [one for one in to or () if one.startswith("age1")]
    files = [Path(one) for one in to or () if not one.startswith("age1")]
    if len(recipients) > 1 or len(files) > 1:
        raise InvalidInput(
            "a backup is encrypted for one recipient and written to one file",
            remedy="give --to at most twice: once with a recipient (age1…), once with a file",
        )
    recipient = read_recipient(recipients[0]) if recipients else None
    manifest = write_backup(folder, files[0] if files else None, recipient=recipient)
    if Mode.json:
        encrypted = {"encrypted_for": recipients[0]} if recipients else {}
        emit({"file": str(manifest.path), "bytes": manifest.size, "entries": manifest.entries, **encrypted})
    else:
        report_success(
            f"{manifest.path}",
            detail=f"{size(manifest.size)}, {count_of(manifest.entries, 'ledger entry', 'ledger entries')}",
        )
    if recipient is None:
        # On standard error, so that scripts that read JSON meet it too.
        complain("it is not encrypted and contains the node's keys: whoever reads it can act as this node")
        if not Mode.json:
            remark("hansa backup --to age1… encrypts it for a key that you keep elsewhere")
    elif not Mode.json:
        remark("only the identity of this recipient opens it: store it away from the node and the backup")


def restore(
    archive: Annotated[Path, typer.Argument(help="A file that hansa backup wrote.")],
    folder: Annotated[Path, typer.Argument(help="A new folder for the node.")],
    identity: Annotated[
        Path | None,
        typer.Option("--identity", "-i", help="The age identity file (AGE-SECRET-KEY-1…) of an encrypted backup."),
    ] = None,
) -> None:
    """Restore a node from a backup into a new folder. Other nodes notice that it was restored."""
    from node.cli.archive import read_backup
    from node.exchange.age_stream import identity_in

    key = None
    if identity is not None:
        try:
            key = identity_in(identity.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"{identity} cannot be read: {type(error).__name__}",
                remedy="name a file with one line that begins with AGE-SECRET-KEY-1",
            ) from error
    manifest = read_backup(archive, folder, identity=key)
    if Mode.json:
        emit({"folder": str(folder), "epoch": manifest.epoch, "entries": manifest.entries})
        return
    report_success(
        f"restored into {folder}",
        detail=f"{count_of(manifest.entries, 'ledger entry', 'ledger entries')}, epoch {manifest.epoch}",
    )
    line("next", f"hansa verify {word(folder)}   then   hansa serve {word(folder)}")


def accept_loss(
    folder: Annotated[Path, typer.Argument(help="The node's data folder; the node must be stopped.")],
) -> int:
    """Accept that the database lost signed ledger entries. Other nodes notice the loss.

    If nothing is lost, the command changes nothing, and the exit status is 1.
    """
    from node.adapters import signed_head
    from node.bootstrap.parts import log_keys_of, open_keys, open_stores
    from node.cli.server import own
    from node.settings import load

    settings = load(folder)
    own(settings)  # Until this process ends.
    keys = log_keys_of(open_keys(settings))
    stores = open_stores(settings)
    try:
        signed_head.require_newest(settings.folder, stores.uow, stores.ledger, keys)
    except LocalFault as lost:
        report_failure(lost.detail)
    else:
        stores.uow.close()
        report_failure("nothing is lost: the database contains everything that was signed, and was not changed")
        return REFUSED
    stores = open_stores(settings)
    epoch = signed_head.accept_loss(settings.folder, stores.uow, stores.ledger, stores.meta)
    with stores.uow.read() as tx:
        entries = stores.ledger.size(tx)
    stores.uow.close()
    if Mode.json:
        emit({"folder": str(folder), "epoch": epoch, "entries": entries})
        return DONE
    report_success(
        "the loss is accepted", detail=f"{count_of(entries, 'ledger entry', 'ledger entries')}, epoch {epoch}"
    )
    line("next", f"hansa serve {word(folder)}   and tell your partners")
    return DONE


def doctor(folder: Annotated[Path | None, typer.Argument(help="The node's data folder.")] = None) -> int:
    """Check a node, and show for each error how to fix it."""
    from node.cli.diagnosis import examine
    from node.client import locate

    where = folder or locate().folder
    if where is None:
        raise InvalidInput("name the node's folder", remedy="hansa doctor FOLDER")
    findings = examine(where)
    if Mode.json:
        emit([finding.to_json() for finding in findings])
    for finding in findings:
        if Mode.json:
            continue
        (report_success if finding.well else report_failure)(finding.text)
        if finding.remedy:
            line("to fix", finding.remedy)
    return 0 if all(finding.well for finding in findings) else REFUSED


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the nodes running and print their addresses; Ctrl-C ends them.")
    ] = False,
    folder: Annotated[Path | None, typer.Option(help="Folder for the nodes; by default a temporary one.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the made-up data.")] = 2026,
) -> int:
    """Run the demonstration. A region and three cities join, publish, find, agree, exchange and prove."""
    try:
        # A product of its own, built on the node: the node does not know it.
        demonstration = import_module("demo.demonstration")
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"the demonstration is not installed here: {error}",
            remedy="install the whole wheel of Hansa, or use a checkout: make demo",
        ) from error
    return int(demonstration.run(keep=keep, folder=folder, seed=seed))
