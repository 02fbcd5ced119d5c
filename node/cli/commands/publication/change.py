"""change: the same changes in several assets, looked at before they are published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.base.plaintext import word
from node.cli.exits import REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import (
    Mode,
    complain,
    count_of,
    counter,
    emit,
    line,
    remark,
    report_success,
    say,
    words,
)
from node.cli.yamls import read_conditions

if TYPE_CHECKING:
    from node.client import HansaClient

TOGETHER: Final = 100
"""Assets that a node changes in one request."""


def register(app: typer.Typer) -> None:
    app.command("change")(change)


def change(
    iris: Annotated[list[str] | None, typer.Argument(metavar="ASSETS", help="Addresses of the assets.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All assets of this node instead, as far as the next options match them.")
    ] = False,
    matching: Annotated[str | None, typer.Option("--matching", help="With --all: those with these words.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="With --all: those of this kind.")] = None,
    with_license: Annotated[
        list[str] | None, typer.Option("--with-license", help="With --all: those with this licence, such as CC0-1.0.")
    ] = None,
    licence: Annotated[str | None, typer.Option("--license", help="The licence, such as CC-BY-4.0.")] = None,
    contact_name: Annotated[str | None, typer.Option(help="The name of the contact.")] = None,
    contact_email: Annotated[str | None, typer.Option(help="The e-mail address of the contact.")] = None,
    theme: Annotated[str | None, typer.Option(help="The EU data theme, such as TRAN.")] = None,
    frequency: Annotated[str | None, typer.Option(help="How often the data are renewed, such as DAILY.")] = None,
    add_keyword: Annotated[list[str] | None, typer.Option(help="A keyword to add; may be repeated.")] = None,
    remove_keyword: Annotated[list[str] | None, typer.Option(help="A keyword to remove; may be repeated.")] = None,
    conditions: Annotated[
        str | None, typer.Option(help="A template of conditions (members), YAML, or a file, also with ODRL.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the conditions; may be repeated."),
    ] = None,
    audience: Annotated[str | None, typer.Option(help="Who may see them: public, members, internal.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Change several assets in the same way.

    Each gets a new version. What would change is shown first. An option with an empty text removes the statement. An
    asset that cannot be changed is named with the reason, and does not keep the others from being changed.
    """
    if bool(iris) == every:
        raise typer.BadParameter("name the assets, or give --all")
    if not every and (matching or kind or with_license):
        raise typer.BadParameter("--matching, --kind and --with-license go with --all")
    contact = {"name": contact_name, "email": contact_email}
    keywords = {"add": add_keyword or [], "remove": remove_keyword or []}
    changes: dict[str, Any] = {
        "license": licence,
        "theme": theme,
        "frequency": frequency,
        "contact": contact if any(text is not None for text in contact.values()) else None,
        "keywords": keywords if any(keywords.values()) else None,
        "conditions": _conditions(conditions, parameters or []),
        "audience": audience,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes:
        raise typer.BadParameter("say what is to be changed, such as --license CC-BY-4.0")
    changes["language"] = lang
    with connect(node) as client:
        addresses = _own(client, matching or "", kind, with_license) if every else list(dict.fromkeys(iris or ()))
        if not addresses:
            say("No asset of this node is like that.")
            return 0
        foreseen = list(_run(client, dict.fromkeys(addresses), changes, dry_run=True, label="checking"))
        _show(foreseen, lang)
        to_change = {each["iri"]: each["version"] for each in foreseen if each["outcome"] == "changed"}
        if check or not to_change:
            return _finish(foreseen, lang, is_trial=True)
        if not yes and not typer.confirm(f"  change {count_of(len(to_change), 'asset')}?", default=False, err=True):
            return REFUSED
        results = list(_run(client, to_change, changes, dry_run=False, label="changing"))
    done = {each["iri"]: each for each in results}
    return _finish([done.get(each["iri"], each) for each in foreseen], lang)


def _conditions(text: str | None, parameters: Sequence[str]) -> dict[str, Any] | None:
    if text is None:
        if parameters:
            raise typer.BadParameter("--parameter goes with --conditions")
        return None
    pairs = [part.partition("=") for part in parameters]
    if not all(separator for _, separator, _ in pairs):
        raise typer.BadParameter("write a parameter as NAME=VALUE, such as until=2027-12-31")
    conditions = read_conditions(text)
    if not isinstance(conditions, str):
        if pairs:
            raise typer.BadParameter("--parameter goes with the name of a template")
        return conditions
    return {"template": conditions, **{name.strip(): value.strip() for name, _, value in pairs}}


def _own(client: HansaClient, text: str, kind: Sequence[str] | None, licences: Sequence[str] | None) -> list[str]:
    """Return the addresses of the assets that this node publishes itself: imports change at their source."""
    hits = client.search_all(text, node="here", kind=kind, license=licences, widen=False)
    return [hit["iri"] for hit in hits if not hit["imported"]]


def _run(
    client: HansaClient, versions: Mapping[str, int | None], changes: Mapping[str, Any], *, dry_run: bool, label: str
) -> Iterator[Mapping[str, Any]]:
    with counter(label) as show:
        everything = list(versions.items())
        for first in range(0, len(everything), TOGETHER):
            part = dict(everything[first : first + TOGETHER])
            yield from client.change_all(part, changes, dry_run=dry_run)["results"]
            show(first + len(part), len(everything))


def _show(results: Sequence[Mapping[str, Any]], lang: str) -> None:
    """Show what changes in each asset. Those that are so already are only counted."""
    if Mode.json:
        return
    for each in results:
        if each["outcome"] != "changed":
            continue
        say(words(each["title"], lang) or each["iri"])
        for one in each["changes"]:
            line(one["field"], f"{one['before'] or '–'} → {one['after'] or '–'}")
        for sentence in each.get("conditions", {}).get("removed", ()):
            line("conditions", f"- {sentence}")
        for sentence in each.get("conditions", {}).get("added", ()):
            line("conditions", f"+ {sentence}")
        if "audience" in each:
            line("audience", f"{each['audience']['before']} → {each['audience']['after']}")
        if each.get("limitsLapse"):
            remark("its limits were set for other conditions and do not apply to these")
            remark(f"hansa limits {word(each['iri'])} --give CONDITIONS")
        remark(f"version {each['nextVersion']}")


def _finish(results: Sequence[Mapping[str, Any]], lang: str, *, is_trial: bool = False) -> int:
    """Name the refused assets and the counts, and return the exit status."""
    if Mode.json:
        emit({"results": list(results)})
    refusals = [each for each in results if each["outcome"] == "refused"]
    for each in refusals:
        complain(f"{words(each.get('title'), lang) or each['iri']}: {each['problem']['detail']}")
        if remedy := each["problem"].get("remedy"):
            remark(str(remedy))
    changed = sum(each["outcome"] == "changed" for each in results)
    unchanged = sum(each["outcome"] == "unchanged" for each in results)
    counts = f"{count_of(changed, 'asset')}, {unchanged} were so already, {len(refusals)} refused"
    report_success("would change" if is_trial else "changed", detail=counts)
    return REFUSED if refusals else 0
