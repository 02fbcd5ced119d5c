"""The quality over time for other programs: as a table (CSV), and in the Data Quality Vocabulary (DQV) of the W3C."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import Final

from node.base.errors import InvalidInput
from node.base.plaintext import harmless
from node.catalogue.measurement.model import Series
from node.catalogue.nquads import iri_term, line, literal_term
from node.vocab.namespaces import DCT, DQV, HANSA, RDF, XSD

COLUMNS: Final = ("publisher", "name", "date", "records", "points")
METRIC: Final = f"{HANSA}averageMetadataQuality"
"""The metric: the average of the points of data.europa.eu, 405 at most."""


def csv_of(series: Iterable[Series]) -> bytes:
    """Return a line for each day of each series; the catalogue as a whole has no publisher (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for item in series:
        for day in item.days:
            writer.writerow((harmless(item.key), harmless(item.name), day.day.isoformat(), day.records, day.points))
    return text.getvalue().encode("utf-8", errors="replace")


def dqv_of(series: Iterable[Series], catalogue: str) -> bytes:
    """Return a measurement for each day of each series in N-Triples; ``catalogue`` is the IRI of the catalogue."""
    return "".join(f"{statement}\n" for statement in _statements(series, catalogue)).encode()


def _statements(series: Iterable[Series], catalogue: str) -> Iterator[str]:
    yield line(iri_term(METRIC), iri_term(f"{RDF}type"), iri_term(f"{DQV}Metric"))
    yield line(iri_term(METRIC), iri_term(f"{DQV}expectedDataType"), iri_term(f"{XSD}decimal"))
    for item in series:
        # The same address for the same measurement, whoever else has records.
        name = hashlib.sha256(item.key.encode()).hexdigest()[:16] if item.key else "all"
        for day in item.days:
            node = iri_term(f"{catalogue}#quality-{name}-{day.day.isoformat()}")
            yield line(node, iri_term(f"{RDF}type"), iri_term(f"{DQV}QualityMeasurement"))
            yield line(node, iri_term(f"{DQV}isMeasurementOf"), iri_term(METRIC))
            yield line(node, iri_term(f"{DQV}computedOn"), iri_term(catalogue))
            if item.key:
                yield line(node, iri_term(f"{DCT}publisher"), _publisher(item))
            yield line(node, iri_term(f"{DQV}value"), literal_term(str(day.points), datatype=f"{XSD}decimal"))
            yield line(node, iri_term(f"{DCT}date"), literal_term(day.day.isoformat(), datatype=f"{XSD}date"))


def _publisher(series: Series) -> str:
    """Return the IRI of a publisher; the name of one that has none, as a harvested catalogue may have it."""
    try:
        return iri_term(series.key)
    except InvalidInput:
        return literal_term(series.name)
