"""Carry out a mapping: statements of RDF out of records, in an order that depends on nothing but the statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Named
from itertools import product
from typing import Final

from pyoxigraph import Literal, NamedNode

from node.base.errors import HansaError, InvalidInput, TooLarge
from node.semantics.rml.model import Join, Mapping, TermMap, TriplesMap
from node.semantics.rml.records import Input
from node.semantics.rml.terms import Term, Values, results, terms
from node.vocab.namespaces import RDF

INPUT: Final = "input"
"""The only source that there is in a node."""
MOST_STATEMENTS: Final = 1_000_000
MOST_WORK: Final = 4_000_000
"""Terms that may be made and pairs that may be joined, also where statements repeat."""
MOST_RECORDS: Final = 1_000_000
_TYPE: Final = NamedNode(f"{RDF}type")
_DEFAULT: Final = frozenset({"http://www.w3.org/ns/r2rml#defaultGraph", "http://w3id.org/rml/defaultGraph"})


def check_sources(mapping: Mapping, names: Iterable[str] = (INPUT,)) -> None:
    """Raise ``InvalidInput`` if ``mapping`` has no triples map, a join leads nowhere, or a source is not one of
    ``names``."""
    if not mapping.maps:
        raise InvalidInput("the mapping has no triples map", remedy="see the guide about transformations")
    known = frozenset(names)
    for triples_map in mapping.maps.values():
        if triples_map.source.name not in known:
            raise InvalidInput(
                f"the mapping reads {triples_map.source.name[:120]}: a mapping reads its input, and nothing else",
                remedy=f'write "{INPUT}" as the source; files, addresses and databases are not read',
                facts={"source": triples_map.source.name[:200]},
            )
        for part in (part for objects in triples_map.predicate_objects for part in objects.objects):
            if isinstance(part, Join) and part.parent not in mapping.maps:
                raise InvalidInput(
                    f"{triples_map.name[:80]} joins {part.parent[:80]}, which is no triples map here",
                    remedy="name a triples map of this mapping",
                )


def statements(mapping: Mapping, inputs: Named[str, Input]) -> list[str]:
    """Return the lines of N-Quads that ``mapping`` makes, in order, each once.

    Raises ``InvalidInput`` with the triples map and the record, and ``TooLarge`` beyond the limits.
    """
    check_sources(mapping, inputs)
    work = _Work(mapping, inputs)
    for triples_map in mapping.maps.values():
        work.carry_out(triples_map)
    return sorted(work.lines)


class _Work:
    def __init__(self, mapping: Mapping, inputs: Named[str, Input]) -> None:
        self._mapping = mapping
        self._inputs = inputs
        self._done = 0
        self._parents: dict[tuple[str, Join], dict[tuple[str, ...], list[Term]]] = {}
        self.lines: set[str] = set()

    def carry_out(self, triples_map: TriplesMap) -> None:
        for number, values in self._records(triples_map):
            try:
                self._record(triples_map, number, values)
            except TooLarge:
                raise
            except HansaError as error:
                raise InvalidInput(
                    f"{triples_map.name[:80]}, record {number}: {error.detail}",
                    remedy=error.remedy,
                    facts=error.facts,
                ) from error

    def _records(self, triples_map: TriplesMap) -> Iterator[tuple[int, Values]]:
        for number, values in enumerate(self._inputs[triples_map.source.name].records(triples_map.source), 1):
            if number > MOST_RECORDS:
                raise TooLarge(f"there are more than {MOST_RECORDS} records", remedy="split the data into parts")
            yield number, values

    def _record(self, triples_map: TriplesMap, number: int, values: Values) -> None:
        subjects = self._terms(triples_map.subject, values, triples_map, number)
        graphs = self._graphs(triples_map.graphs, values, triples_map, number)
        for subject in subjects:
            if isinstance(subject, Literal):
                raise InvalidInput("a subject is a literal", remedy="make an IRI or a blank node of it")
            for name in triples_map.classes:
                self._add([subject], [_TYPE], [name], graphs)
        for part in triples_map.predicate_objects:
            own = self._graphs(part.graphs, values, triples_map, number)
            predicates = [term for one in part.predicates for term in self._terms(one, values, triples_map, number)]
            for value in part.objects:
                if isinstance(value, Join):
                    objects = self._parents_of(value, values, triples_map, number)
                else:
                    objects = self._terms(value, values, triples_map, number)
                self._add(subjects, predicates, objects, list(dict.fromkeys([*graphs, *own])))

    def _terms(self, term_map: TermMap, values: Values, triples_map: TriplesMap, number: int) -> list[Term]:
        term_list = list(terms(term_map, values, self._mapping.base, f"{triples_map.name}\n{number}"))
        self._count(len(term_list))
        return term_list

    def _graphs(self, maps: Iterable[TermMap], values: Values, triples_map: TriplesMap, number: int) -> list[Term]:
        return [term for one in maps for term in self._terms(one, values, triples_map, number)]

    def _parents_of(self, join: Join, values: Values, triples_map: TriplesMap, number: int) -> list[Term]:
        """Return the subjects of the parent that belong to the record at hand."""
        parent = self._mapping.maps[join.parent]
        if not join.conditions:
            if parent.source != triples_map.source:
                raise InvalidInput(
                    f"it is joined with {parent.name[:80]}, which reads other records, without a condition",
                    remedy="say which values must be the same",
                )
            return self._terms(parent.subject, values, parent, number)
        subjects: list[Term] = []
        index = self._index(join, parent)
        for key in product(*(list(results(child, values)) for child, _ in join.conditions)):
            matches = index.get(key, [])
            self._count(len(matches))
            subjects += matches
        return subjects

    def _index(self, join: Join, parent: TriplesMap) -> dict[tuple[str, ...], list[Term]]:
        place = (parent.name, join)
        if place not in self._parents:
            index: defaultdict[tuple[str, ...], dict[Term, None]] = defaultdict(dict)
            for number, values in self._records(parent):
                subjects = self._terms(parent.subject, values, parent, number)
                for key in product(*(list(results(side, values)) for _, side in join.conditions)):
                    self._count(len(subjects))
                    index[key].update(dict.fromkeys(subjects))
            self._parents[place] = {key: list(subjects) for key, subjects in index.items()}
        return self._parents[place]

    def _add(self, subjects: list[Term], predicates: list[Term], objects: list[Term], graphs: list[Term]) -> None:
        self._count(len(subjects) * len(predicates) * len(objects) * max(len(graphs), 1))
        for subject, predicate, value in product(subjects, predicates, objects):
            if not isinstance(predicate, NamedNode):
                raise InvalidInput("a predicate is no IRI", remedy="make an IRI of it")
            for graph in graphs or (None,):
                if isinstance(graph, Literal):
                    raise InvalidInput("a graph is a literal", remedy="make an IRI of it")
                plain = graph is None or (isinstance(graph, NamedNode) and graph.value in _DEFAULT)
                self.lines.add(
                    f"{subject} {predicate} {value} .\n" if plain else f"{subject} {predicate} {value} {graph} .\n"
                )
        if len(self.lines) > MOST_STATEMENTS:
            raise TooLarge(
                f"the mapping makes more than {MOST_STATEMENTS} statements",
                remedy="give it fewer records, or a narrower join",
            )

    def _count(self, number: int) -> None:
        self._done += number
        if self._done > MOST_WORK:
            raise TooLarge(
                "the mapping multiplies its records: it was ended",
                remedy="narrow its joins, so that few records belong to each other",
                facts={"limit": MOST_WORK},
            )
