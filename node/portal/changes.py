"""What changed from one version of a record to the next, for the time line of versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.base.jsons import digest
from node.catalogue.model import Record
from node.portal.codes import compact
from node.portal.content import FACTS, Value, values
from node.portal.triples import RDF_TYPE, Description
from node.vocab.namespaces import ADMS, DCAT, DCT, ODRL, OWL

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
"""What changes with every version anyhow, or is told in another way."""

MAX_CHANGES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. ``what`` is ``file-added``, ``file-removed``, ``file-changed``, ``conditions``,
    ``audience``, ``property`` or ``details``; ``label`` is a key of the language files where there is one."""

    what: str
    label: str = ""
    name: str = ""
    before: tuple[Value, ...] = ()
    after: tuple[Value, ...] = ()
    size_before: int | None = None
    size_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A version on the time line. ``notes`` are the publisher's own words about it; ``more`` counts the
    changes that are not listed."""

    record: Record
    changes: tuple[Change, ...] = ()
    more: int = 0
    notes: dict[str, str]


def timeline(versions: Sequence[Record]) -> list[Step]:
    """The steps for ``versions`` (newest first): each with what it changed in the one before it."""
    steps = []
    descriptions = [Description.read(record.nquads) for record in versions]
    for place, record in enumerate(versions):
        found: list[Change] = []
        if place + 1 < len(versions) and not record.withdrawn and not versions[place + 1].withdrawn:
            found = _changes(record, versions[place + 1], descriptions[place], descriptions[place + 1])
        notes = descriptions[place].texts(record.iri, f"{ADMS}versionNotes")
        steps.append(
            Step(
                record=record,
                changes=tuple(found[:MAX_CHANGES]),
                more=max(0, len(found) - MAX_CHANGES),
                notes=notes,
            )
        )
    return steps


def _changes(new: Record, old: Record, after: Description, before: Description) -> list[Change]:
    found = _files(new, old)
    if _terms(new) != _terms(old):
        found.append(Change(what="conditions"))
    if new.audience != old.audience:
        found.append(Change(what="audience"))
    for predicate in dict.fromkeys((*after.predicates(new.iri), *before.predicates(old.iri))):
        if predicate in _QUIET:
            continue
        was, now = values(before, old.iri, predicate), values(after, new.iri, predicate)
        gone = tuple(value for value in was if value not in now)
        come = tuple(value for value in now if value not in was)
        if gone or come:
            found.append(
                Change(
                    what="property",
                    label=_LABELS.get(predicate, ""),
                    name=compact(predicate),
                    before=gone,
                    after=come,
                )
            )
    if not found and new.sha256 != old.sha256:
        found.append(Change(what="details"))
    return found


def _files(new: Record, old: Record) -> list[Change]:
    was = {file.name: file for file in old.files}
    now = {file.name: file for file in new.files}
    found = [Change(what="file-removed", name=name) for name in was if name not in now]
    for name, file in now.items():
        if name not in was:
            found.append(Change(what="file-added", name=name, size_after=file.size))
        elif file.sha256 != was[name].sha256:
            found.append(Change(what="file-changed", name=name, size_before=was[name].size, size_after=file.size))
    return found


def _terms(record: Record) -> str:
    """The offer without the identifiers that every version gets anew."""
    if record.offer is None:
        return ""
    return digest({name: value for name, value in record.offer.items() if name not in ("@id", "target")})
