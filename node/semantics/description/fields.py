"""The fields that a steward can write for each kind of asset, with their form in RDF.

A table, no code: ``builder`` turns fields into triples by it, ``summary`` triples into fields, and the pages draw
forms from it. Only the shapes define whether a field is required, never this module. The fields of models and
scenarios, and those of rulebooks, are in modules of their own, because they change with other vocabularies.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from node.semantics.codelists.filetypes import FILE_TYPES
from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import ACCESS, NOTATIONS, STRICTNESS, CodeList
from node.semantics.codelists.themes import THEMES
from node.semantics.conversions import FORMATS, OTHER_FORMATS, OTHER_SYSTEMS, THROUGH
from node.semantics.description.field_groups import CONTACT, RESOLUTION, agent
from node.semantics.description.forms import Field, Form, find
from node.semantics.description.model_fields import MODEL, SCENARIO
from node.semantics.description.personal_data import PERSONAL_DATA
from node.semantics.description.rulebook_fields import RULEBOOK
from node.semantics.description.tables import TABLES
from node.vocab.namespaces import ADMS, DCAT, DCATAP, DCT, FOAF, HANSA, HANSA_MODEL, OWL, PROV, RDFS

VANN: Final = "http://purl.org/vocab/vann/"

_T, _L, _P = Form.TEXT, Form.LINK, Form.PLAIN


_EVERY: Final = (
    Field(name="title", form=_T, property=f"{DCT}title"),
    Field(name="description", form=_T, property=f"{DCT}description", also=("abstract", "summary")),
    agent("publisher", f"{DCT}publisher"),
    agent("creator", f"{DCT}creator", also=("author",), many=True),
    agent("rights_holder", f"{DCT}rightsHolder", many=True),
    CONTACT,
    Field(name="license", form=Form.CODE, property=f"{DCT}license", also=("licence",), codes=LICENCES),
    Field(name="rights", form=Form.STATEMENT, property=f"{DCT}rights", classes=(f"{DCT}RightsStatement",)),
    Field(
        name="theme", form=Form.CODE, property=f"{DCAT}theme", also=("themes", "category"), many=True, codes=THEMES
    ),
    Field(name="subject", form=_L, property=f"{DCT}subject", also=("subjects", "concept", "concepts"), many=True),
    Field(name="keywords", form=Form.WORDS, property=f"{DCAT}keyword", also=("keyword", "tags")),
    Field(
        name="language",
        form=Form.CODE,
        property=f"{DCT}language",
        also=("languages",),
        many=True,
        codes=LANGUAGES,
    ),
    Field(name="spatial", form=Form.PLACE, property=f"{DCT}spatial", also=("place", "location", "area"), many=True),
    Field(name="temporal", form=Form.PERIOD, property=f"{DCT}temporal", also=("period", "time"), many=True),
    Field(
        name="frequency",
        form=Form.CODE,
        property=f"{DCT}accrualPeriodicity",
        also=("update_frequency", "updated"),
        codes=FREQUENCIES,
    ),
    Field(name="issued", form=Form.DATE, property=f"{DCT}issued", also=("published",)),
    Field(name="modified", form=Form.DATE, property=f"{DCT}modified", also=("changed",)),
    Field(name="created", form=Form.DATE, property=f"{DCT}created"),
    Field(name="version", form=_P, property=f"{DCAT}version"),
    Field(name="version_notes", form=_T, property=f"{ADMS}versionNotes", also=("versionnotes", "release_notes")),
    Field(name="keep_versions", form=Form.INTEGER, property=f"{HANSA}keptVersions", also=("kept_versions",)),
    Field(name="keep_for", form=Form.DURATION, property=f"{HANSA}keptFor", also=("kept_for",)),
    Field(name="previous_version", form=_L, property=f"{DCAT}previousVersion"),
    Field(name="conforms_to", form=_L, property=f"{DCT}conformsTo", also=("conformsto", "standard"), many=True),
    Field(name="access", form=Form.CODE, property=f"{DCT}accessRights", also=("access_rights",), codes=ACCESS),
    Field(name="landing_page", form=_L, property=f"{DCAT}landingPage", also=("page", "homepage"), many=True),
    Field(name="documentation", form=_L, property=f"{FOAF}page", also=("documents", "manual"), many=True),
    Field(
        name="provenance",
        form=Form.STATEMENT,
        property=f"{DCT}provenance",
        also=("origin",),
        classes=(f"{DCT}ProvenanceStatement",),
    ),
    Field(name="source", form=_L, property=f"{DCT}source", also=("sources",), many=True),
    Field(name="derived_from", form=_L, property=f"{PROV}wasDerivedFrom", many=True),
    Field(name="related", form=_L, property=f"{DCT}relation", also=("relation",), many=True),
    Field(name="identifier", form=_P, property=f"{DCT}identifier", many=True),
    Field(name="in_series", form=_L, property=f"{DCAT}inSeries", also=("series",), many=True),
    Field(name="type", form=_L, property=f"{DCT}type", many=True),
    Field(name="status", form=_L, property=f"{ADMS}status"),
    Field(
        name="applicable_legislation",
        form=_L,
        property=f"{DCATAP}applicableLegislation",
        also=("legislation",),
        many=True,
    ),
    Field(name="hvd_category", form=_L, property=f"{DCATAP}hvdCategory", many=True),
)

FILE: Final = (
    Field(name="title", form=_T, property=f"{DCT}title"),
    Field(name="description", form=_T, property=f"{DCT}description"),
    Field(name="format", form=Form.CODE, property=f"{DCT}format", codes=FILE_TYPES),
    Field(name="formats", form=Form.CODE, property=OTHER_FORMATS, also=("other_formats",), many=True, codes=FORMATS),
    Field(name="systems", form=Form.CRS, property=OTHER_SYSTEMS, also=("other_crs",), many=True),
    Field(name="through", form=_L, property=THROUGH, also=("transformations",), many=True),
    Field(name="license", form=Form.CODE, property=f"{DCT}license", also=("licence",), codes=LICENCES),
    Field(name="rights", form=Form.STATEMENT, property=f"{DCT}rights", classes=(f"{DCT}RightsStatement",)),
    Field(name="language", form=Form.CODE, property=f"{DCT}language", many=True, codes=LANGUAGES),
    Field(name="conforms_to", form=_L, property=f"{DCT}conformsTo", also=("schema", "standard"), many=True),
    Field(name="issued", form=Form.DATE, property=f"{DCT}issued"),
    Field(name="modified", form=Form.DATE, property=f"{DCT}modified"),
    Field(name="documentation", form=_L, property=f"{FOAF}page", many=True),
    Field(name="access_url", form=_L, property=f"{DCAT}accessURL", also=("url",)),
    Field(name="download_url", form=_L, property=f"{DCAT}downloadURL"),
    Field(name="access_service", form=_L, property=f"{DCAT}accessService", also=("service",), many=True),
    RESOLUTION,
    TABLES,
)
"""Fields of one entry of ``files``, beside ``path``/``name``, ``open``, ``sample``, ``media_type``,
``data_source``, ``item``, ``made_from`` and ``made_by``."""

FILE_WORDS: Final = (
    "path",
    "name",
    "file",
    "open",
    "sample",
    "media_type",
    "data_source",
    "item",
    "made_from",
    "made_by",
)
FILES_NAMES: Final = ("files", "file", "distributions", "distribution", "resources")


DATASET: Final = (
    Field(name="sample_of", form=_L, property=f"{HANSA}sampleOf"),
    Field(name="crs", form=Form.CRS, property=f"{DCT}conformsTo", also=("coordinates",), many=True),
    RESOLUTION,
    *PERSONAL_DATA,
    Field(
        name="quality",
        form=Form.GROUP,
        fields=(
            Field(name="notes", form=_T, property=f"{HANSA}qualityNote", also=("note",)),
            Field(
                name="missing_sensors",
                form=Form.NODE,
                property=f"{HANSA}hasGap",
                also=("missing", "gaps"),
                many=True,
                classes=(f"{HANSA}Gap",),
                fields=(
                    Field(name="sensor", form=_P, property=f"{DCT}identifier", also=("name", "id")),
                    Field(name="place", form=_T, property=f"{RDFS}label"),
                    Field(name="from", form=Form.DATE, property=f"{DCAT}startDate", also=("since",)),
                    Field(name="to", form=Form.DATE, property=f"{DCAT}endDate", also=("until",)),
                    Field(name="reason", form=_T, property=f"{RDFS}comment", also=("description",)),
                ),
                key="sensor",
            ),
        ),
    ),
    Field(name="quality_notes", form=_T, property=f"{HANSA}qualityNote"),
)

SERVICE: Final = (
    Field(name="endpoint", form=_L, property=f"{DCAT}endpointURL", also=("endpoint_url", "url"), many=True),
    Field(
        name="endpoint_description",
        form=_L,
        property=f"{DCAT}endpointDescription",
        also=("openapi", "capabilities"),
        many=True,
    ),
    Field(
        name="serves",
        form=_L,
        property=f"{DCAT}servesDataset",
        also=("serves_dataset", "datasets"),
        many=True,
    ),
    Field(name="protocol", form=_L, property=f"{DCT}conformsTo", many=True),
)


ONTOLOGY: Final = (
    Field(name="namespace", form=_P, property=f"{VANN}preferredNamespaceUri", also=("namespace_uri",)),
    Field(name="prefix", form=_P, property=f"{VANN}preferredNamespacePrefix"),
    Field(name="imports", form=_L, property=f"{OWL}imports", many=True),
)

SCHEMA_FIELDS: Final = (
    Field(name="definition", form=Form.SOURCE, property=f"{HANSA}definition", also=("schema", "json_schema")),
    Field(name="part", form=_P, property=f"{HANSA}definitionPart", also=("component", "message", "shape")),
    Field(name="describes", form=_L, property=f"{HANSA}describes", also=("class", "about"), many=True),
    Field(
        name="breaking_changes",
        form=Form.CODE,
        property=f"{HANSA}onBreakingChange",
        also=("on_breaking_change", "compatibility"),
        codes=STRICTNESS,
    ),
    Field(
        name="wrong_data",
        form=Form.CODE,
        property=f"{HANSA}onWrongData",
        also=("on_wrong_data",),
        codes=STRICTNESS,
    ),
)

TRANSFORMATION: Final = (
    Field(
        name="language",
        form=Form.CODE,
        property=f"{HANSA}transformationLanguage",
        also=("notation",),
        codes=NOTATIONS,
    ),
    Field(name="from", form=_L, property=f"{HANSA}fromSchema", also=("from_schema", "input"), many=True),
    Field(name="to", form=_L, property=f"{HANSA}toSchema", also=("to_schema", "output"), many=True),
    Field(name="definition", form=Form.SOURCE, property=f"{HANSA}definition", also=("query", "mapping")),
    Field(name="example", form=Form.SOURCE, property=f"{HANSA}example"),
    Field(name="deterministic", form=Form.BOOLEAN, property=f"{HANSA_MODEL}deterministic"),
)


_OWN: Final[Mapping[str, tuple[Field, ...]]] = MappingProxyType(
    {
        "dataset": DATASET,
        "service": SERVICE,
        "model": MODEL,
        "ontology": ONTOLOGY,
        "schema": SCHEMA_FIELDS,
        "transformation": TRANSFORMATION,
        "scenario": SCENARIO,
        "rulebook": RULEBOOK,
    }
)

ENVELOPE: Final = (
    "kind",
    "id",
    "iri",
    "name",
    "slug",
    *FILES_NAMES,
    "conditions",
    "audience",
    "machine_learned",
    "__lines__",
)
"""Names that describe the submission and are not fields of the description."""


@lru_cache(maxsize=16)
def fields_of(kind: str) -> tuple[Field, ...]:
    """Return the fields of a kind: its own first, so that they win over the common ones of the same name."""
    own = _OWN[kind]
    return (*own, *(field for field in _EVERY if not any(field.name in (o.name, *o.also) for o in own)))


def code_list(field_name: str) -> CodeList | None:
    """Return the code list of a field of any kind, which ``hansa publish --choices`` prints."""
    for table in (_EVERY, *_OWN.values(), FILE):
        field = find(table, field_name)
        if field is not None and field.codes is not None:
            return field.codes
    return None
