"""Joins of patterns that have many matches each: every pattern is read as a whole, and they are joined by hash.

The engine finds the solutions of a group pattern after pattern: for each solution so far it looks up the next pattern
in the store, which takes some 4 µs on the disk. Reading on within a pattern takes a tenth of that. It joins
sub-selects by hash, so a query about whole patterns is given to it with a sub-select for each of them.

Only a plain query is rewritten: SELECT with one group of patterns and filters. A pattern without blank nodes has the
same solutions in a sub-select as in the group (SPARQL 1.1, 18.2.2 and 18.6), so the answer is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, QuerySolutions, Store

from node.semantics.sparql import Token, tokens_of
from node.vocab.namespaces import PREFIXES

FEW: Final = 1_000
"""Matches of a pattern from which looking up the others is quick enough."""
MOST: Final = 2_000_000
"""Matches of all patterns together that are joined by hash: they take about a hundred bytes of memory each."""
LOOKUP: Final = 10
"""Matches that are read in the time of one look-up."""

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
    def variables(self) -> frozenset[str]:
        return frozenset(term[1:] for term in (self.subject, self.object) if term[0] in "?$")


@dataclass(frozen=True, slots=True)
class _Query:
    """A query with one group: its prologue, its text from SELECT to the opening brace, the group, and the rest."""

    prologue: str
    head: str
    patterns: Sequence[_Pattern]
    filters: Sequence[str]
    rest: str


class _NotPlain(Exception):
    """The query is of a form that is not rewritten."""


def plan_joins(store: Store, text: str, graphs: Graphs) -> str:
    """Return the query ``text`` as the engine answers it sooner over the default graph ``graphs``, or ``text``
    itself if it does not, or if it cannot be read: then the engine says why."""
    try:
        query = _read(text)
        counts = _count_matches(store, query, graphs)
    except (_NotPlain, SyntaxError):
        return text
    if counts is None or sum(counts) > LOOKUP * min(counts) * (len(counts) - 1):
        return text
    order = _order(query.patterns, counts)
    if order is None:
        return text
    parts = [f"{{ SELECT * WHERE {{ {pattern.text} }} }}" for pattern in order]
    return f"{query.prologue} {query.head} {{ {' '.join([*parts, *query.filters])} }} {query.rest}"


def _count_matches(store: Store, query: _Query, graphs: Graphs) -> list[int] | None:
    """Return the number of matches of each pattern; None if one has few, or all have too many together."""
    for pattern in query.patterns:
        if _count(store, query.prologue, pattern, graphs, FEW + 1) <= FEW:
            return None
    counts: list[int] = []
    for pattern in query.patterns:
        counts.append(_count(store, query.prologue, pattern, graphs, MOST + 1))
        if sum(counts) > MOST:
            return None
    return counts


def _count(store: Store, prologue: str, pattern: _Pattern, graphs: Graphs, most: int) -> int:
    results = store.query(
        f"{prologue} SELECT (COUNT(*) AS ?count) WHERE {{ {{ SELECT * WHERE {{ {pattern.text} }} LIMIT {most} }} }}",
        prefixes=PREFIXES,
        default_graph=graphs,
    )
    assert isinstance(results, QuerySolutions)
    count = next(results)["count"]
    assert isinstance(count, Literal)
    return int(count.value)


def _order(patterns: Sequence[_Pattern], counts: Sequence[int]) -> list[_Pattern] | None:
    """Return the patterns so that each shares a variable with one before it, those with few matches first; None if
    there is no such order: a product of patterns is larger than each of them."""
    rest = sorted(zip(counts, range(len(patterns)), patterns, strict=True))
    order = [rest.pop(0)[2]]
    variables = set(order[0].variables)
    while rest:
        following = next((entry for entry in rest if entry[2].variables & variables), None)
        if following is None:
            return None
        rest.remove(following)
        order.append(following[2])
        variables |= following[2].variables
    return order


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
    _check_rest(rest)
    patterns, filters = _Group(group, text).read()
    if len(patterns) < 2 or not all(pattern.variables for pattern in patterns):
        raise _NotPlain
    return _Query(
        prologue=_slice(text, tokens[:select]),
        head=_slice(text, head),
        patterns=patterns,
        filters=filters,
        rest=_slice(text, rest),
    )


def _check_head(head: Sequence[Token]) -> None:
    """Raise if the head names graphs, or wants all variables: their order is the order of the patterns."""
    words = [token.text.upper() for token in head]
    selection = words[2:] if len(words) > 1 and words[1] in ("DISTINCT", "REDUCED") else words[1:]
    if not selection or selection[0] == "*" or "FROM" in words:
        raise _NotPlain


def _check_rest(rest: Sequence[Token]) -> None:
    """Raise if there are more groups, or if some solutions, whichever they are, will do."""
    words = {token.text.upper() for token in rest}
    if words & {"{", "}"} or ("LIMIT" in words and not words & {"ORDER", "GROUP"}):
        raise _NotPlain


class _Group:
    """Reads the statements of a group, as Turtle abbreviates them, and its filters."""

    def __init__(self, tokens: Sequence[Token], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self._at = 0

    def read(self) -> tuple[list[_Pattern], list[str]]:
        """Return patterns and filters. Raises ``_NotPlain``."""
        patterns: list[_Pattern] = []
        filters: list[str] = []
        while self._at < len(self._tokens):
            if self._peek().upper() == "FILTER":
                filters.append(self._read_filter())
                self._skip(".")
            else:
                patterns += self._read_statements()
                if self._peek().upper() not in ("", "FILTER") and not self._skip("."):
                    raise _NotPlain
        return patterns, filters

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

    def _read_filter(self) -> str:
        """Return a filter with its expression: one in brackets, or a call."""
        first = self._at
        self._at += 1
        if self._peek() != "(":
            self._at += 1
        depth = 0
        while self._at < len(self._tokens):
            depth += {"(": 1, ")": -1}.get(self._peek(), 0)
            self._at += 1
            if depth == 0 and self._tokens[self._at - 1].text == ")":
                return _slice(self._text, self._tokens[first : self._at])
            if depth == 0:
                break
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
