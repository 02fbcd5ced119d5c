"""Observations of a stream as members of an event stream: statements about ``sosa:Observation`` (W3C SOSA).

The names of members, subjects and properties begin with the IRI of the asset, so they are the same for all who read
it. A property without a name of its own is named by its column, as CSV on the Web does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from node.base.clock import moment, stamp
from node.catalogue.nquads import iri_term, line, literal_term
from node.datasources.streams.model import Stream
from node.policy.portion import Portion
from node.semantics.documents import is_readable_iri
from node.semantics.schemas.changes import resolve
from node.semantics.schemas.conformity import types_of
from node.vocab.namespaces import HANSA, PROV, RDF, SOSA, TREE, XSD

ARRIVAL: Final = f"{PROV}generatedAtTime"
"""The path to the time of arrival: members are in its order."""
POSITION: Final = f"{HANSA}position"
TYPE: Final = iri_term(f"{RDF}type")
DATATYPES: Final = {
    frozenset({"integer"}): f"{XSD}integer",
    frozenset({"number"}): f"{XSD}double",
    frozenset({"string"}): f"{XSD}string",
    frozenset({"boolean"}): f"{XSD}boolean",
}
"""The datatypes of values, by the types that the schema allows besides null."""
_IRI: Final = re.compile(
    r'(?:https?://|urn:[a-z0-9][a-z0-9-]{0,30}:)[^\x00-\x20<>"{}|^`\\\x7f]{1,500}', re.IGNORECASE
)

_LONGEST_PATH: Final = 1000
"""Characters of an encoded name; an IRI has at most some 2,000 in all."""


class ObservationTerms:
    """The terms for the observations of a stream, of which a reader gets ``portion``."""

    def __init__(self, stream: Stream, asset: str, portion: Portion) -> None:
        self._stream = stream
        self._portion = portion
        base = f"{asset}{'/' if '#' in asset else '#'}{stream.name}"
        self.stream = iri_term(base)
        """The event stream."""
        self.shape = iri_term(f"{base}/shape")
        self._base = base
        self.has_subject = bool(stream.subject_member) and portion.shows(stream.subject_member)
        self.has_time = portion.shows(stream.time_member)
        root = resolve(stream.schema, stream.schema)
        properties = root.get("properties")
        own = {stream.time_member, stream.subject_member}
        self.results: dict[str, Mapping[str, Any]] = {
            name: resolve(stream.schema, rule)
            for name, rule in (properties.items() if isinstance(properties, Mapping) else ())
            if name not in own and portion.shows(name)
        }
        """The members of an observation with its results, with their rules."""
        self.required = frozenset(name for name in root.get("required", ()) if name in self.results)
        is_closed = root.get("additionalProperties") is False or portion.columns is not None
        self.is_simple = is_closed and len(self.results) == 1
        """True if each observation has one result, a plain value."""
        self._types = {name: frozenset(types_of(rule)) for name, rule in self.results.items()}

    def property(self, name: str) -> str:
        """Return the term of a property that is observed."""
        return self._own("properties", name)

    def datatype(self, name: str) -> str:
        """Return the datatype of the values of a property; empty if they may have several."""
        return DATATYPES.get(self._types.get(name, frozenset()) - {"null"}, "")

    def may_be_null(self, name: str) -> bool:
        """Return whether an observation may have no value of a property that it names."""
        return "null" in self._types.get(name, frozenset())

    def lines(self, number: int, arrival: datetime, observation: Mapping[str, Any]) -> list[str]:
        """Return the statements about the observation of this number, of the part that the reader may have."""
        member = iri_term(f"{self._base}/observations/{number}/{stamp(arrival)}")
        lines = [
            line(self.stream, iri_term(f"{TREE}member"), member),
            line(member, TYPE, iri_term(f"{SOSA}Observation")),
            line(member, iri_term(ARRIVAL), time_term(arrival)),
            line(member, iri_term(POSITION), literal_term(str(number), datatype=f"{XSD}integer")),
        ]
        if self.has_time:
            at = moment(str(observation[self._stream.time_member]))
            lines.append(line(member, iri_term(f"{SOSA}resultTime"), time_term(at)))
        if self.has_subject and self._stream.subject_member in observation:
            subject = self._subject(str(observation[self._stream.subject_member]))
            lines.append(line(member, iri_term(f"{SOSA}hasFeatureOfInterest"), subject))
        own = (self._stream.time_member, self._stream.subject_member)
        values = [(name, value) for name, value in observation.items() if name not in own and value is not None]
        return lines + (self._simple(member, values) if self.is_simple else self._result(member, number, values))

    def _simple(self, member: str, values: Sequence[tuple[str, Any]]) -> list[str]:
        lines = []
        for name, value in values:
            lines.append(line(member, iri_term(f"{SOSA}observedProperty"), self.property(name)))
            lines.append(line(member, iri_term(f"{SOSA}hasSimpleResult"), self._literal(name, value)))
        return lines

    def _result(self, member: str, number: int, values: Sequence[tuple[str, Any]]) -> list[str]:
        result = f"_:m{number}"
        lines = [
            line(member, iri_term(f"{SOSA}hasResult"), result),
            line(result, TYPE, iri_term(f"{SOSA}Result")),
        ]
        for name, value in values:
            lines.append(line(member, iri_term(f"{SOSA}observedProperty"), self.property(name)))
            lines.append(line(result, self.property(name), self._literal(name, value)))
        return lines

    def _subject(self, text: str) -> str:
        return iri_term(text) if _is_iri(text) else self._own("subjects", text)

    def _own(self, room: str, name: str) -> str:
        """Return the term of a thing that ``name`` names, below the address of the asset. A name that is too long for
        an IRI is replaced by its SHA-256."""
        path = quote(name, safe="")
        if len(path) > _LONGEST_PATH:
            path = f"sha256-{hashlib.sha256(name.encode()).hexdigest()}"
        return iri_term(f"{self._base}/{room}/{path}")

    def _literal(self, name: str, value: Any) -> str:
        datatype = self.datatype(name)
        if isinstance(value, bool):
            return literal_term(str(value).lower(), datatype=f"{XSD}boolean")
        if isinstance(value, int | float):
            # 41.0 is an integer too (JSON Schema 2020-12 §4.2.3).
            is_integer = isinstance(value, int) or (datatype == f"{XSD}integer" and value.is_integer())
            if is_integer and datatype != f"{XSD}double":
                return literal_term(str(int(value)), datatype=f"{XSD}integer")
            return literal_term(repr(value), datatype=f"{XSD}double")
        if isinstance(value, str):
            return literal_term(value)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return literal_term(text, datatype=f"{RDF}JSON")


def _is_iri(text: str) -> bool:
    """Return whether ``text`` is an IRI that every reader of RDF can read, such as ``https://…`` or ``urn:…``."""
    return bool(_IRI.fullmatch(text)) and is_readable_iri(text)


def time_term(at: datetime) -> str:
    """Return a time as ``xsd:dateTime``."""
    return literal_term(stamp(at), datatype=f"{XSD}dateTime")
