"""config, audit, storage: how a running node is set up, what happened, and the room that it takes."""

from __future__ import annotations

import csv
import io
import json
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from node import __version__
from node.base.plaintext import harmless, word
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, exact, line, remark, say, size, suggest, table
from node.operation.security_log import log_line
from node.texts.languages import pick

_COLUMNS = ("seq", "at", "kind", "subject", "by", "id", "body")


def register(app: typer.Typer) -> None:
    app.command("config")(config)
    app.command("audit")(audit)
    app.command("callers")(callers)
    app.command("storage")(storage)


def config(
    without_defaults: Annotated[
        bool, typer.Option("--changed", help="Only settings that are not the default.")
    ] = False,
    node: Node = None,
) -> None:
    """Show the settings in force, and where each comes from. Secrets are not shown."""
    with connect(node) as client:
        settings = [one for one in client.settings() if not without_defaults or one["source"] != "default"]
    if Mode.json:
        emit(settings)
        return
    for setting in settings:
        line(setting["name"], f"{setting['value'] or '-'}   ({setting['source']})")


def audit(
    kind: Annotated[str, typer.Option(help="Only entries of this kind, such as access or decision.")] = "",
    subject: Annotated[str, typer.Option(help="Only entries about this subject, by its whole identifier.")] = "",
    by: Annotated[str, typer.Option(help="Only entries of this person or participant.")] = "",
    since: Annotated[str, typer.Option(help="Only entries from this moment on: 2026-11-01T00:00:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Only entries before this moment.")] = "",
    most: Annotated[int, typer.Option("--limit", min=1, max=50_000, help="The most entries.")] = 50,
    table: Annotated[bool, typer.Option("--csv", help="Write a table (CSV).")] = False,
    log: Annotated[
        bool, typer.Option("--log", help="Write lines for a security log: CEF in syslog (RFC 5424).")
    ] = False,
    with_signature: Annotated[
        bool,
        typer.Option(
            "--signed", help="Write a file that the node signs: JSON lines, for hansa verify. It has no --limit."
        ),
    ] = False,
    node: Node = None,
) -> None:
    """Show what happened at this node, newest first."""
    given = {"kind": kind, "subject": subject, "by": by, "since": since, "until": until}
    criteria = {name: value for name, value in given.items() if value}
    if with_signature:
        with connect(node) as client:
            exact(client.signed_audit(criteria))
        return
    entries: list[dict[str, Any]] = []
    before: int | None = None
    with connect(node) as client:
        address = client.address.url
        while len(entries) < most:
            page = client.audit(criteria, before=before, limit=min(500, most - len(entries)))
            entries += page["entries"]
            before = page["before"]
            if before is None:
                break
    if Mode.json:
        emit(entries)
        return
    if table:
        sheet = io.StringIO()
        writer = csv.writer(sheet)
        writer.writerow(_COLUMNS)
        for entry in entries:
            cells = {**entry, "body": json.dumps(entry["body"], ensure_ascii=False)}
            writer.writerow([harmless(str(cells[name])) for name in _COLUMNS])
        exact(sheet.getvalue().encode("utf-8", errors="replace"))
        return
    if log:
        host = urlsplit(address).hostname or ""
        lines = [log_line(entry, host=host, version=__version__) for entry in entries]
        exact("".join(f"{text}\n" for text in lines).encode("utf-8", errors="replace"))
        return
    for entry in entries:
        say(f"{entry['at']}   {entry['event']['code'].replace('-', ' '):<32} {entry['by']}")
        line("about", entry["subject"])
        for name, text in entry["event"].get("facts", {}).items():
            line(name, text)
    if before is not None:
        suggest("there may be more: give a larger --limit, or --until the last moment above")


def callers(node: Node = None) -> None:
    """Show the work that callers made in the last day."""
    with connect(node) as client:
        daily = client.consumption()
    if Mode.json:
        emit(daily)
        return
    rows = [
        [
            group,
            str(load["requests"]),
            str(load["queries"]),
            str(load["refusals"]),
            size(load["sentBytes"]),
            f"{load['seconds']:.1f}",
        ]
        for group, load in daily["groups"].items()
    ]
    table(rows, ["callers", "requests", "queries", "refused", "sent", "seconds"])
    remark(f"since {daily['since']}; seconds: until answers began, waiting for a turn included")


def storage(
    after: Annotated[str, typer.Option(help="Begin after the asset with this identifier.")] = "",
    node: Node = None,
) -> None:
    """Show what is on the node's disk: files by asset, backups."""
    with connect(node) as client:
        use = client.storage(after=after)
    if Mode.json:
        emit(use)
        return
    line("free", size(use["free"]))
    for name, taken in use["places"].items():
        line(name, size(taken))
    for backup in use["backups"]:
        line("backup", f"{backup['name']}   {size(backup['bytes'])}   {backup['at']}")
    for asset in use["assets"]:
        earlier = f"   earlier versions {size(asset['earlierBytes'])}" if asset["earlierBytes"] else ""
        say(f"{size(asset['bytes']):>10}   {pick(asset['titles'], 'en')[0] or asset['iri']}{earlier}")
    if use["next"]:
        suggest(f"hansa storage --after {word(use['next'])}")
