"""Print what a new version of an ontology or a schema changes, and for whom, and what an ontology imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from node.cli.output import count_of, line, remark, report_failure, report_success, words

SHOWN: Final = 20
"""Changes that are printed, and users of each."""

_VERDICTS: Final = {
    "same": "its meaning is the same",
    "compatible": "nothing that uses its terms breaks",
    "breaking": "data or queries that use these terms may no longer be right",
    "full": "old data stays valid, and old programs can read new data",
    "backward": "old data stays valid; old programs may meet new values or fields",
    "forward": "old programs can read new data; old data may be invalid",
    "none": "old data may be invalid, and old programs may not read new data",
}
_STATES: Final = {
    "missing": "not in this catalogue",
    "erased": "this version was erased",
    "too-many": "left out: more is imported than is read",
}
_NAMES: Final = {
    "full": "fully compatible",
    "backward": "backward compatible",
    "forward": "forward compatible",
    "none": "not compatible",
}


def show_impact(impact: Mapping[str, Any], lang: str) -> None:
    """Print the verdict on a version, its changes, and the assets that these concern."""
    verdict = impact["verdict"]
    name = _NAMES.get(verdict, verdict)
    detail = f"compared with version {impact['since']}: {_VERDICTS[verdict]}"
    if impact["breaking"]:
        report_failure(f"{name}   {detail}")
    else:
        report_success(name, detail=detail)
    for change in impact["changes"][:SHOWN]:
        line(
            "breaking" if change["breaking"] else "compatible", str(change["text"].get(lang) or change["text"]["en"])
        )
        for user in change["users"][:SHOWN]:
            line("", f"  used by {user['kind']} {words(user['titles'], lang)}  {user['iri']}")
    rest = len(impact["changes"]) - SHOWN + impact["more"]
    if rest > 0:
        remark(f"{count_of(rest, 'more change')}: --json shows them")
    shown = {user["iri"] for change in impact["changes"][:SHOWN] for user in change["users"]}
    others = [user for user in impact["users"] if user["iri"] not in shown]
    for user in others[:SHOWN]:
        line("user", f"{user['kind']} {words(user['titles'], lang)}  {user['iri']}")
    for bound in impact.get("bound", ()):
        _show_bound(bound, lang)


def _show_bound(bound: Mapping[str, Any], lang: str) -> None:
    """Print what a version means for the assets that were published under an earlier one."""
    verdict = bound["verdict"]
    line(f"since {bound['version']}", f"{_NAMES.get(verdict, verdict)}: {_VERDICTS[verdict]}")
    for change in bound["changes"][:SHOWN]:
        line("breaking", str(change["text"].get(lang) or change["text"]["en"]))
    for user in bound["users"][:SHOWN]:
        line("user", f"{user['kind']} {words(user['titles'], lang)}  {user['iri']}")


def show_imports(imports: Iterable[Mapping[str, Any]], lang: str) -> None:
    """Print each import of an ontology: its title and version, or why it is not here."""
    for entry in imports:
        ontology = entry.get("ontology")
        if ontology is None:
            line("imports", f"{entry['name']}  ({_STATES[entry['state']]})")
            continue
        version = f"version {ontology['version']}"
        if not entry["pinned"]:
            version += ", published later"
        elif ontology["newest"] > ontology["version"]:
            version += f"; the newest is {ontology['newest']}"
        line("imports", f"{words(ontology['titles'], lang)}  {ontology['iri']}  ({version})")
