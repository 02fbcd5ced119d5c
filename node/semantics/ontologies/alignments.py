"""Alignments between the terms of two ontologies: drafted by labels and structure, and written and read as SSSOM."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Final

from node.base.errors import InvalidInput
from node.semantics.ontologies.terms import ALIGNMENTS, Term, Vocabulary
from node.semantics.sheets import Look, rows
from node.vocab.namespaces import OWL, RDF, SKOS, local_name

MOST: Final = 5000
"""Alignments in one set."""
PREDICATES: Final = tuple(local_name(predicate) for predicate in ALIGNMENTS)
_SEMAPV: Final = "https://w3id.org/semapv/vocab/"
_COLUMNS: Final = (
    "subject_id",
    "subject_label",
    "predicate_id",
    "object_id",
    "object_label",
    "mapping_justification",
    "confidence",
)
_BY_LABEL: Final = "LexicalMatching"
_BY_STRUCTURE: Final = "StructuralMatching"
BY_PERSON: Final = "ManualMappingCuration"
_SHARED: Final = 20
"""A name that more terms of one ontology have tells nothing, and would make pairs of all with all."""
_ALIKE: Final = 0.85
"""The share of letters that names which are written almost alike have in common."""
_SHORTEST: Final = 5
_COMMON: Final = 100
"""A group of letters that more names have tells nothing."""
_COMPARED: Final = 8
"""Names that one name is compared with."""
_NOT_IN_IRIS: Final = frozenset('<>"{}|\\^`')


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """A pair of terms. ``predicate`` is a local name of SKOS, ``justification`` one of SEMAPV."""

    subject: str
    predicate: str
    object: str
    confidence: float = 1.0
    justification: str = BY_PERSON
    subject_label: str = ""
    object_label: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "subjectLabel": self.subject_label,
            "predicate": f"skos:{self.predicate}",
            "object": self.object,
            "objectLabel": self.object_label,
            "confidence": self.confidence,
            "justification": f"semapv:{self.justification}",
        }


def draft_alignments(first: Vocabulary, second: Vocabulary, language: str) -> list[Alignment]:
    """Return the pairs of terms of the same kind with a label or name in common, the surest first.

    A label in the same language counts more than one in another, and a name less. Pairs whose terms above are paired
    too are surer; of several partners of one term, on either side, none is an exact one. Terms without a partner are
    paired with those whose labels are written almost alike, never exactly.
    """
    names = _by_name(second)
    scores_of: dict[str, dict[str, float]] = {}
    for term in first.terms.values():
        scores: dict[str, float] = {}
        for key, score in _names(term):
            for other, other_score in names.get((term.kind, key[0]), ()):
                if other != term.iri:
                    same_language = 0.0 if key[1] == other_score[1] else 0.1
                    scores[other] = max(scores.get(other, 0), min(score, other_score[0]) - same_language)
        scores_of[term.iri] = scores
    _add_similar(first, second, scores_of)
    partners_of = Counter(other for scores in scores_of.values() for other in scores)
    pairs: list[Alignment] = []
    for iri, scores in scores_of.items():
        for other, score in scores.items():
            alone = len(scores) == partners_of[other] == 1 and score >= 0.8
            pairs.append(
                Alignment(
                    subject=iri,
                    predicate="exactMatch" if alone else "closeMatch",
                    object=other,
                    confidence=round(score if alone else score - 0.1, 2),
                    justification=_BY_LABEL,
                    subject_label=first.terms[iri].label(language),
                    object_label=second.terms[other].label(language),
                )
            )
    partners = {(pair.subject, pair.object) for pair in pairs}
    pairs = [_with_structure(pair, first, second, partners) for pair in pairs]
    pairs.sort(key=lambda pair: (-pair.confidence, pair.subject, pair.object))
    return pairs[:MOST]


def _add_similar(first: Vocabulary, second: Vocabulary, scores_of: Mapping[str, dict[str, float]]) -> None:
    """Pair terms of ``first`` that have no partner with terms of ``second`` whose label or name differs by a typo, a
    plural or a spelling. Only names with rare groups of three letters in common are compared: ontologies have
    thousands of terms."""
    groups: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for term in second.terms.values():
        for (text, _), _ in _names(term):
            for group in _groups(text):
                groups.setdefault((term.kind, group), set()).add((text, term.iri))
    for iri, scores in scores_of.items():
        if scores:
            continue
        term = first.terms[iri]
        for (text, _), score in _names(term):
            near: Counter[tuple[str, str]] = Counter()
            for group in _groups(text):
                entries = groups.get((term.kind, group), set())
                near.update(entries if len(entries) <= _COMMON else ())
            for (other_text, other), _ in near.most_common(_COMPARED):
                ratio = SequenceMatcher(None, text, other_text, autojunk=False).ratio()
                if ratio >= _ALIKE and other != iri:
                    scores[other] = max(scores.get(other, 0), round(score * ratio - 0.2, 3))


def _groups(text: str) -> set[str]:
    """Return the groups of three letters in a name; none of a name too short to be told from others by a letter."""
    return {text[start : start + 3] for start in range(len(text) - 2)} if len(text) >= _SHORTEST else set()


def _with_structure(
    pair: Alignment, first: Vocabulary, second: Vocabulary, partners: set[tuple[str, str]]
) -> Alignment:
    above, others = first.terms[pair.subject].wider, second.terms[pair.object].wider
    if any((wider, other) in partners for wider in above for other in others):
        return replace(pair, confidence=round(min(1.0, pair.confidence + 0.05), 2), justification=_BY_STRUCTURE)
    return pair


def _by_name(vocabulary: Vocabulary) -> Mapping[tuple[str, str], list[tuple[str, tuple[float, str]]]]:
    names: dict[tuple[str, str], list[tuple[str, tuple[float, str]]]] = {}
    for term in vocabulary.terms.values():
        for (text, language), score in _names(term):
            names.setdefault((term.kind, text), []).append((term.iri, (score, language)))
    return {name: terms for name, terms in names.items() if len({iri for iri, _ in terms}) <= _SHARED}


def _names(term: Term) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield each label with its language, and the local name, with how much it counts."""
    for language, label in term.labels.items():
        yield (_fold(label), language), 0.95
    yield (_fold(local_name(term.iri)), ""), 0.75


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if char.isalnum())


