"""Changes from one version of a record to the next, for the time line of versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.catalogue.meaning.difference import meaning_difference
from node.catalogue.model import Record
from node.catalogue.versions.changes import file_changes, same_conditions
from node.portal.codes import compact
from node.portal.description.content import FACTS, Value, values
from node.portal.description.triples import RDF_TYPE, Description
from node.vocab.namespaces import ADMS, CSVW, DCAT, DCT, HANSA, ODRL, OWL

_LABELS: Final[dict[str, str]] = {
    **{predicate: f"fact.{label}" for label, predicates in FACTS for predicate in predicates},
    f"{DCT}title": "change.title",
    f"{DCT}description": "change.description",
    f"{DCAT}keyword": "facet.keyword",
    f"{DCAT}theme": "facet.theme",
}
_QUIET: Final = frozenset(
    {
        RDF_TYPE,
        f"{DCT}modified",
        f"{DCAT}version",
        f"{OWL}versionInfo",
        f"{ODRL}hasPolicy",
        f"{DCAT}distribution",
        f"{ADMS}versionNotes",
    }
)
"""Properties that change with every version, or whose changes are shown in another way."""
_OF_DEFINITION: Final = frozenset({f"{HANSA}definition", f"{HANSA}jsonSchema", f"{CSVW}column"})
"""A definition and what the node derives from it: the changes of its meaning say what differs."""

MAX_CHANGES: Final = 12
_NEVER_CUT: Final = frozenset({"history-opened", "audience", "file-opened", "verdict"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChange:
    """One difference. ``what`` is ``file-added``, ``file-removed``, ``file-changed``, ``file-opened``,
    ``file-closed``, ``conditions``, ``audience`` (``audiences``: before and after), ``history-opened``, ``property``,
    ``verdict`` (``label``: whether the version is compatible), ``meaning`` (``texts``: the change of a term or field,
    ``breaking`` or not) or ``details``; ``label`` is a key of
    the language files where there is one."""

    what: str
    label: str = ""
    name: str = ""
    before: tuple[Value, ...] = ()
    after: tuple[Value, ...] = ()
    size_before: int | None = None
    size_after: int | None = None
    audiences: tuple[str, str] = ("", "")
    texts: Mapping[str, str] = field(default_factory=dict)
    breaking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A version on the time line. ``notes`` are the publisher's own notes about it; ``more`` counts the changes that
    are not listed."""

    record: Record
    changes: tuple[VersionChange, ...] = ()
    more: int = 0
    notes: dict[str, str]


def label_of(predicate: str) -> str:
    """Return the key of the text that names ``predicate``, or empty."""
    return _LABELS.get(predicate, "")


def timeline(versions: Sequence[Record]) -> list[Step]:
    """Return the steps for ``versions`` (newest first): each with its changes against the version before it."""
    steps = []
    descriptions = [Description.read(record.nquads) for record in versions]
    for place, record in enumerate(versions):
        changes: list[VersionChange] = []
        if record.opens_history:
            changes.append(VersionChange(what="history-opened", audiences=("", record.audience)))
        before = versions[place + 1] if place + 1 < len(versions) else None
        if before is not None and not record.withdrawn and not before.withdrawn:
            changes += _changes(record, before, descriptions[place], descriptions[place + 1])
        elif before is not None and not record.withdrawn:
            changes += [file for file in _files(record, before) if file.what == "file-opened"] + _audience(
                record, before
            )
        # Changes of audience and of downloads are always listed, never only counted.
        changes.sort(key=lambda change: len(changes) > MAX_CHANGES and change.what not in _NEVER_CUT)
        notes = descriptions[place].texts(record.iri, f"{ADMS}versionNotes")
        steps.append(
            Step(
                record=record,
                changes=tuple(changes[:MAX_CHANGES]),
                more=max(0, len(changes) - MAX_CHANGES),
                notes=notes,
            )
        )
    return steps


def _changes(new: Record, old: Record, after: Description, before: Description) -> list[VersionChange]:
    meaning = _meaning(new, old)
    unsaid = _QUIET | _OF_DEFINITION if meaning else _QUIET
    changes = _files(new, old)
    if not same_conditions(old, new):
        changes.append(VersionChange(what="conditions"))
    changes += _audience(new, old)
    for predicate in dict.fromkeys((*after.predicates(new.iri), *before.predicates(old.iri))):
        if predicate in unsaid:
            continue
        was, now = values(before, old.iri, predicate), values(after, new.iri, predicate)
        removals = tuple(value for value in was if value not in now)
        come = tuple(value for value in now if value not in was)
        if removals or come:
            changes.append(
                VersionChange(
                    what="property",
                    label=label_of(predicate),
                    name=compact(predicate),
                    before=removals,
                    after=come,
                )
            )
    changes += meaning
    if not changes and new.sha256 != old.sha256:
        changes.append(VersionChange(what="details"))
    return changes


def _meaning(new: Record, old: Record) -> list[VersionChange]:
    difference = meaning_difference(old, new)
    if difference is None or not difference.changes:
        return []
    changes = [
        VersionChange(what="meaning", texts=change.text, breaking=change.breaking) for change in difference.changes
    ]
    return [VersionChange(what="verdict", label=f"impact.verdict.{difference.verdict}"), *changes]


def _audience(new: Record, old: Record) -> list[VersionChange]:
    if new.audience == old.audience:
        return []
    return [VersionChange(what="audience", audiences=(old.audience, new.audience))]


def _files(new: Record, old: Record) -> list[VersionChange]:
    return [
        VersionChange(
            what=f"file-{change.what}",
            name=change.name,
            size_before=change.size_before,
            size_after=change.size_after,
            audiences=("", new.audience) if change.what in ("opened", "closed") else ("", ""),
        )
        for change in file_changes(old, new)
    ]
