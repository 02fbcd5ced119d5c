"""rulebook: the text of the region's rulebook, and its next version."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node.base.errors import InvalidInput
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, block, count_of, emit, line, remark, report_success, say

group = typer.Typer(no_args_is_help=True, help="Read the region's rulebook, and change it.")

_PARTICULARS: Final = (
    "title",
    "version",
    "valid_from",
    "changes",
    "law",
    "court",
    "disputes",
    "liability",
    "notice",
    "retention",
)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="rulebook")


@group.command("show")
def show(
    text: Annotated[bool, typer.Option("--text", help="Print the text only, to save it in a file.")] = False,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show the newest version of the rulebook of this region."""
    with connect(node) as client:
        rulebook = client.rulebook(lang)
    if Mode.json:
        emit(rulebook)
        return
    fields = rulebook["fields"]
    if text:
        block(fields.get("text", ""))
        return
    line("rulebook", f"{rulebook['rulebook']}  version {rulebook['version']}")
    for name in _PARTICULARS:
        if fields.get(name):
            line(name, fields[name])
    say()
    block(fields.get("text", ""))


@group.command("change")
def change(
    text: Annotated[Path | None, typer.Option("--text", help="File with the new text.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="FIELD=TEXT: valid_from, changes, law, … as show --json names them. May be repeated."
        ),
    ] = None,
    follows: Annotated[
        int | None, typer.Option(help="The version that you changed; by default the newest one.", min=1)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the differences, and publish nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Publish without a question.")] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Publish the next version of the rulebook. Shows first what changes, and who must accept it again."""
    fields = _fields(text, set_ or [])
    with connect(node) as client:
        version = follows or int(client.rulebook(lang)["version"])
        revision = client.change_rulebook(fields, follows=version, language=lang, dry_run=True)
        if not Mode.json:
            _show(revision)
        if not dry_run and not yes and not Mode.json and sys.stdin.isatty():
            dry_run = not typer.confirm(f"  publish version {revision['version']}?", default=False, err=True)
        if not dry_run:
            revision = client.change_rulebook(fields, follows=version, language=lang)
    if Mode.json:
        emit(revision)
    elif revision["published"]:
        report_success("rulebook published", detail=f"version {revision['version']}")
    else:
        remark("nothing is published")
    return 0


def _fields(text: Path | None, settings: list[str]) -> dict[str, str]:
    fields = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise InvalidInput(f"--set {setting[:80]!r} has no value", remedy="write --set valid_from=2027-01-01")
        fields[name.strip()] = value
    if text is not None:
        try:
            fields["text"] = text.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{text} cannot be read: {error}", remedy="give a text file in UTF-8") from error
    if not fields:
        raise InvalidInput("nothing was changed", remedy="give --text FILE, or --set FIELD=TEXT")
    return fields


def _show(revision: dict[str, Any]) -> None:
    """Print the differences, and the members that must accept the version."""
    line("rulebook", f"{revision['rulebook']}  version {revision['version']}")
    line("valid from", revision["validFrom"] or "–")
    for entry in revision["changes"]:
        say()
        say(entry["field"])
        lines = (entry["before"].splitlines(), entry["after"].splitlines())
        # The first two lines name files.
        for text in list(difflib.unified_diff(*lines, lineterm="", n=1))[2:]:
            if not text.startswith("@@"):
                block(f"  {text}")
    say()
    members = revision["mustAccept"]
    line("accept again", count_of(len(members), "member"))
    for member in members:
        line("", f"{member['name']}  {member['holder']}")
