"""Rows through SPARQL: rows become statements, a CONSTRUCT makes other statements or updates change them, and the
result becomes rows.

Each row is a resource, and each of its values a statement, with the column as property (the minimal mode of the W3C's
CSV on the Web). The column ``intensity`` is ``from:intensity`` in the query, and its result is made of ``to:…``: the
prefixes stand for the schema that the transformation starts from and the schema that it leads to. Each resource of
the result is a row. With updates, a row is each resource that has ``to:…`` in the end; what else is stated by then
was an intermediate step. ``construct`` and ``update`` evaluate texts of strangers: they run in the cage.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, unquote

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, QueryTriples, Store, Triple

from node.base.errors import InvalidInput, TooLarge
from node.semantics.sparql import QueryForm, guard, guard_updates
from node.vocab.namespaces import PREFIXES, RDF, XSD

FROM: Final = "from"
TO: Final = "to"
MOST_STATEMENTS: Final = 1_000_000
"""Statements that a query may make."""

_CHANGING: Final = re.compile(r"\b(RAND|NOW|UUID|STRUUID)\s*\(\s*\)", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[^\W]|[-.~]")
_INTEGERS: Final = frozenset(
    f"{XSD}{name}"
    for name in ("integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger", "unsignedInt")
)
_FIGURES: Final = frozenset(f"{XSD}{name}" for name in ("decimal", "double", "float"))
_ROW: Final = "urn:row:"
_JSON: Final = NamedNode(f"{RDF}JSON")
_TYPE: Final = f"{RDF}type"


def check_query(query: str) -> None:
    """Raise ``InvalidInput`` (``TooLarge`` for its length) if ``query`` cannot be used, whatever the rows are; its
    syntax is checked by ``construct``."""
    if guard(query) is not QueryForm.CONSTRUCT:
        raise InvalidInput("the query is no CONSTRUCT", remedy="write CONSTRUCT { … } WHERE { … }")
    _check_repeatable(query)


def check_updates(text: str) -> None:
    """Raise ``InvalidInput`` (``TooLarge`` for its length) if the updates ``text`` cannot be used, whatever the rows
    are."""
    guard_updates(text)
    _check_repeatable(text)


def _check_repeatable(text: str) -> None:
    changing = _CHANGING.search(text)
    if changing is not None:
        raise InvalidInput(
            f"{changing[1].upper()} gives another result each time",
            remedy="leave it out: the same rows must give the same result",
        )


def columns_in(query: str, prefix: str, namespace: str) -> frozenset[str]:
    """Return the columns that ``query`` names, with the prefix or in full."""
    names = re.findall(rf"(?<![\w-]){prefix}:((?:[\w.~-]|%[0-9A-Fa-f]{{2}})*[\w~-]|(?:%[0-9A-Fa-f]{{2}})+)", query)
    names += re.findall(rf"<{re.escape(namespace)}([^<>\s]+)>", query)
    return frozenset(unquote(name) for name in names)


def namespace_of(schemas: Sequence[str]) -> str:
    """Return the namespace of the columns of the first of these schemas."""
    return f"{schemas[0] if schemas else 'urn:columns'}#"


def caged_construct(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.construct`` of the cage: ``query``, ``source`` and ``target`` (namespaces), and ``updates``
    if it consists of updates; one blob, the rows as JSON. Returns the rows of the result as JSON."""
    work = update if message.get("updates") else construct
    rows = work(message["query"], json.loads(blobs[0]), source=message["source"], target=message["target"])
    return {}, [json.dumps(rows).encode()]


def construct(query: str, rows: Iterable[Mapping[str, Any]], *, source: str, target: str) -> list[dict[str, Any]]:
    """Return the rows that ``query`` makes of ``rows``, in the order of their values.

    ``source`` and ``target`` are the namespaces of the columns. Raises ``InvalidInput`` if the query cannot be read,
    or makes something that is no row; ``TooLarge``.
    """
    check_query(query)
    store = Store()
    store.extend(_statements(rows, source))
    with _engine_words("query"):
        results = store.query(query, prefixes={**PREFIXES, FROM: source, TO: target})
        assert isinstance(results, QueryTriples)
        return _rows(results, target)


def update(text: str, rows: Iterable[Mapping[str, Any]], *, source: str, target: str) -> list[dict[str, Any]]:
    """Return the rows that there are after the updates ``text``, in the order of their values: the resources with
    properties in the namespace ``target``. Raises as ``construct``."""
    check_updates(text)
    store = Store()
    store.extend(_statements(rows, source))
    with _engine_words("update"):
        store.update(text, prefixes={**PREFIXES, FROM: source, TO: target})
    quads = store.quads_for_pattern(None, None, None, DefaultGraph())
    return _rows((quad.triple for quad in quads if quad.predicate.value.startswith(target)), target)


