"""Read and write canonical N-Quads as text.

We hash and sign the canonical form of a description (RDFC-1.0, serialised as canonical N-Quads). The catalogue
adds statements of its own to it, cuts it into feed members and reads links from it. None of that needs an RDF
engine, because one line is one statement and the form of a line is fixed. Every pattern here is unambiguous, so
that reading is linear in the length of the text, even if the text is hostile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any, Final, NamedTuple

from node.base.errors import InvalidInput
from node.vocab.namespaces import XSD

MAX_IRI = 2048

_IRI = r'<[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>"{}|^`\\]*>'
_BLANK = r"_:[A-Za-z0-9_][A-Za-z0-9_]*"
_LITERAL = (
    r'"[^"\\\n\r]*(?:\\(?:[tbnrf"\\]|u[0-9A-F]{4})[^"\\\n\r]*)*"'
    rf"(?:@[A-Za-z]+(?:-[A-Za-z0-9]+)*|\^\^{_IRI})?"
)
_LINE = rf"({_IRI}|{_BLANK}) ({_IRI}) ({_IRI}|{_BLANK}|{_LITERAL})(?: ({_IRI}|{_BLANK}))? \."
_STATEMENT = re.compile(_LINE)
_STATEMENTS = re.compile(rf"^{_LINE}\n", re.MULTILINE)
_AT_ONCE = 1 << 20
"""Characters that are read in one pass: in less than half the time, but all statements are in memory then."""
_ABSOLUTE = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>"{}|^`\\]*')
_LITERAL_PARTS = re.compile(r'"(.*)"(?:@([A-Za-z0-9-]+)|\^\^<([^>]*)>)?', re.DOTALL)
_ESCAPE = re.compile(r'\\(?:u([0-9A-F]{4})|([tbnrf"\\]))')
_NEEDS_ESCAPE = re.compile(r'[\x00-\x1f\x7f"\\]')
_SHORT = {"\t": "t", "\b": "b", "\n": "n", "\r": "r", "\f": "f", '"': '"', "\\": "\\"}
_LONG = {short: character for character, short in _SHORT.items()}


class Statement(NamedTuple):
    """One quad, with its terms as written; ``graph`` is empty for the default graph. A tuple, since each description
    is read several times, statement by statement."""

    subject: str
    predicate: str
    object: str
    graph: str = ""


_new_statement: Final[Any] = tuple.__new__
"""Makes a statement of the parts of a match: the ways of a named tuple are written in Python."""


def iri_term(iri: str) -> str:
    """Return ``iri`` between angle brackets. Raises ``InvalidInput`` if it is not an absolute IRI.

    Characters that could end the term early are refused, so that an IRI can never become a second statement.
    """
    if len(iri) > MAX_IRI or not _ABSOLUTE.fullmatch(iri):
        raise InvalidInput(
            "an IRI is not absolute or has characters that no IRI may have",
            remedy="write the whole address, with special characters percent-encoded",
        )
    return f"<{iri}>"


def literal_term(text: str, *, language: str = "", datatype: str = "") -> str:
    """Return a literal in the canonical escaping of RDFC-1.0 §5: ``\\t \\b \\n \\r \\f \\" \\\\`` and ``\\uXXXX``."""
    literal = '"' + _NEEDS_ESCAPE.sub(_escape, text) + '"'
    if language:
        return f"{literal}@{language.lower()}"
    if datatype and datatype != f"{XSD}string":
        return f"{literal}^^{iri_term(datatype)}"
    return literal


def line(subject: str, predicate: str, value: str, graph: str = "") -> str:
    """Return one statement made of complete terms, without the line end."""
    return f"{subject} {predicate} {value} {graph} ." if graph else f"{subject} {predicate} {value} ."


def merge(nquads: bytes, lines: Iterable[str]) -> bytes:
    """Return the canonical ``nquads`` with ``lines`` added; the result is canonical too.

    ``lines`` must not contain blank nodes. RDFC-1.0 names blank nodes by the statements they occur in, so
    statements without blank nodes change no names. Only the order has to be made anew (by code point, which for
    UTF-8 is the order of the bytes).
    """
    merged = set(nquads.split(b"\n")) | {added.encode("utf-8") for added in lines}
    merged.discard(b"")
    return b"".join(line + b"\n" for line in sorted(merged))


def statements(nquads: bytes) -> Iterator[Statement]:
    """Yield the statements of a canonical document, in their order. Raises ``InvalidInput`` for any other text."""
    try:
        text = nquads.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("the statements are not UTF-8", remedy="save the file as UTF-8") from error
    if len(text) <= _AT_ONCE and text.endswith("\n"):
        rows = _STATEMENTS.findall(text)
        # No term has a line end in it: if there are as many statements as line ends, each line is a statement.
        if len(rows) == text.count("\n"):
            yield from map(_new_statement, repeat(Statement), rows)
            return
    # Only "\n" ends a line here: str.splitlines would also split inside literals, at U+2028 for instance.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line:
            continue
        triple = statement(line)
        if triple is None:
            raise InvalidInput(
                f"line {number} is not a statement in canonical N-Quads",
                remedy="write the statements as canonical N-Quads (RDFC-1.0)",
            )
        yield triple


def readable_statements(text: str) -> list[Statement]:
    """Return the statements of those lines of ``text`` that are statements, whatever stands between them."""
    rows = _STATEMENTS.findall(text if text.endswith("\n") else f"{text}\n")
    return list(map(_new_statement, repeat(Statement), rows))


def statement(text: str) -> Statement | None:
    """Return the statement in one line (without the line end), or None if the line is not a statement."""
    match = _STATEMENT.fullmatch(text)
    return Statement._make(match.groups(default="")) if match else None


def is_iri(term: str) -> bool:
    """Return whether a term of N-Quads is an IRI."""
    return term.startswith("<")


def is_blank(term: str) -> bool:
    """Return whether a term of N-Quads is a blank node."""
    return term.startswith("_:")


def is_literal(term: str) -> bool:
    return term.startswith('"')


def iri_of(term: str) -> str:
    """Return the IRI in a term. Raises ``InvalidInput`` for a literal or a blank node."""
    if not is_iri(term):
        raise InvalidInput("an IRI is expected here")
    return term[1:-1]


def text_of(term: str) -> str:
    """Return the text of a literal. Raises ``InvalidInput`` for any other term."""
    match = _LITERAL_PARTS.fullmatch(term)
    if match is None:
        raise InvalidInput("a literal is expected here")
    return _ESCAPE.sub(_unescape, match.group(1))


def language_of(term: str) -> str:
    """Return the language tag of a literal, or ""."""
    match = _LITERAL_PARTS.fullmatch(term)
    return (match.group(2) or "") if match else ""


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    short = _SHORT.get(character)
    return f"\\{short}" if short else f"\\u{ord(character):04X}"


def _unescape(match: re.Match[str]) -> str:
    code, short = match.groups()
    return chr(int(code, 16)) if code else _LONG[short]
