"""Make terms of RDF out of the values of a record."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Final
from urllib.parse import quote

from pyoxigraph import BlankNode, Literal, NamedNode

from node.base.errors import InvalidInput, TooLarge
from node.semantics.documents import is_readable_iri
from node.semantics.rml.model import BLANK, IRI, Expression, Reference, Template, TermMap
from node.vocab.namespaces import XSD

MOST_VALUES: Final = 10_000
"""Values that one expression may have for one record."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNSAFE: Final = re.compile("[^A-Za-z0-9._~\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U000efffd-]+")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_NOT_LANGUAGES: Final = frozenset({"english", "spanish", "french", "german", "dutch", "czech"})

Term = NamedNode | BlankNode | Literal
Values = Callable[[str], list[Any]]
"""Returns the values of a path for the record at hand: texts, numbers and truth values, none of which is None."""


def terms(term_map: TermMap, values: Values, base: str, number: str) -> Iterator[Term]:
    """Yield the terms that ``term_map`` makes of a record; none if a value is missing. ``number`` names the record.
    Raises ``InvalidInput`` for an IRI or a language that is none."""
    expression = term_map.expression
    if expression is None:
        yield _blank(number)
        return
    if isinstance(expression, NamedNode | BlankNode | Literal):
        yield expression
        return
    if term_map.term_type == IRI:
        whole = isinstance(expression, Reference)
        for value in results(expression, values, _encode):
            yield _iri(value if whole or _SCHEME.match(value) else base + value, base)
    elif term_map.term_type == BLANK:
        for value in results(expression, values):
            yield _blank(value)
    else:
        yield from _literals(term_map, expression, values)


def results(
    expression: Expression, values: Values, encode: Callable[[str], str] = lambda text: text
) -> Iterator[str]:
    """Yield the texts that an expression has for a record. Values in templates go through ``encode``."""
    if isinstance(expression, NamedNode | BlankNode | Literal):
        yield expression.value
    elif isinstance(expression, Reference):
        for value in values(expression.path):
            yield lexical(value)[0]
    else:
        yield from _fillings(expression, values, encode)


def _fillings(template: Template, values: Values, encode: Callable[[str], str]) -> Iterator[str]:
    choices = [
        [part] if isinstance(part, str) else [encode(lexical(value)[0]) for value in values(part.path)]
        for part in template.parts
    ]
    if math.prod(len(choice) for choice in choices) > MOST_VALUES:
        raise TooLarge(
            f"a template has more than {MOST_VALUES} values for one record",
            remedy="name paths with one value, or another iterator",
        )
    for parts in product(*choices):
        yield "".join(parts)


def _literals(term_map: TermMap, expression: Reference | Template, values: Values) -> Iterator[Literal]:
    languages = list(results(term_map.language, values)) if term_map.language is not None else [None]
    datatypes = list(results(term_map.datatype, values)) if term_map.datatype is not None else [None]
    if isinstance(expression, Reference):
        pairs = [lexical(value) for value in values(expression.path)]
    else:
        pairs = [(text, "") for text in results(expression, values)]
    for (text, natural), language, datatype in product(pairs, languages, datatypes):
        if language is not None:
            yield Literal(text, language=check_language(language))
        elif datatype or natural:
            yield Literal(_in_form(text, natural, datatype), datatype=NamedNode(check_iri(datatype or natural)))
        else:
            yield Literal(text)


def _in_form(text: str, natural: str, datatype: str | None) -> str:
    if natural == f"{XSD}double" and datatype in (None, natural):
        mantissa, _, exponent = f"{float(text):.15E}".partition("E")
        mantissa = mantissa.rstrip("0")
        return f"{mantissa}{'0' if mantissa.endswith('.') else ''}E{int(exponent)}"
    return text


def lexical(value: Any) -> tuple[str, str]:
    """Return the text of a value and its natural datatype; none for a text."""
    if isinstance(value, bool):
        return ("true" if value else "false"), f"{XSD}boolean"
    if isinstance(value, int):
        return str(value), f"{XSD}integer"
    if isinstance(value, float):
        return (str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)), f"{XSD}double"
    return str(value), ""


def check_language(tag: str) -> str:
    """Return a language tag. Raises ``InvalidInput`` if it is none (BCP 47)."""
    if not _LANGUAGE.fullmatch(tag) or tag.casefold() in _NOT_LANGUAGES:
        raise InvalidInput(f"{tag[:40]!r} is no language tag", remedy="write a tag such as en, nl or de-AT")
    return tag.lower()


def check_iri(text: str) -> str:
    """Return a whole IRI. Raises ``InvalidInput`` if it is none."""
    if not _SCHEME.match(text) or not is_readable_iri(text):
        raise InvalidInput(
            f"{text[:120]!r} is no IRI",
            remedy="use a template, which escapes what an IRI cannot have, or correct the data",
        )
    return text


def _iri(text: str, base: str) -> NamedNode:
    return NamedNode(check_iri(text if _SCHEME.match(text) else base + text))


def _encode(text: str) -> str:
    return _UNSAFE.sub(lambda match: quote(match[0], safe=""), text)


def _blank(value: str) -> BlankNode:
    return BlankNode(f"b{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}")