@contextmanager
def _engine_words(what: str) -> Iterator[None]:
    """Raise what the engine says about a query or an update as ``InvalidInput``."""
    try:
        yield
    except SyntaxError as error:
        raise InvalidInput(
            f"the {what} cannot be read: {(error.msg or 'it is not SPARQL 1.1').strip()[:500]}",
            remedy=f"correct the {what} at that place; the prefixes from: and to: are known already",
            facts={"line": error.lineno, "column": error.offset} if error.lineno else {},
        ) from error
    except (RuntimeError, OSError) as error:
        raise InvalidInput(
            f"the {what} cannot be evaluated: {str(error)[:300]}", remedy="use the functions of SPARQL 1.1"
        ) from error


def _statements(rows: Iterable[Mapping[str, Any]], namespace: str) -> Iterable[Quad]:
    properties: dict[str, NamedNode] = {}
    for number, row in enumerate(rows, 1):
        subject = NamedNode(f"{_ROW}{number}")
        for column, value in row.items():
            literal = _literal(value)
            if literal is None:
                continue
            if column not in properties:
                properties[column] = NamedNode(namespace + _local(column))
            yield Quad(subject, properties[column], literal)


def _local(column: str) -> str:
    return "".join(char if _PLAIN.match(char) else quote(char, safe="") for char in column)


def _literal(value: Any) -> Literal | None:
    if value is None:
        return None
    if isinstance(value, str | bool):
        return Literal(value)
    if isinstance(value, int):
        return Literal(str(value), datatype=NamedNode(f"{XSD}integer"))
    if isinstance(value, float):
        # Sums of decimals are exact, those of doubles are not.
        text = repr(value)
        kind = "decimal" if "e" not in text and abs(value) < 1e15 else "double"
        return Literal(text, datatype=NamedNode(f"{XSD}{kind}"))
    return Literal(json.dumps(value), datatype=_JSON)


def _rows(results: Iterable[Triple], namespace: str) -> list[dict[str, Any]]:
    rows: dict[Any, dict[str, Any]] = {}
    for count, statement in enumerate(results):
        if count >= MOST_STATEMENTS:
            raise TooLarge(
                f"the query makes more than {MOST_STATEMENTS} statements",
                remedy="write a query that makes fewer rows",
            )
        name = statement.predicate.value
        if name == _TYPE:
            continue
        if not name.startswith(namespace):
            raise InvalidInput(
                f"the query makes the property <{name[:200]}>, which is no column of the schema that it leads to",
                remedy="name columns with the prefix to:, such as to:intensity",
                facts={"property": name[:200]},
            )
        column = unquote(name[len(namespace) :])
        row = rows.setdefault(statement.subject, {})
        value = _value(statement.object, column)
        if column in row and row[column] != value:
            raise InvalidInput(
                f"a row of the result has two values for {column}: {str(row[column])[:40]} and {str(value)[:40]}",
                remedy="make a row of its own for each of them: CONSTRUCT { [] to:… }, or group and add up",
                facts={"member": column},
            )
        row[column] = value
    return sorted(rows.values(), key=lambda row: repr(sorted(row.items())))


def _value(term: Any, column: str) -> Any:
    if isinstance(term, NamedNode):
        return term.value
    if isinstance(term, BlankNode) or not isinstance(term, Literal):
        raise InvalidInput(f"{column} is a resource, and no value", remedy="make a text or a number of it")
    try:
        return literal_value(term)
    except InvalidInput as error:
        raise InvalidInput(f"{column} is {error.detail}", remedy=error.remedy) from error


def literal_value(literal: Literal) -> Any:
    """Return a literal as a value of JSON. Raises ``InvalidInput`` if it is no number though its datatype says so."""
    datatype = literal.datatype.value
    try:
        if datatype in _INTEGERS:
            return int(literal.value)
        if datatype in _FIGURES:
            figure = float(literal.value)
            if not math.isfinite(figure):
                raise ValueError
            return figure
    except ValueError:
        raise InvalidInput(f"{literal.value[:40]}, which is no number", remedy="correct the query") from None
    if datatype == f"{XSD}boolean":
        return literal.value in ("true", "1")
    return json.loads(literal.value) if literal.datatype == _JSON else literal.value
