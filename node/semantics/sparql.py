"""A cheap scan of a SPARQL query before any engine sees it, and the media types of its results.

The engine's parser overflows its stack on deep nesting, its planner takes exponential time on many patterns, and
``SERVICE`` opens connections; the cage contains all of that, and this scan refuses most of it with a helpful
sentence. It reads tokens, not grammar: a text that passes may still not be SPARQL, which the engine reports better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from node.base.errors import InvalidInput, TooLarge

MAX_TEXT: Final = 16 << 10
MAX_DEPTH: Final = 64
MAX_PATTERNS: Final = 60
MAX_BRANCHES: Final = 100
MAX_PATH_DEPTH: Final = 8
MAX_SIGN_RUN: Final = 8
MAX_OPERATORS: Final = 500
MAX_REGEX: Final = 256


class QueryForm(StrEnum):
    """The four query forms (SPARQL 1.1 §16)."""

    SELECT = "SELECT"
    ASK = "ASK"
    CONSTRUCT = "CONSTRUCT"
    DESCRIBE = "DESCRIBE"

    @property
    def gives_graph(self) -> bool:
        return self in (QueryForm.CONSTRUCT, QueryForm.DESCRIBE)


RESULT_TYPES: Final = (
    "application/sparql-results+json",
    "application/sparql-results+xml",
    "text/csv",
    "text/tab-separated-values",
)
GRAPH_TYPES: Final = ("text/turtle", "application/n-triples", "application/ld+json", "application/rdf+xml")
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "application/json": "application/sparql-results+json",
    "application/xml": "application/sparql-results+xml",
    "text/xml": "application/sparql-results+xml",
}

_UPDATES: Final = frozenset({"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "COPY", "MOVE", "ADD", "WITH"})
_BRANCHING: Final = frozenset({"UNION", "OPTIONAL", "MINUS", "LATERAL"})
_HEADS: Final = frozenset({"SELECT", "ASK", "DESCRIBE", "FROM", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET"})
_CALLED: Final = frozenset({"FILTER", "BIND"})
_TERMS: Final = frozenset({"A", "TRUE", "FALSE"})
_STRUCTURE: Final = frozenset({"WHERE", "GRAPH", "NAMED", "DISTINCT", "REDUCED", "AS", "BY", "ASC", "DESC"})

_TOKEN: Final = re.compile(
    r"""
      (?P<space>[\x20\t\r\n]+|\#[^\r\n]*)
    | (?P<iri><(?:[^\x00-\x20<>"{}|^`\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*>)
    | (?P<string>\"{3}(?:[^"\\]|\\.|\"{1,2}(?!\"))*\"{3}
                |'{3}(?:[^'\\]|\\.|'{1,2}(?!'))*'{3}
                |"(?:[^"\\\n\r]|\\.)*"
                |'(?:[^'\\\n\r]|\\.)*')
    | (?P<variable>[?$]\w+)
    | (?P<tag>@[A-Za-z][A-Za-z0-9-]*)
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    | (?P<name>(?:[^\W\d][\w.-]{0,100})?:(?:\\.|%[0-9A-Fa-f]{2}|[\w:]|[.-](?=[\w:.%\\-]))*)
    | (?P<word>[^\W\d]\w*)
    | (?P<mark>&&|\|\||\^\^|!=|<=|>=|\\.|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a query and its place in the text; the kinds are iri, string, variable, tag, number, name (with a
    prefix), word and mark."""

    kind: str
    text: str
    start: int
    end: int


_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")


def guard(text: str) -> QueryForm:
    """Return the form of the query ``text``, or raise ``InvalidInput`` (``TooLarge`` for its length) with a remedy.

    Bounds: length, nesting, triple patterns (the estimate counts each step of a path), UNION and its like, depth of
    property paths, runs of operators, length of regular expressions. Refuses ``SERVICE`` and every update. Code point
    escapes (SPARQL 1.1 §19.2) cannot bypass the scan: a text with escapes is read twice, as it stands and with the
    escapes resolved, since engines resolve them at different times.
    """
    _check_length(text)
    if "\\u" not in text and "\\U" not in text:
        return _Scan().run(text).result()
    _Scan().run(text)
    return _Scan().run(_ESCAPE.sub(_resolve_escape, text)).result()


def guard_updates(text: str) -> None:
    """Raise ``InvalidInput`` (``TooLarge`` for its length) unless ``text`` is a sequence of updates that reads
    nothing from elsewhere. The bounds are those of ``guard``."""
    _check_length(text)
    for reading in readings_of(text):
        if not _Scan(updates=True).run(reading).changes:
            raise InvalidInput(
                "this is no SPARQL update: it has neither INSERT nor DELETE",
                remedy="write DELETE { … } INSERT { … } WHERE { … }; further updates follow after a semicolon",
            )


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the parts of the query ``text``, without spaces and comments."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "mark"
        if kind != "space":
            yield Token(kind, match.group(), match.start(), match.end())


def _check_length(text: str) -> None:
    try:
        length = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput("the query has an unpaired surrogate", remedy="send the query in UTF-8") from error
    if length > MAX_TEXT:
        raise TooLarge(f"the query is longer than {MAX_TEXT >> 10} KB", remedy="split the query, or use fewer VALUES")


def readings_of(text: str) -> tuple[str, ...]:
    """Return the query as it stands, and with its code point escapes resolved if it has some."""
    return tuple(dict.fromkeys((text, _ESCAPE.sub(_resolve_escape, text))))


def _resolve_escape(match: re.Match[str]) -> str:
    number = int(match[1] or match[2], 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise InvalidInput(f"{match[0]} is not a valid character", remedy="write the character itself")
    return chr(number)


def result_type(form: QueryForm, accept: str) -> str:
    """Return the media type to answer with, for an ``Accept`` header (RFC 9110 §12.5.1): the best fit that we write.

    If nothing fits, return the first type for the form: a result in another form is more useful than none.
    """
    types = GRAPH_TYPES if form.gives_graph else RESULT_TYPES
    best, best_quality = types[0], 0.0
    for media_type, quality in _read_accept(accept):
        for name in types:
            if quality > best_quality and _covers(_OTHER_NAMES.get(media_type, media_type), name):
                best, best_quality = name, quality
                break
    return best


def _read_accept(accept: str) -> Iterator[tuple[str, float]]:
    for entry in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        if media_type:
            yield media_type, quality


def _covers(keyword: str, name: str) -> bool:
    return keyword in (name, "*/*") or (keyword.endswith("/*") and name.startswith(keyword[:-1]))


class _In(StrEnum):
    """The content of a bracket, which decides what is counted in it."""

    PATTERN = "{"
    TEMPLATE = "template"
    DATA = "data"
    EXPRESSION = "("
    PATH_OR_LIST = "()"
    PROPERTIES = "["


_STATEMENTS: Final = frozenset({_In.PATTERN, _In.PROPERTIES, _In.PATH_OR_LIST})


@dataclass
class _Scan:
    """One pass over the tokens, with a stack of open brackets."""

    stack: list[_In] = field(default_factory=list)
    form: QueryForm | None = None
    head: bool = True
    """Between SELECT, GROUP BY … and the next brace: nothing there is a pattern."""
    called: bool = False
    """After FILTER or BIND: the next bracket holds an expression."""
    data: bool = False
    """After VALUES: the next brace holds data."""
    template: bool = False
    """After CONSTRUCT: the next brace is a template."""
    begin: bool = False
    """True if the next term begins a new statement."""
    patterns: int = 0
    branches: int = 0
    operators: int = 0
    signs: int = 0
    matching: list[int] = field(default_factory=list)
    """Depths of the brackets of open REGEX or REPLACE calls."""
    last_word: str = ""
    updates: bool = False
    """True if updates are allowed, and nothing else is asked."""
    changes: int = 0

    def run(self, text: str) -> _Scan:
        for token in _TOKEN.finditer(text):
            kind, value = token.lastgroup, token.group()
            if kind == "space":
                continue
            if kind != "mark":
                self.signs = 0
            if kind == "mark":
                self._mark(value)
            elif kind == "word":
                self._word(value.upper())
            elif kind == "string":
                self._string(value)
            elif kind == "iri":
                self._iri(value)
            elif kind in ("variable", "number", "name"):
                self._term()
            if kind != "word":
                self.last_word = ""
        return self

    def result(self) -> QueryForm:
        if self.form is None:
            raise InvalidInput(
                "this is not a SPARQL query: it has none of SELECT, ASK, CONSTRUCT, DESCRIBE",
                remedy="begin with SELECT, ASK, CONSTRUCT or DESCRIBE after the prefixes",
            )
        return self.form

    def _inside(self) -> _In | None:
        return self.stack[-1] if self.stack else None

    def _word(self, word: str) -> None:
        if self.updates and word == "LOAD":
            raise InvalidInput(
                "LOAD is not allowed: a transformation reads the rows that it is given, and nothing else",
                remedy="write the statements into the update (INSERT DATA)",
            )
        if self.updates and word in _UPDATES:
            self.changes += word in ("INSERT", "DELETE")
            self.template = word in ("INSERT", "DELETE")
        elif word in _UPDATES:
            raise InvalidInput(
                f"{word} is an update; this end point only answers queries",
                remedy="publish, change and withdraw records with the management API",
            )
        if word == "SERVICE":
            raise InvalidInput(
                "SERVICE is not allowed: this node does not query other end points for a caller",
                remedy="query the other end point yourself, and join the answers",
            )
        if self.form is None and word in QueryForm.__members__:
            self.form = QueryForm[word]
            self.template = self.form is QueryForm.CONSTRUCT
        if word in _BRANCHING:
            self.branches += 1
            self._check(self.branches, MAX_BRANCHES, "UNION, OPTIONAL and MINUS", "use VALUES for alternatives")
        if word == "VALUES":
            self.data = True
        elif word in _HEADS:
            self.head = True
        elif word in _CALLED:
            self.called = True
        elif word == "WHERE":
            self.template = False
        elif word in _TERMS:
            self._term()
        self.begin = self.begin or not (word in _TERMS or word in _STRUCTURE)
        self.last_word = word

    def _string(self, value: str) -> None:
        self._term()
        # The quotes count too, which affects no ordinary pattern.
        if self.matching and len(value) > MAX_REGEX + 2:
            raise InvalidInput(
                f"a text in REGEX or REPLACE is longer than {MAX_REGEX} characters",
                remedy="use CONTAINS or STRSTARTS for plain text",
            )

    def _iri(self, value: str) -> None:
        # "?a<(?b)&&?c>" looks like an IRI too; an engine may see brackets where this scan does not.
        depth = len(self.stack)
        for character in value:
            depth += (character in "([") - (character in ")]")
            self._check_depth(depth)
        self.operators += value.count("!") + value.count("&&")
        self._check_operators()
        self._term()

    def _term(self) -> None:
        if self.head or self.data or self.called or self.last_word == "GRAPH":
            return
        inside = self._inside()
        if inside is _In.PATH_OR_LIST or (inside is _In.PATTERN and self.begin):
            self._count()
        self.begin = False

    def _mark(self, mark: str) -> None:
        if mark in "([{":
            self._open(mark)
        elif mark in ")]}":
            self._close(mark)
        elif mark == ".":
            self.begin = True
        elif mark in ";,/" and self._inside() in _STATEMENTS and not (self.head or self.data):
            self._count()
        if mark in ("!", "-", "+", "^"):
            self.signs += 1
            self._check(self.signs, MAX_SIGN_RUN, f"{mark} in a row", "write it at most once")
        elif mark not in "([{":
            self.signs = 0
        if mark in ("||", "&&", "|", "!", "+", "-", "*", "/", "=", "!=", "<", ">", "<=", ">=", "^", "^^"):
            self.operators += 1
            self._check_operators()

    def _open(self, mark: str) -> None:
        if mark == "{":
            if self.data:
                inside = _In.DATA
            elif self.template:
                inside = _In.TEMPLATE
            else:
                inside = _In.PATTERN
            self.data = self.template = self.called = self.head = False
            self.begin = True
        elif self._inside() in (_In.DATA, _In.TEMPLATE, _In.EXPRESSION) and mark == "(":
            inside = self.stack[-1]
        elif mark == "(" and (self.head or self.data or self.called or not self.stack):
            inside = _In.EXPRESSION
        elif mark == "(":
            inside = _In.PATH_OR_LIST
            depth = 1 + sum(1 for open_ in self.stack if open_ is _In.PATH_OR_LIST)
            self._check(
                depth, MAX_PATH_DEPTH, "brackets within brackets in a path", "write the path without brackets"
            )
        elif self._inside() in (_In.DATA, _In.TEMPLATE):
            inside = self.stack[-1]
        else:
            inside = _In.PROPERTIES
            self._count()
        self.stack.append(inside)
        self._check_depth(len(self.stack))
        if mark == "(" and self.last_word in ("REGEX", "REPLACE"):
            self.matching.append(len(self.stack))

    def _close(self, mark: str) -> None:
        if not self.stack:
            return
        if self.matching and self.matching[-1] == len(self.stack):
            self.matching.pop()
        element = self.stack.pop()
        if mark == "}":
            self.begin, self.head = True, False
        elif element is _In.EXPRESSION and self._inside() is _In.PATTERN and not self.head and not self.data:
            self.called, self.begin = False, True

    def _count(self) -> None:
        self.patterns += 1
        self._check(self.patterns, MAX_PATTERNS, "triple patterns", "split the query, or ask for fewer properties")

    def _check_operators(self) -> None:
        self._check(self.operators, MAX_OPERATORS, "operators", "use IN or VALUES for long alternatives")

    def _check_depth(self, depth: int) -> None:
        self._check(depth, MAX_DEPTH, "brackets within brackets", "use fewer levels of brackets")

    def _check(self, count: int, most: int, what: str, remedy: str) -> None:
        if count > most:
            raise InvalidInput(
                f"the query has more than {most} {what}", remedy=remedy, facts={"limit": what, "most": most}
            )
