"""The first page of an event stream: its description, its shape, and the way to its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from node.catalogue.nquads import iri_term, line, literal_term
from node.datasources.streams.fragments import Fragment
from node.datasources.streams.model import Stream
from node.transfer.live.event_streams.members import ARRIVAL, POSITION, TYPE, ObservationTerms, time_term
from node.vocab.namespaces import DCT, LDES, RDF, RDFS, SH, SOSA, TREE, XSD

POLLING: Final = 5
"""Seconds that readers are advised to wait between two runs (``ldes:pollingInterval``)."""
_TRUE: Final = literal_term("true", datatype=f"{XSD}boolean")


def description_lines(
    stream: Stream, terms: ObservationTerms, asset: str, root: str, since: datetime | None
) -> list[str]:
    """Return the statements about an event stream whose first page is ``root``, of an asset. ``since`` is when the
    oldest observation arrived that is kept."""
    own, view = terms.stream, iri_term(root)
    lines = [
        line(own, TYPE, iri_term(f"{LDES}EventStream")),
        line(own, iri_term(f"{TREE}view"), view),
        line(own, iri_term(f"{DCT}isPartOf"), iri_term(asset)),
        line(own, iri_term(f"{LDES}timestampPath"), iri_term(ARRIVAL)),
        line(own, iri_term(f"{LDES}sequencePath"), iri_term(POSITION)),
        line(own, iri_term(f"{LDES}pollingInterval"), _integer(POLLING)),
        line(own, iri_term(f"{TREE}shape"), terms.shape),
        line(view, TYPE, iri_term(f"{TREE}Node")),
        line(view, iri_term(f"{LDES}retentionPolicy"), "_:retention"),
        line("_:retention", TYPE, iri_term(f"{LDES}RetentionPolicy")),
    ]
    if terms.has_subject:
        lines.append(line(own, iri_term(f"{LDES}versionOfPath"), iri_term(f"{SOSA}hasFeatureOfInterest")))
    if terms.has_subject and terms.has_time:
        # An observation that arrives late is no later state of what was observed.
        lines.append(line(own, iri_term(f"{LDES}versionTimestampPath"), iri_term(f"{SOSA}resultTime")))
    return [*lines, _retention(stream, since), *_property_lines(terms), *_shape_lines(terms)]


def relation_lines(page: str, root: str, fragments: Sequence[Fragment]) -> list[str]:
    """Return the relations of a page to fragments: by the time of arrival, and by number for parts of a second. The
    one that is still filled has no upper bounds."""
    lines: list[str] = []
    for number, fragment in enumerate(fragments):
        bounds = [("GreaterThanOrEqualToRelation", ARRIVAL, time_term(fragment.period.start))]
        if fragment.is_complete:
            bounds.append(("LessThanRelation", ARRIVAL, time_term(fragment.period.end)))
        if fragment.part:
            bounds.append(("GreaterThanOrEqualToRelation", POSITION, _integer(fragment.first)))
        if fragment.part and fragment.is_complete:
            bounds.append(("LessThanRelation", POSITION, _integer(fragment.end)))
        for which, (kind, path, value) in enumerate(bounds):
            name = f"_:r{number}x{which}"
            lines += [
                line(iri_term(page), iri_term(f"{TREE}relation"), name),
                line(name, TYPE, iri_term(f"{TREE}{kind}")),
                line(name, iri_term(f"{TREE}node"), iri_term(f"{root}/{fragment.name}")),
                line(name, iri_term(f"{TREE}path"), iri_term(path)),
                line(name, iri_term(f"{TREE}value"), value),
            ]
    return lines


def page_lines(page: str, fragment: Fragment) -> list[str]:
    """Return the statements about a page itself."""
    lines = [line(iri_term(page), TYPE, iri_term(f"{TREE}Node"))]
    if fragment.is_complete:
        lines.append(line(iri_term(page), iri_term(f"{LDES}immutable"), _TRUE))
    return lines


def _retention(stream: Stream, since: datetime | None) -> str:
    """Return for how long the log is complete. A page goes with its oldest observation, up to a second early."""
    if stream.below and since is not None:
        # There are too many: the declared time is not reached.
        start = since.replace(microsecond=0) + timedelta(seconds=1)
        return line("_:retention", iri_term(f"{LDES}startingFrom"), time_term(start))
    duration = literal_term(f"PT{stream.keep_seconds - 1}S", datatype=f"{XSD}duration")
    return line("_:retention", iri_term(f"{LDES}fullLogDuration"), duration)


def _property_lines(terms: ObservationTerms) -> list[str]:
    lines: list[str] = []
    for name, rule in terms.results.items():
        own = terms.property(name)
        lines += [
            line(own, TYPE, iri_term(f"{SOSA}ObservableProperty")),
            line(own, TYPE, iri_term(f"{RDF}Property")),
            line(own, iri_term(f"{RDFS}label"), literal_term(_text(rule, "title") or name)),
        ]
        if comment := _text(rule, "description"):
            lines.append(line(own, iri_term(f"{RDFS}comment"), literal_term(comment)))
    return lines


def _shape_lines(terms: ObservationTerms) -> list[str]:
    shape = _Shape(terms.shape, "_:s")
    shape.add(line(terms.shape, TYPE, iri_term(f"{SH}NodeShape")))
    shape.add(line(terms.shape, iri_term(f"{SH}targetClass"), iri_term(f"{SOSA}Observation")))
    time = f"{XSD}dateTime"
    shape.property(iri_term(ARRIVAL), least=1, datatype=time)
    shape.property(iri_term(POSITION), least=1, datatype=f"{XSD}integer")
    if terms.has_time:
        shape.property(iri_term(f"{SOSA}resultTime"), least=1, datatype=time)
    if terms.has_subject:
        shape.property(iri_term(f"{SOSA}hasFeatureOfInterest"), least=1)
    if terms.is_simple:
        for name in terms.results:
            least = _least(terms, name)
            shape.property(iri_term(f"{SOSA}hasSimpleResult"), least=least, datatype=terms.datatype(name))
            shape.property(iri_term(f"{SOSA}observedProperty"), least=least)
        return shape.lines
    shape.property(iri_term(f"{SOSA}observedProperty"), most=False)
    node = shape.property(iri_term(f"{SOSA}hasResult"), least=1)
    shape.add(line(node, iri_term(f"{SH}node"), "_:result"))
    results = _Shape("_:result", "_:p")
    results.add(line("_:result", TYPE, iri_term(f"{SH}NodeShape")))
    for name in terms.results:
        results.property(terms.property(name), least=_least(terms, name), datatype=terms.datatype(name))
    return shape.lines + results.lines


class _Shape:
    """The statements about a shape (SHACL), with blank nodes called ``prefix`` and a number."""

    def __init__(self, shape: str, prefix: str) -> None:
        self._shape = shape
        self._prefix = prefix
        self._count = 0
        self.lines: list[str] = []

    def add(self, statement: str) -> None:
        self.lines.append(statement)

    def property(self, path: str, *, least: int = 0, most: bool = True, datatype: str = "") -> str:
        """Add a rule for a property; return its node."""
        node = f"{self._prefix}{self._count}"
        self._count += 1
        self.lines += [
            line(self._shape, iri_term(f"{SH}property"), node),
            line(node, iri_term(f"{SH}path"), path),
        ]
        if least:
            self.lines.append(line(node, iri_term(f"{SH}minCount"), _integer(least)))
        if most:
            self.lines.append(line(node, iri_term(f"{SH}maxCount"), _integer(1)))
        if datatype:
            self.lines.append(line(node, iri_term(f"{SH}datatype"), iri_term(datatype)))
        return node


def _least(terms: ObservationTerms, name: str) -> int:
    """Return how many values of a property an observation has at least. One that may be null may have none."""
    return int(name in terms.required and bool(terms.datatype(name)) and not terms.may_be_null(name))


def _text(rule: Mapping[str, Any], name: str) -> str:
    value = rule.get(name)
    return value if isinstance(value, str) else ""


def _integer(number: int) -> str:
    return literal_term(str(number), datatype=f"{XSD}integer")
