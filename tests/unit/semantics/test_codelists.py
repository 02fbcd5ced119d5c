"""The typed-in code lists against the official ones, and how values are found and suggested."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import rdflib
from rdflib.namespace import SKOS

from node.semantics.codelists.filetypes import FILE_TYPES, MEDIA_TYPE_OF, file_type, media_type_iri
from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import ACCESS, EU, NOTATIONS, RISKS, CodeList, fold, suggestion
from node.semantics.codelists.places import PLACES, place_named, place_of, places_like
from node.semantics.codelists.themes import THEMES
from node.semantics.description.fields import code_list
from node.semantics.metrics import MACHINE_READABLE, NON_PROPRIETARY
from tests.artefacts import data

LISTS = (THEMES, LICENCES, FILE_TYPES, FREQUENCIES, LANGUAGES, ACCESS, NOTATIONS, RISKS)


def official(path: str, language: str = "") -> Mapping[str, str]:
    """IRI → label of a published list; the scheme itself is left out."""
    graph = rdflib.Graph().parse(data(f"shapes/mqa-vocabularies/{path}"))
    labels = {}
    for concept, label in graph.subject_objects(SKOS.prefLabel):
        if (not language or getattr(label, "language", None) == language) and "/" in str(concept).removeprefix(EU):
            labels[str(concept)] = " ".join(str(label).split())
    return labels


@pytest.mark.parametrize("language", ["en", "nl", "cs", "fr", "de"])
def test_themes_are_those_of_the_eu_with_its_labels(language: str) -> None:
    theirs = official("piveau/data-theme-skos.rdf", language)
    theirs = {iri: label for iri, label in theirs.items() if not iri.endswith("OP_DATPRO")}
    assert {code.iri: code.labels[language] for code in THEMES} == theirs
    assert len(THEMES) == 13


def test_licences_of_the_eu_list_are_all_there() -> None:
    theirs = set(official("piveau/licences-skos.rdf"))
    ours = {iri for code in LICENCES for iri in (code.iri, *code.same) if iri.startswith(EU)}
    assert ours == theirs


def test_licences_mean_the_same_documents() -> None:
    graph = rdflib.Graph().parse(data("shapes/mqa-vocabularies/piveau/licences-skos.rdf"))
    matched = 0
    for concept, document in graph.subject_objects(SKOS.exactMatch):
        if "creativecommons.org" in str(document):
            code = LICENCES.by_iri(str(document))
            assert code is not None, document
            assert code is LICENCES.by_iri(str(concept)), document
            matched += 1
    assert matched >= 25


def test_file_types_are_of_the_eu_list_with_its_labels() -> None:
    theirs = official("piveau/filetypes-skos.rdf")
    assert {code.iri: code.labels["en"] for code in FILE_TYPES}.items() <= theirs.items()


@pytest.mark.parametrize(
    ("path", "ours"),
    [("edp-machine-readable-format.rdf", MACHINE_READABLE), ("edp-non-proprietary-format.rdf", NON_PROPRIETARY)],
)
def test_formats_that_count_are_those_of_the_european_portal(path: str, ours: frozenset[str]) -> None:
    text = data(f"shapes/mqa-vocabularies/{path}").read_text(encoding="utf-8")
    graph = rdflib.Graph().parse(data=text, format="xml")
    theirs = {str(s).rpartition("/")[2] for s in graph.subjects() if "/file-type/" in str(s)}
    assert ours == theirs


@pytest.mark.parametrize("codes", LISTS, ids=lambda codes: codes.name)
def test_no_spelling_means_two_values(codes: CodeList) -> None:
    seen: dict[str, str] = {}
    for code in codes:
        assert code.labels["en"]
        assert codes.find(code.code) is code
        assert codes.find(code.iri) is code
        for spelling in (code.code, *code.also):
            assert seen.setdefault(fold(spelling), code.code) == code.code, spelling


@pytest.mark.parametrize(
    ("codes", "written", "code"),
    [
        (LICENCES, "cc_by 4.0", "CC-BY-4.0"),
        (LICENCES, "https://creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
        (LICENCES, "CC0", "CC0-1.0"),
        (LICENCES, f"{EU}licence/CC_BY", "CC-BY-4.0"),
        (LICENCES, "Modellicentie Gratis Hergebruik", "VL-GRATIS"),
        (LICENCES, "odbl", "ODbL-1.0"),
        (THEMES, "doprava", "TRAN"),
        (THEMES, "Regio's en steden", "REGI"),
        (THEMES, "http://vocab.belgif.be/auth/datatheme/ENVI", "ENVI"),
        (FREQUENCIES, "PT15M", "15MIN"),
        (FREQUENCIES, "Quarter-Hourly", "15MIN"),
        (FREQUENCIES, "elk uur", "HOURLY"),
        (FREQUENCIES, "live", "CONT"),
        (FREQUENCIES, "každý den", "DAILY"),
        (FREQUENCIES, "UPDATE_CONT", "UPDATE_CONT"),
        (LANGUAGES, "Nederlands", "nl"),
        (LANGUAGES, "CES", "cs"),
        (FILE_TYPES, "shapefile", "SHP"),
        (ACCESS, "Non public", "non-public"),
        (NOTATIONS, "sparql", "SPARQL CONSTRUCT"),
    ],
)
def test_values_are_found_as_people_write_them(codes: CodeList, written: str, code: str) -> None:
    found = codes.find(written)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    ("codes", "written", "code"),
    [
        (THEMES, "traffic", "TRAN"),
        (THEMES, "verkeer", "TRAN"),
        (THEMES, "trasport", "TRAN"),
        (THEMES, "hluk", "ENVI"),
        (THEMES, "public transport", "TRAN"),
        (LICENCES, "openstreetmap", "ODbL-1.0"),
        (LICENCES, "CC-BY-4", "CC-BY-4.0"),
        (FREQUENCIES, "every 15 mins", "15MIN"),
        (ACCESS, "open", "public"),
        (ACCESS, "private", "non-public"),
        (FILE_TYPES, "geo json", "GEOJSON"),
    ],
)
def test_what_is_not_found_is_guessed(codes: CodeList, written: str, code: str) -> None:
    assert codes.find(written) is None
    assert codes.suggest(written)[0].code == code


def test_nothing_near_is_nothing_suggested() -> None:
    assert THEMES.suggest("qqqqqq") == ()
    assert THEMES.suggest("  ") == ()
    assert suggestion(THEMES.suggest("traffic"), "cs") == "TRAN (Doprava)"


@pytest.mark.parametrize(
    ("name", "media_type", "code"),
    [
        ("counts.CSV", "", "CSV"),
        ("roads.geojson", "application/json", "GEOJSON"),
        ("download", "text/csv; charset=utf-8", "CSV"),
        ("ontology.ttl", "text/plain", "RDF_TURTLE"),
        ("schema.json", "application/schema+json", "JSON"),
        ("archive.tar.gz", "", "GZIP"),
        ("noextension", "application/octet-stream", None),
        ("strange.xyz", "", None),
    ],
)
def test_file_types_by_name_and_media_type(name: str, media_type: str, code: str | None) -> None:
    found = file_type(name, media_type)
    assert (found.code if found else None) == code


def test_media_types_have_addresses() -> None:
    assert media_type_iri("Text/CSV; charset=utf-8") == "https://www.iana.org/assignments/media-types/text/csv"
    assert set(MEDIA_TYPE_OF) <= {code.code for code in FILE_TYPES}


def test_choices_by_field() -> None:
    assert code_list("license") is LICENCES
    assert code_list("licence") is LICENCES
    assert code_list("level") is None
    assert code_list("title") is None


def test_places() -> None:
    for place in PLACES:
        west, south, east, north = place.bbox
        assert -180 <= west < east <= 180
        assert -90 <= south < north <= 90
        assert place_named(place.name) is place
        assert not place.iri or place_of(place.iri) is place
    assert place_named("GHENT") is place_named("Gent")
    assert places_like("Gentt") == ("Gent",)
    assert place_named("Atlantis") is None


def test_names_in_other_scripts_are_told_apart() -> None:
    for name, tag in (("українська", "uk"), ("ελληνικά", "el"), ("Български", "bg")):
        code = LANGUAGES.find(name)
        assert code is not None
        assert code.code == tag
    assert LANGUAGES.find("") is None
    assert LANGUAGES.find("…") is None
