"""Joins of patterns that have many matches each: every pattern is read as a whole, and they are joined by hash.

The engine finds the solutions of a group pattern after pattern: for each solution so far it looks up the next pattern
in the store, which takes some 4 µs on the disk. Reading on within a pattern takes a tenth of that. It joins
sub-selects by hash, so a query about whole patterns is given to it with a sub-select for each of them.

Only a plain query is rewritten: SELECT with one group of patterns, and nothing that lets the engine stop early or
begin with a few solutions. A pattern without blank nodes has the same solutions in a sub-select as in the group
(SPARQL 1.1, 18.2.2 and 18.6), so the answer is the same. The patterns go from subjects that are known to their
values, never back from a value, which thousands of subjects may share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, QuerySolution, QuerySolutions, Store

from node.semantics.sparql import Token, tokens_of
from node.vocab.namespaces import PREFIXES

FEW: Final = 1_000
"""Matches of a pattern from which looking up the others is quick enough."""
MOST: Final = 400_000
"""Solutions that are joined by hash at any time: they take about three hundred bytes of memory each."""
LOOKUP: Final = 4
"""Matches that are read in the time of one look-up, when they are counted, too."""

Graphs = list[NamedNode | BlankNode | DefaultGraph]


@dataclass(frozen=True, slots=True)
class _Pattern:
    subject: str
    predicate: str
    object: str

    @property
    def text(self) -> str:
        return f"{self.subject} {self.predicate} {self.object}"

    @property
    def subject_variable(self) -> str:
        """The subject, if it is a variable."""
        return self.subject[1:] if self.subject[0] in "?$" else ""

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(term[1:] for term in (self.subject, self.object) if term[0] in "?$")


@dataclass(frozen=True, slots=True)
class _Query:
    """A query with one group: its prologue, its text from SELECT to the opening brace, the group, and the rest."""

    prologue: str
    head: str
    patterns: Sequence[_Pattern]
    rest: str


class _NotPlain(Exception):
    """The query is of a form that is not rewritten."""


def plan_joins(store: Store, text: str, graphs: Graphs) -> str:
    """Return the query ``text`` as the engine answers it sooner over the default graph ``graphs``, or ``text``
    itself if it does not, or if it cannot be read: then the engine says why."""
    try:
        query = _read(text)
        order = _Plan(store, query, graphs).order()
    except (_NotPlain, SyntaxError):
        return text
    parts = [f"{{ SELECT * WHERE {{ {pattern.text} }} }}" for pattern in order]
    return f"{query.prologue} {query.head} {{ {' '.join(parts)} }} {query.rest}"


class _Plan:
    """Chooses the order in which the patterns of a query are joined by hash. Raises ``_NotPlain`` if looking up is
    better."""

    def __init__(self, store: Store, query: _Query, graphs: Graphs) -> None:
        self._store = store
        self._query = query
        self._graphs = graphs

    def order(self) -> list[_Pattern]:
        """Return the patterns in their order."""
        patterns = self._query.patterns
        counts = self._counts()
        begin = min(
            (number for number in range(len(patterns)) if _reaches_all(patterns, number)),
            key=lambda number: counts[number],
            default=None,
        )
        if begin is None:
            raise _NotPlain
        order = _forward(patterns, begin)
        size = float(counts[begin])
        for number in order[1:]:
            size *= counts[number] / max(self._subjects(patterns[number]), 1)
            if size > MOST:
                raise _NotPlain
        return [patterns[number] for number in order]

    def _counts(self) -> list[int]:
        """Return the number of matches of each pattern. None is counted further than needed for the decision."""
        patterns, limit = self._query.patterns, FEW
        while True:
            counts = [self._count(pattern, limit + 1) for pattern in patterns]
            smallest = min(counts)
            if smallest <= FEW or smallest > MOST:
                raise _NotPlain
            if smallest <= limit:
                break
            limit *= 10
        most = LOOKUP * smallest * (len(patterns) - 1)
        counts = []
        for pattern in patterns:
            counts.append(self._count(pattern, most - sum(counts) + 1))
            if sum(counts) > most:
                raise _NotPlain
        return counts

    def _count(self, pattern: _Pattern, most: int) -> int:
        select = f"SELECT (COUNT(*) AS ?count) WHERE {{ {{ SELECT * WHERE {{ {pattern.text} }} LIMIT {most} }} }}"
        return self._number(select)

    def _subjects(self, pattern: _Pattern) -> int:
        return self._number(f"SELECT (COUNT(DISTINCT {pattern.subject}) AS ?count) WHERE {{ {pattern.text} }}")

    def _number(self, select: str) -> int:
        results = self._store.query(
            f"{self._query.prologue} {select}", prefixes=PREFIXES, default_graph=self._graphs, named_graphs=[]
        )
        assert isinstance(results, QuerySolutions)
        solution: QuerySolution = next(results)
        count = solution["count"]
        assert isinstance(count, Literal)
        return int(count.value)


def _forward(patterns: Sequence[_Pattern], begin: int) -> list[int]:
    """Return the numbers of the patterns that are reached from one, each after one that has its subject."""
    order, variables = [begin], set(patterns[begin].variables)
    rest = [number for number in range(len(patterns)) if number != begin]
    while (following := next((at for at in rest if patterns[at].subject_variable in variables), None)) is not None:
        rest.remove(following)
        order.append(following)
        variables |= patterns[following].variables
    return order


def _reaches_all(patterns: Sequence[_Pattern], begin: int) -> bool:
    return len(_forward(patterns, begin)) == len(patterns)


def _read(text: str) -> _Query:
    """Return the parts of a plain query. Raises ``_NotPlain``."""
    if "\\" in text:
        raise _NotPlain
    tokens = list(tokens_of(text))
    select = next((at for at, token in enumerate(tokens) if token.text.upper() == "SELECT"), len(tokens))
    opening = next((at for at, token in enumerate(tokens) if token.text == "{"), len(tokens))
    closing = next((at for at, token in enumerate(tokens) if token.text == "}"), len(tokens))
    if not select < opening < closing < len(tokens):
        raise _NotPlain
    head, group, rest = tokens[select:opening], tokens[opening + 1 : closing], tokens[closing + 1 :]
    _check_head(head)
    # With a limit the engine stops early, and other solutions may come first.
    if any(token.text.upper() in ("{", "}", "LIMIT", "OFFSET") for token in rest):
        raise _NotPlain
    patterns = _Group(group).read()
    if len(patterns) < 2 or not all(pattern.variables for pattern in patterns):
        raise _NotPlain
    return _Query(
        prologue=_slice(text, tokens[:select]), head=_slice(text, head), patterns=patterns, rest=_slice(text, rest)
    )


def _check_head(head: Sequence[Token]) -> None:
    """Raise if the head names graphs, or wants all variables: their order is the order of the patterns."""
    words = [token.text.upper() for token in head]
    selection = words[2:] if len(words) > 1 and words[1] in ("DISTINCT", "REDUCED") else words[1:]
    if not selection or selection[0] == "*" or "FROM" in words:
        raise _NotPlain


class _Group:
    """Reads the statements of a group, as Turtle abbreviates them."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def read(self) -> list[_Pattern]:
        """Return the patterns. Raises ``_NotPlain``, also for filters: one may leave few solutions."""
        patterns: list[_Pattern] = []
        while self._at < len(self._tokens):
            patterns += self._read_statements()
            if self._at < len(self._tokens) and not self._skip("."):
                raise _NotPlain
        return patterns

    def _read_statements(self) -> Iterator[_Pattern]:
        """Yield the statements about one subject."""
        subject = self._read_term()
        while True:
            predicate = self._read_predicate()
            yield _Pattern(subject, predicate, self._read_term())
            while self._skip(","):
                yield _Pattern(subject, predicate, self._read_term())
            if not self._skip(";"):
                return
            if self._peek() in ("", ".", ";"):
                raise _NotPlain

    def _read_predicate(self) -> str:
        if self._peek() == "a":
            self._at += 1
            return "a"
        term = self._read_term()
        if term[0] in "?$":
            raise _NotPlain
        return term

    def _read_term(self) -> str:
        if self._at == len(self._tokens):
            raise _NotPlain
        token = self._tokens[self._at]
        if token.kind not in ("variable", "iri", "name") or token.text.startswith("_:"):
            raise _NotPlain
        self._at += 1
        return token.text

    def _skip(self, mark: str) -> bool:
        is_there = self._peek() == mark
        self._at += is_there
        return is_there

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""


def _slice(text: str, tokens: Sequence[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end] if tokens else ""