def statements_of(alignments: Iterable[Alignment]) -> bytes:
    """Return alignments as an ontology in Turtle, each with an address of its own, as SSSOM has them in RDF. Raises
    ``InvalidInput`` for a term that is no address."""
    lines = [f"<> <{RDF}type> <{OWL}Ontology> .\n"]
    keys = sorted({(_iri(pair.subject), pair.predicate, _iri(pair.object)) for pair in alignments})
    for number, (subject, predicate, object_) in enumerate(keys, 1):
        lines.append(
            f"<#pair-{number}> <{RDF}type> <{OWL}Axiom> ; <{OWL}annotatedSource> <{subject}> ; "
            f"<{OWL}annotatedProperty> <{SKOS}{predicate}> ; <{OWL}annotatedTarget> <{object_}> .\n"
        )
    return "".join(lines).encode()


def alignments_of(vocabulary: Vocabulary, labels: Mapping[str, str]) -> list[Alignment]:
    """Return the alignments that an ontology states; ``labels`` by term."""
    return [
        Alignment(
            subject=subject,
            predicate=local_name(predicate),
            object=object_,
            subject_label=labels.get(subject, ""),
            object_label=labels.get(object_, ""),
        )
        for subject, predicate, object_ in vocabulary.alignments
    ]


def write_sssom(alignments: Sequence[Alignment], set_id: str) -> str:
    """Return alignments as a table of SSSOM (TSV with its metadata in comments)."""
    prefixes: dict[str, str] = {}
    table = []
    for pair in alignments:
        subject, object_ = (_short(iri, prefixes) for iri in (pair.subject, pair.object))
        table.append(
            (subject, pair.subject_label, f"skos:{pair.predicate}", object_, pair.object_label,
             f"semapv:{pair.justification}", f"{pair.confidence:g}")
        )  # fmt: skip
    output = io.StringIO()
    output.write("#curie_map:\n")
    for prefix, iri in {"semapv": _SEMAPV, "skos": SKOS, **{name: iri for iri, name in prefixes.items()}}.items():
        output.write(f'#  {prefix}: "{iri}"\n')
    output.write(f'#mapping_set_id: "{set_id}"\n#license: "https://w3id.org/sssom/license/unspecified"\n')
    writer = csv.writer(output, delimiter="\t", lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([[" ".join(cell.split()) for cell in row] for row in table])
    return output.getvalue()


def read_sssom(text: str) -> list[Alignment]:
    """Return the alignments in a table of SSSOM. Raises ``InvalidInput``, with the row, for what cannot be used."""
    prefixes = {"skos": SKOS, "semapv": _SEMAPV}
    lines = text.removeprefix("\ufeff").splitlines()
    for line in lines:
        if line.startswith("#") and ": " in line:
            name, _, iri = line.lstrip("#").strip().partition(": ")
            prefixes.setdefault(name.strip(), iri.strip().strip("\"'"))
    alignments = []
    for number, row in enumerate(_table(lines), 1):
        if number > MOST:
            raise InvalidInput(f"the table has more than {MOST} rows", remedy="publish it in parts")
        predicate = _long(row.get("predicate_id"), prefixes)
        if predicate not in ALIGNMENTS:
            raise InvalidInput(
                f"row {number}: {row.get('predicate_id', '')[:80]} is no mapping property",
                remedy=f"write one of: {', '.join(f'skos:{name}' for name in PREDICATES)}",
            )
        subject, object_ = (_long(row.get(name), prefixes) for name in ("subject_id", "object_id"))
        for iri in (subject, object_):
            if not is_address(iri):
                raise InvalidInput(
                    f"row {number}: {iri[:80]!r} is no address of a term", remedy="add its prefix to #curie_map"
                )
        alignments.append(
            Alignment(
                subject=subject,
                predicate=local_name(predicate),
                object=object_,
                subject_label=row.get("subject_label", ""),
                object_label=row.get("object_label", ""),
            )
        )
    if not alignments:
        raise InvalidInput("the table has no rows", remedy="send at least one mapping")
    return alignments


def _table(lines: Iterable[str]) -> Iterator[Mapping[str, str]]:
    """Yield the cells of each row by the names of their columns."""
    body = "\n".join(line for line in lines if not line.startswith("#")).encode()
    cells_of_lines = rows(io.BytesIO(body), Look(delimiter="\t", encoding="utf-8", columns=()))
    try:
        _, names = next(cells_of_lines, (0, list[str]()))
        missing = [name for name in ("subject_id", "predicate_id", "object_id") if name not in names]
        if missing:
            raise InvalidInput(f"the table has no column {missing[0]}", remedy="send SSSOM as tab-separated values")
        for _, cells in cells_of_lines:
            yield dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise InvalidInput(
            f"the table cannot be read: {error}", remedy="send SSSOM as tab-separated values"
        ) from error


def is_address(iri: str) -> bool:
    """Return whether ``iri`` can be the address of a term."""
    return iri.startswith(("http://", "https://", "urn:")) and not any(
        char <= " " or char in _NOT_IN_IRIS for char in iri
    )


def _iri(iri: str) -> str:
    if not is_address(iri):
        raise InvalidInput(f"{iri[:80]!r} is no address of a term", remedy="use addresses of terms")
    return iri


def _short(iri: str, prefixes: dict[str, str]) -> str:
    name = local_name(iri)
    namespace = iri.removesuffix(name)
    if not name or not namespace:
        return iri
    return f"{prefixes.setdefault(namespace, f'ns{len(prefixes) + 1}')}:{name}"


def _long(text: str | None, prefixes: Mapping[str, str]) -> str:
    prefix, _, name = (text or "").strip().strip("<>").partition(":")
    return f"{prefixes[prefix]}{name}" if prefix in prefixes else f"{prefix}:{name}"
