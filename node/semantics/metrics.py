"""The metrics of data.europa.eu (MQA) as typed-in facts: dimensions, points, and their conditions.

From the vocabulary that the European portal itself ships (piveau DQV, ``pv:trueScore``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAXIMUM: Final = 405
BANDS: Final = (("excellent", 351), ("good", 221), ("sufficient", 121), ("bad", 0))
"""Band → the least points for it."""


def band(points: float) -> str:
    """Return the name of the band that these points are in."""
    return next(name for name, least in BANDS if points >= least)


MACHINE_READABLE: Final = frozenset(
    [
        "CSV",
        "GEOJSON",
        "ICS",
        "JSON",
        "JSON_LD",
        "KML",
        "KMZ",
        "NETCDF",
        "ODS",
        "RDFA",
        "RDF_N_QUADS",
        "RDF_N_TRIPLES",
        "RDF_TRIG",
        "RDF_TURTLE",
        "RDF_XML",
        "RSS",
        "SHP",
        "XLS",
        "XLSX",
        "XML",
    ]
)
NON_PROPRIETARY: Final = frozenset(
    [
        "BMP",
        "CSV",
        "DBF",
        "GEOJSON",
        "GZIP",
        "HTML",
        "ICS",
        "JPEG2000",
        "JSON",
        "JSON_LD",
        "KML",
        "KMZ",
        "NETCDF",
        "ODS",
        "PNG",
        "RDF_N_QUADS",
        "RDF_N_TRIPLES",
        "RDF_TRIG",
        "RDF_TURTLE",
        "RDF_XML",
        "RSS",
        "RTF",
        "TAR",
        "TIFF",
        "TSV",
        "TXT",
        "WMS_SRVC",
        "XML",
        "ZIP",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric: its name in the piveau vocabulary, its dimension and points, and the field that improves it.

    The advice for publishers is the text ``quality.<name>`` of the catalogue ``findings``.
    """

    name: str
    dimension: str
    points: int
    field: str
    of_files: bool = False
    looks: bool = False


DIMENSIONS: Final = ("findability", "accessibility", "interoperability", "reusability", "contextuality")


METRICS: Final = (
    Metric(
        name="keywordAvailability",
        dimension="findability",
        points=30,
        field="keywords",
    ),
    Metric(
        name="categoryAvailability",
        dimension="findability",
        points=30,
        field="theme",
    ),
    Metric(
        name="spatialAvailability",
        dimension="findability",
        points=20,
        field="spatial",
    ),
    Metric(
        name="temporalAvailability",
        dimension="findability",
        points=20,
        field="temporal",
    ),
    Metric(
        name="accessUrlStatusCode",
        dimension="accessibility",
        points=50,
        field="files.access_url",
        of_files=True,
        looks=True,
    ),
    Metric(
        name="downloadUrlAvailability",
        dimension="accessibility",
        points=20,
        field="files.open",
        of_files=True,
    ),
    Metric(
        name="downloadUrlStatusCode",
        dimension="accessibility",
        points=30,
        field="files.download_url",
        of_files=True,
        looks=True,
    ),
    Metric(
        name="formatAvailability",
        dimension="interoperability",
        points=20,
        field="files.format",
        of_files=True,
    ),
    Metric(
        name="mediaTypeAvailability",
        dimension="interoperability",
        points=10,
        field="files.media_type",
        of_files=True,
    ),
    Metric(
        name="formatMediaTypeVocabularyAlignment",
        dimension="interoperability",
        points=10,
        field="files.format",
        of_files=True,
    ),
    Metric(
        name="formatMediaTypeNonProprietary",
        dimension="interoperability",
        points=20,
        field="files.format",
        of_files=True,
    ),
    Metric(
        name="formatMediaTypeMachineInterpretable",
        dimension="interoperability",
        points=20,
        field="files.format",
        of_files=True,
    ),
    Metric(
        name="dcatApCompliance",
        dimension="interoperability",
        points=30,
        field="",
    ),
    Metric(
        name="licenceAvailability",
        dimension="reusability",
        points=20,
        field="license",
        of_files=True,
    ),
    Metric(
        name="knownLicence",
        dimension="reusability",
        points=10,
        field="license",
        of_files=True,
    ),
    Metric(
        name="accessRightsAvailability",
        dimension="reusability",
        points=10,
        field="access",
    ),
    Metric(
        name="accessRightsVocabularyAlignment",
        dimension="reusability",
        points=5,
        field="access",
    ),
    Metric(
        name="contactPointAvailability",
        dimension="reusability",
        points=20,
        field="contact",
    ),
    Metric(
        name="publisherAvailability",
        dimension="reusability",
        points=10,
        field="publisher",
    ),
    Metric(
        name="rightsAvailability",
        dimension="contextuality",
        points=5,
        field="rights",
        of_files=True,
    ),
    Metric(
        name="byteSizeAvailability",
        dimension="contextuality",
        points=5,
        field="files",
        of_files=True,
    ),
    Metric(
        name="dateIssuedAvailability",
        dimension="contextuality",
        points=5,
        field="issued",
    ),
    Metric(
        name="dateModifiedAvailability",
        dimension="contextuality",
        points=5,
        field="modified",
    ),
)
