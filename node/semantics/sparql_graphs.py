"""The graphs that a SPARQL query is about, by the words of its text (SPARQL 1.1 §13).

Only what is chosen here is given to the engine: where this reading and the engine's differ, the engine finds nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from node.base.errors import InvalidInput
from node.semantics.sparql import Token, readings_of, tokens_of

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class QueryGraphs:
    """The graphs of a query: those of which its default graph is put together, and those that it can name."""

    default: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.default, *self.names)))


def graphs_of(
    text: str,
    available: Sequence[str],
    *,
    default: Collection[str] = (),
    names: Collection[str] = (),
    unlisted: bool = False,
) -> QueryGraphs:
    """Return the graphs among ``available`` that the query ``text`` is about.

    ``FROM`` and ``FROM NAMED`` choose them, as ``default`` and ``names`` do (SPARQL 1.1 Protocol §2.1.4), which go
    before. Without these, a query that names graphs (``GRAPH <…>``) is about those graphs and no others, and
    any other query about all. ``unlisted``: there may be graphs that ``available`` does not list, which ``GRAPH`` may
    name. Raises ``InvalidInput`` for a graph that is not available, whether it is anywhere or not.
    """
    froms = list(default), list(names)
    constants: list[str] = []
    is_open = False
    for clause, term in _clauses(readings_of(text)[-1]):
        if clause == "GRAPH" and (unlisted or term is None or term.kind == "variable"):
            is_open = True
        elif term is None or term.kind != "iri":
            raise InvalidInput(
                f"{clause} does not name a graph by its IRI",
                remedy=f"write the whole IRI in angle brackets: {clause} <https://…>",
            )
        elif clause == "GRAPH":
            constants.append(term.text[1:-1])
        elif not (default or names):
            froms[clause == "FROM NAMED"].append(term.text[1:-1])
    chosen = [*froms[0], *froms[1]]
    _require([*chosen, *constants], available)
    if chosen:
        return QueryGraphs(_once(froms[0]), _once(froms[1]))
    if constants and not is_open:
        return QueryGraphs(_once(constants), _once(constants))
    return QueryGraphs(tuple(available), tuple(available))


def names_graph(text: str) -> bool:
    """Return whether the query ``text`` names graphs (``GRAPH``, ``FROM``)."""
    return any(
        token.kind == "word" and token.text.upper() in ("GRAPH", "FROM")
        for reading in readings_of(text)
        for token in tokens_of(reading)
    )


def is_sparql(text: str) -> bool:
    """Return whether ``text`` is meant as SPARQL, and not as SQL: by its first word, or by a variable and a brace."""
    tokens = list(tokens_of(text))
    first = tokens[0].text.upper() if tokens else ""
    if first in ("PREFIX", "BASE", "ASK", "CONSTRUCT"):
        return True
    kinds = {token.kind for token in tokens}
    has_brace = any(token.text == "{" for token in tokens)
    return (has_brace and "variable" in kinds) or (first == "DESCRIBE" and bool(kinds & {"iri", "variable"}))


def _clauses(text: str) -> Iterator[tuple[str, Token | None]]:
    """Yield each ``FROM``, ``FROM NAMED`` and ``GRAPH`` with the term that follows."""
    tokens: list[Token | None] = [*tokens_of(text), None]
    clause = ""
    for token, following in pairwise(tokens):
        word = token.text.upper() if token is not None and token.kind == "word" else ""
        if word == "NAMED" and clause == "FROM":
            yield "FROM NAMED", following
        elif word == "FROM":
            if following is None or following.text.upper() != "NAMED":
                yield "FROM", following
        elif word == "GRAPH":
            yield "GRAPH", following
        clause = word


def _require(names: Sequence[str], available: Sequence[str]) -> None:
    unknown = next((name for name in names if name not in available), None)
    if unknown is not None:
        listed = " ".join(f"<{name}>" for name in available[:_SHOWN]) + (" …" if len(available) > _SHOWN else "")
        raise InvalidInput(
            f"you may ask no graph <{unknown[:200]}> here", remedy=f"yours: {listed}" if listed else "you have none"
        )


def _once(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
