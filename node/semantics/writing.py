"""Write Turtle and JSON-LD for people to read: only used prefixes, sorted, blank nodes and lists in place.

Pure functions over statements of one graph. The same statements always give the same text.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from node.vocab.namespaces import RDF, XSD

_TYPE: Final = RDF + "type"
_FIRST: Final = RDF + "first"
_REST: Final = RDF + "rest"
_NIL: Final = RDF + "nil"

_DEEPEST: Final = 30
"""Blank nodes nested deeper than this are written with a label."""

_LOCAL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED: Final = re.compile(r'[\\"\n\r\t\x00-\x1f\x7f]')
_FOR_IRI: Final = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_CANONICAL_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,14}")

_DELIMITERS: Final = (":", "/", "?", "#", "[", "]", "@")

Subject = NamedNode | BlankNode
Term = NamedNode | BlankNode | Literal


def used_prefixes(statements: Iterable[Triple], prefixes: Mapping[str, str]) -> dict[str, str]:
    """Return the ``prefixes`` that shorten a predicate of ``statements`` (RDF/XML shortens nothing else)."""
    shortener = _Shortener(prefixes)
    for statement in statements:
        shortener.short(statement.predicate.value)
    return shortener.used_prefixes()


class _Shortener:
    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._names = {namespace: name for name, namespace in prefixes.items()}
        self._longest = sorted(self._names, key=len, reverse=True)
        self._known: dict[str, str | None] = {}
        self._used: set[str] = set()

    def short(self, iri: str) -> str | None:
        if iri not in self._known:
            self._known[iri] = self._find(iri)
        return self._known[iri]

    def _find(self, iri: str) -> str | None:
        for namespace in self._longest:
            if iri.startswith(namespace) and _LOCAL.fullmatch(iri, len(namespace)):
                self._used.add(namespace)
                return f"{self._names[namespace]}:{iri[len(namespace) :]}"
        return None

    def used_prefixes(self) -> dict[str, str]:
        return dict(sorted((self._names[namespace], namespace) for namespace in self._used))


class _Graph:
    """Statements by subject; decides which blank nodes are written in place."""

    def __init__(self, statements: Iterable[Triple]) -> None:
        self.of: dict[Subject, dict[str, list[Term]]] = {}
        mentions: Counter[BlankNode] = Counter()
        for statement in statements:
            subject, value = statement.subject, statement.object
            assert isinstance(subject, Subject)
            assert isinstance(value, Term)
            self.of.setdefault(subject, defaultdict(list))[statement.predicate.value].append(value)
            if isinstance(value, BlankNode):
                mentions[value] += 1
        self._once = {node for node, count in mentions.items() if count == 1 and node in self.of}
        self.roots = self._choose_roots()

    def in_place(self, term: Term) -> bool:
        """Return whether ``term`` is a blank node with a single mention, so that it is written there."""
        return isinstance(term, BlankNode) and term in self._once

    def items(self, term: Term) -> list[Term] | None:
        """Return the members of the list (RDF 1.1 Semantics, D.3) that begins at ``term``; None if it is anything
        else."""
        members: list[Term] = []
        while not (isinstance(term, NamedNode) and term.value == _NIL):
            cell = self.of.get(term) if isinstance(term, BlankNode) and term in self._once else None
            if cell is None or set(cell) != {_FIRST, _REST}:
                return None
            first, rest = cell[_FIRST], cell[_REST]
            if len(first) != 1 or len(rest) != 1:
                return None
            members.append(first[0])
            term = rest[0]
        return members or None

    def _choose_roots(self) -> list[Subject]:
        roots = [subject for subject in self.of if subject not in self._once]
        subjects: set[Subject] = set()
        self._reach(roots, subjects)
        for subject in self.of:
            # Blank nodes that mention one another in a circle have no root: cut the circle here.
            if subject not in subjects:
                self._once.discard(subject)
                roots.append(subject)
                self._reach([subject], subjects)
        return sorted(roots, key=lambda term: (isinstance(term, BlankNode), term.value))

    def _reach(self, starts: Sequence[Subject], subjects: set[Subject]) -> None:
        waiting = [(subject, 0) for subject in starts]
        while waiting:
            subject, depth = waiting.pop()
            subjects.add(subject)
            for values in self.of[subject].values():
                for value in values:
                    if isinstance(value, BlankNode) and value in self._once and value not in subjects:
                        if depth >= _DEEPEST and not self.items(value):
                            continue
                        waiting.append((value, depth + 1))


def _order(properties: Mapping[str, list[Term]]) -> list[tuple[str, list[Term]]]:
    return sorted(properties.items(), key=lambda entry: (entry[0] != _TYPE, entry[0]))


def turtle(statements: Sequence[Triple], prefixes: Mapping[str, str]) -> str:
    """Return ``statements`` as Turtle 1.1."""
    return _Turtle(statements, prefixes).text()


class _Turtle:
    def __init__(self, statements: Sequence[Triple], prefixes: Mapping[str, str]) -> None:
        self._graph = _Graph(statements)
        self._shortener = _Shortener(prefixes)

    def text(self) -> str:
        blocks = [
            f"{self._term(root, 1)}{self._properties(self._graph.of[root], 1)} .\n" for root in self._graph.roots
        ]
        head = [f"@prefix {name}: <{iri}> .\n" for name, iri in self._shortener.used_prefixes().items()]
        return "".join(head) + ("\n" if head else "") + "\n".join(blocks)

    def _properties(self, properties: Mapping[str, list[Term]], depth: int) -> str:
        indent = "\n" + "    " * depth
        lines = []
        for predicate, values in _order(properties):
            name = "a" if predicate == _TYPE else self._iri(predicate)
            written = [self._value(value, depth + 1) for value in values]
            lines.append(f"{name} {', '.join(written)}")
        return indent + f" ;{indent}".join(lines)

    def _value(self, value: Term, depth: int) -> str:
        members = self._graph.items(value)
        if members is not None:
            return f"( {' '.join(self._value(member, depth) for member in members)} )"
        if self._graph.in_place(value):
            assert isinstance(value, BlankNode)
            inner = self._properties(self._graph.of[value], depth)
            return f"[{inner}\n{'    ' * (depth - 1)}]"
        return self._term(value, depth)

    def _term(self, term: Term, depth: int) -> str:
        if isinstance(term, NamedNode):
            return self._iri(term.value)
        if isinstance(term, Literal):
            return self._literal(term)
        return f"_:{term.value}"

    def _iri(self, iri: str) -> str:
        short = self._shortener.short(iri)
        return short or "<" + _FOR_IRI.sub(lambda match: f"\\u{ord(match[0]):04X}", iri) + ">"

    def _literal(self, literal: Literal) -> str:
        value, datatype = literal.value, literal.datatype.value
        text = '"' + _ESCAPED.sub(lambda match: _ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04X}", value) + '"'
        if literal.language:
            return f"{text}@{literal.language}"
        if datatype == XSD + "string":
            return text
        # The short forms keep the lexical form, so they are safe for every text that fits them.
        if (
            (datatype == XSD + "integer" and _INTEGER.fullmatch(value))
            or (datatype == XSD + "decimal" and _DECIMAL.fullmatch(value))
            or (datatype == XSD + "boolean" and value in ("true", "false"))
        ):
            return value
        return f"{text}^^{self._iri(datatype)}"


def json_ld(statements: Sequence[Triple], prefixes: Mapping[str, str]) -> bytes:
    """Return ``statements`` as compacted JSON-LD 1.1 with the context included."""
    return _JsonLd(statements, prefixes).text()


class _JsonLd:
    def __init__(self, statements: Sequence[Triple], prefixes: Mapping[str, str]) -> None:
        self._graph = _Graph(statements)
        # An IRI such as geo:51.0,3.7 would be read as a compact IRI if "geo" were a prefix.
        schemes = {
            term.value.partition(":")[0]
            for statement in statements
            for term in (statement.subject, statement.predicate, statement.object)
            if isinstance(term, NamedNode)
        }
        # Moreover, JSON-LD 1.1 §4.1.5 accepts as a prefix only an IRI that ends in a delimiter.
        usable = {n: iri for n, iri in prefixes.items() if n not in schemes and iri.endswith(_DELIMITERS)}
        self._shortener = _Shortener(usable)

    def text(self) -> bytes:
        nodes = [self._node(root, {"@id": self._id(root)}) for root in self._graph.roots]
        context = self._shortener.used_prefixes()
        document: dict[str, Any] = {"@context": context} if context else {}
        if len(nodes) == 1:
            document |= nodes[0]
        else:
            document["@graph"] = nodes
        return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"

    def _node(self, subject: Subject, node: dict[str, Any]) -> dict[str, Any]:
        for predicate, values in _order(self._graph.of[subject]):
            if predicate == _TYPE and all(isinstance(value, NamedNode) for value in values):
                key = "@type"
                items: list[Any] = [self._iri(str(value.value)) for value in values]
            else:
                key = self._iri(predicate)
                items = [self._value(value) for value in values]
            node[key] = items[0] if len(items) == 1 else items
        return node

    def _value(self, value: Term) -> Any:
        members = self._graph.items(value)
        if members is not None:
            return {"@list": [self._value(member) for member in members]}
        if isinstance(value, Literal):
            return self._literal(value)
        if self._graph.in_place(value):
            return self._node(value, {})
        return {"@id": self._id(value)}

    def _id(self, subject: Subject) -> str:
        return self._iri(subject.value) if isinstance(subject, NamedNode) else f"_:{subject.value}"

    def _iri(self, iri: str) -> str:
        return self._shortener.short(iri) or iri

    def _literal(self, literal: Literal) -> Any:
        value, datatype = literal.value, literal.datatype.value
        if literal.language:
            return {"@language": literal.language, "@value": value}
        if datatype == XSD + "string":
            return value
        if datatype == XSD + "boolean" and value in ("true", "false"):
            return value == "true"
        # A JSON number is read back in its canonical form, so only a number in that form may become one.
        if datatype == XSD + "integer" and _CANONICAL_INTEGER.fullmatch(value):
            return int(value)
        return {"@type": self._iri(datatype), "@value": value}
