"""The metrics of data.europa.eu (MQA) as typed-in facts: dimensions, points, and what earns them.

From the vocabulary that the European portal itself ships (piveau DQV, ``pv:trueScore``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAXIMUM: Final = 405
BANDS: Final = (("excellent", 351), ("good", 221), ("sufficient", 121), ("bad", 0))
"""Band → the least points for it."""

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
    """One metric: its name in the piveau vocabulary, its dimension and points, and the field that raises it."""

    name: str
    dimension: str
    points: int
    field: str
    advice: tuple[str, str, str]
    of_files: bool = False
    looks: bool = False


DIMENSIONS: Final = ("findability", "accessibility", "interoperability", "reusability", "contextuality")

_FORMAT = ("name the format of the file", "noem het formaat van het bestand", "uveďte formát souboru")
_OPEN_FORMAT = (
    "offer the file in an open format too, such as CSV",
    "bied het bestand ook in een open formaat aan, zoals CSV",
    "nabídněte soubor i v otevřeném formátu, například CSV",
)

METRICS: Final = (
    Metric(
        name="keywordAvailability",
        dimension="findability",
        points=30,
        field="keywords",
        advice=("add keywords", "voeg trefwoorden toe", "doplňte klíčová slova"),
    ),
    Metric(
        name="categoryAvailability",
        dimension="findability",
        points=30,
        field="theme",
        advice=("add a theme", "voeg een thema toe", "doplňte téma"),
    ),
    Metric(
        name="spatialAvailability",
        dimension="findability",
        points=20,
        field="spatial",
        advice=("say which place it is about", "zeg over welke plaats het gaat", "uveďte, kterého místa se týká"),
    ),
    Metric(
        name="temporalAvailability",
        dimension="findability",
        points=20,
        field="temporal",
        advice=("say which time it is about", "zeg over welke tijd het gaat", "uveďte, kterého času se týká"),
    ),
    Metric(
        name="accessUrlStatusCode",
        dimension="accessibility",
        points=50,
        field="files.access_url",
        advice=(
            "give an access address that answers",
            "geef een toegangsadres dat antwoordt",
            "uveďte přístupovou adresu, která odpovídá",
        ),
        of_files=True,
        looks=True,
    ),
    Metric(
        name="downloadUrlAvailability",
        dimension="accessibility",
        points=20,
        field="files.open",
        advice=(
            "give a download address (open: true)",
            "geef een downloadadres (open: true)",
            "uveďte adresu ke stažení (open: true)",
        ),
        of_files=True,
    ),
    Metric(
        name="downloadUrlStatusCode",
        dimension="accessibility",
        points=30,
        field="files.download_url",
        advice=(
            "give a download address that answers",
            "geef een downloadadres dat antwoordt",
            "uveďte adresu ke stažení, která odpovídá",
        ),
        of_files=True,
        looks=True,
    ),
    Metric(
        name="formatAvailability",
        dimension="interoperability",
        points=20,
        field="files.format",
        advice=_FORMAT,
        of_files=True,
    ),
    Metric(
        name="mediaTypeAvailability",
        dimension="interoperability",
        points=10,
        field="files.media_type",
        advice=("name the media type", "noem het mediatype", "uveďte typ média"),
        of_files=True,
    ),
    Metric(
        name="formatMediaTypeVocabularyAlignment",
        dimension="interoperability",
        points=10,
        field="files.format",
        advice=(
            "take the format from the EU list and the media type from IANA",
            "neem het formaat uit de EU-lijst en het mediatype van IANA",
            "vezměte formát ze seznamu EU a typ média od IANA",
        ),
        of_files=True,
    ),
    Metric(
        name="formatMediaTypeNonProprietary",
        dimension="interoperability",
        points=20,
        field="files.format",
        advice=_OPEN_FORMAT,
        of_files=True,
    ),
    Metric(
        name="formatMediaTypeMachineInterpretable",
        dimension="interoperability",
        points=20,
        field="files.format",
        advice=(
            "offer the file in a format that programs read, such as CSV or JSON",
            "bied het bestand aan in een formaat dat programma's lezen, zoals CSV of JSON",
            "nabídněte soubor ve formátu, který čtou programy, například CSV nebo JSON",
        ),
        of_files=True,
    ),
    Metric(
        name="dcatApCompliance",
        dimension="interoperability",
        points=30,
        field="",
        advice=("mend what breaks DCAT-AP", "herstel wat DCAT-AP schendt", "opravte, co porušuje DCAT-AP"),
    ),
    Metric(
        name="licenceAvailability",
        dimension="reusability",
        points=20,
        field="license",
        advice=("add a licence", "voeg een licentie toe", "doplňte licenci"),
        of_files=True,
    ),
    Metric(
        name="knownLicence",
        dimension="reusability",
        points=10,
        field="license",
        advice=(
            "choose a licence of the list",
            "kies een licentie uit de lijst",
            "zvolte licenci ze seznamu",
        ),
        of_files=True,
    ),
    Metric(
        name="accessRightsAvailability",
        dimension="reusability",
        points=10,
        field="access",
        advice=("say who has access", "zeg wie toegang heeft", "uveďte, kdo má přístup"),
    ),
    Metric(
        name="accessRightsVocabularyAlignment",
        dimension="reusability",
        points=5,
        field="access",
        advice=(
            "write access as public, restricted or non-public",
            "schrijf access als public, restricted of non-public",
            "uveďte access jako public, restricted nebo non-public",
        ),
    ),
    Metric(
        name="contactPointAvailability",
        dimension="reusability",
        points=20,
        field="contact",
        advice=("add a contact", "voeg een contactpunt toe", "doplňte kontakt"),
    ),
    Metric(
        name="publisherAvailability",
        dimension="reusability",
        points=10,
        field="publisher",
        advice=("name the publisher", "noem de uitgever", "uveďte vydavatele"),
    ),
    Metric(
        name="rightsAvailability",
        dimension="contextuality",
        points=5,
        field="rights",
        advice=("add a statement of rights", "voeg een rechtenverklaring toe", "doplňte prohlášení o právech"),
        of_files=True,
    ),
    Metric(
        name="byteSizeAvailability",
        dimension="contextuality",
        points=5,
        field="files",
        advice=("give the size in bytes", "geef de grootte in bytes", "uveďte velikost v bajtech"),
        of_files=True,
    ),
    Metric(
        name="dateIssuedAvailability",
        dimension="contextuality",
        points=5,
        field="issued",
        advice=("give the date of publication", "geef de publicatiedatum", "uveďte datum zveřejnění"),
    ),
    Metric(
        name="dateModifiedAvailability",
        dimension="contextuality",
        points=5,
        field="modified",
        advice=("give the date of the last change", "geef de datum van de laatste wijziging", "uveďte datum změny"),
    ),
)
