"""The fields that a steward can write for each kind of asset, with their form in RDF.

A table, no code: ``builder`` turns fields into triples by it, ``summary`` triples into fields, and the pages draw
forms from it. Only the shapes define whether a field is required, never this module.
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
from node.semantics.codelists.lookup import ACCESS, NOTATIONS, RISKS, CodeList
from node.semantics.codelists.themes import THEMES
from node.semantics.description.forms import Field, Form, find
from node.semantics.description.tables import PERSONAL_DATA, TABLES
from node.vocab.namespaces import (
    ADMS,
    DCAT,
    DCATAP,
    DCT,
    DQV,
    FOAF,
    HANSA,
    HANSA_MODEL,
    IT6,
    OWL,
    PROV,
    QUDT,
    RDFS,
    SCHEMA,
    SKOS,
    SOSA,
    VCARD,
)

VANN: Final = "http://purl.org/vocab/vann/"


_T, _L, _P = Form.TEXT, Form.LINK, Form.PLAIN

_AGENT = (
    Field(name="name", form=_T, property=f"{FOAF}name"),
    Field(name="type", form=_L, property=f"{DCT}type"),
    Field(name="homepage", form=_L, property=f"{FOAF}homepage", also=("url", "website")),
    Field(name="email", form=Form.MAIL, property=f"{FOAF}mbox", also=("mail",)),
)
# dct:Agent beside foaf:Agent, because DCAT-AP-VL requires the first and DCAT-AP the second.
_AGENT_CLASSES = (f"{FOAF}Agent", f"{DCT}Agent")


def _agent(name: str, property_: str, *, also: tuple[str, ...] = (), many: bool = False) -> Field:
    return Field(
        name=name,
        form=Form.NODE,
        property=property_,
        also=also,
        many=many,
        classes=_AGENT_CLASSES,
        fields=_AGENT,
        key="name",
    )


CONTACT: Final = Field(
    name="contact",
    form=Form.NODE,
    property=f"{DCAT}contactPoint",
    also=("contact_point", "contactpoint"),
    many=True,
    classes=(f"{VCARD}Kind", f"{VCARD}Organization"),
    fields=(
        Field(name="name", form=_T, property=f"{VCARD}fn"),
        Field(name="email", form=Form.MAIL, property=f"{VCARD}hasEmail", also=("mail", "e_mail")),
        Field(name="phone", form=Form.PHONE, property=f"{VCARD}hasTelephone", also=("telephone", "tel")),
        Field(name="url", form=_L, property=f"{VCARD}hasURL", also=("website", "page")),
    ),
    key="name",
)

RESOLUTION: Final = Field(
    name="resolution",
    form=Form.GROUP,
    fields=(
        Field(
            name="space", form=Form.NUMBER, property=f"{DCAT}spatialResolutionInMeters", also=("spatial", "metres")
        ),
        Field(name="time", form=Form.DURATION, property=f"{DCAT}temporalResolution", also=("temporal",)),
    ),
)

_EVERY: Final = (
    Field(name="title", form=_T, property=f"{DCT}title"),
    Field(name="description", form=_T, property=f"{DCT}description", also=("abstract", "summary")),
    _agent("publisher", f"{DCT}publisher"),
    _agent("creator", f"{DCT}creator", also=("author",), many=True),
    _agent("rights_holder", f"{DCT}rightsHolder", many=True),
    CONTACT,
    Field(name="license", form=Form.CODE, property=f"{DCT}license", also=("licence",), codes=LICENCES),
    Field(name="rights", form=Form.STATEMENT, property=f"{DCT}rights", classes=(f"{DCT}RightsStatement",)),
    Field(
        name="theme", form=Form.CODE, property=f"{DCAT}theme", also=("themes", "category"), many=True, codes=THEMES
    ),
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
"""Fields of one entry of ``files``, beside ``path``/``name``, ``open``, ``sample`` and ``media_type``."""

FILE_WORDS: Final = ("path", "name", "file", "open", "sample", "media_type")
FILES_NAMES: Final = ("files", "file", "distributions", "distribution", "resources")

_UNIT = (
    Field(name="unit", form=_P, property=f"{QUDT}ucumCode", also=("units",)),
    Field(name="type", form=_P, property=f"{HANSA_MODEL}valueType", also=("datatype",)),
    Field(name="quantity", form=_L, property=f"{QUDT}hasQuantityKind", also=("quantity_kind", "kind")),
    Field(name="property", form=_L, property=f"{SOSA}observedProperty", also=("observed_property",)),
    Field(name="minimum", form=Form.VALUE, property=f"{SCHEMA}minValue", also=("min",)),
    Field(name="maximum", form=Form.VALUE, property=f"{SCHEMA}maxValue", also=("max",)),
    Field(name="decimals", form=Form.INTEGER, property=f"{HANSA_MODEL}decimals"),
)

_VALUES: Final = Field(name="values", form=Form.JSON, property=f"{HANSA_MODEL}values", also=("choices",))

_VARIABLE: Final = Field(
    name="variables",
    form=Form.NODE,
    property=f"{HANSA_MODEL}hasVariable",
    also=("columns",),
    many=True,
    classes=(f"{HANSA_MODEL}Variable",),
    fields=(
        Field(name="name", form=_P, property=f"{DCT}identifier"),
        Field(name="description", form=_T, property=f"{DCT}description"),
        Field(name="required", form=Form.BOOLEAN, property=f"{SCHEMA}valueRequired"),
        *_UNIT,
        _VALUES,
    ),
    key="name",
)


def _port(name: str, property_: str, class_: str, also: tuple[str, ...]) -> Field:
    """Return an input or output by role."""
    return Field(
        name=name,
        form=Form.NODE,
        property=property_,
        also=also,
        many=True,
        classes=(class_,),
        fields=(
            Field(name="role", form=_P, property=f"{HANSA}role", also=("name",)),
            Field(name="title", form=_T, property=f"{DCT}title"),
            Field(name="description", form=_T, property=f"{DCT}description"),
            Field(name="schema", form=_L, property=f"{DCT}conformsTo", also=("conforms_to",), many=True),
            Field(name="crs", form=Form.CRS, property=f"{HANSA_MODEL}crs"),
            Field(name="format", form=Form.CODE, property=f"{DCT}format", codes=FILE_TYPES),
            Field(name="required", form=Form.BOOLEAN, property=f"{SCHEMA}valueRequired"),
            *_UNIT,
            _VARIABLE,
            RESOLUTION,
        ),
        key="role",
    )


PARAMETERS: Final = Field(
    name="parameters",
    form=Form.NODE,
    property=f"{HANSA_MODEL}hasParameter",
    also=("parameter",),
    many=True,
    classes=(f"{HANSA_MODEL}Parameter", f"{SCHEMA}PropertyValueSpecification"),
    fields=(
        Field(name="name", form=_P, property=f"{SCHEMA}valueName"),
        Field(name="description", form=_T, property=f"{DCT}description"),
        Field(name="default", form=Form.VALUE, property=f"{SCHEMA}defaultValue"),
        Field(name="required", form=Form.BOOLEAN, property=f"{SCHEMA}valueRequired"),
        Field(name="many", form=Form.BOOLEAN, property=f"{HANSA_MODEL}many", also=("list",)),
        _VALUES,
        *_UNIT,
    ),
    key="name",
)

INPUTS: Final = _port("inputs", f"{HANSA_MODEL}hasInput", f"{HANSA_MODEL}Input", ("input",))
OUTPUTS: Final = _port("outputs", f"{HANSA_MODEL}hasOutput", f"{HANSA_MODEL}Output", ("output",))

DATASET: Final = (
    Field(name="sample_of", form=_L, property=f"{HANSA}sampleOf"),
    Field(name="crs", form=Form.CRS, property=f"{DCT}conformsTo", also=("coordinates",), many=True),
    RESOLUTION,
    PERSONAL_DATA,
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

MODEL: Final = (
    Field(name="method", form=_T, property=f"{HANSA_MODEL}method"),
    Field(name="method_reference", form=_L, property=f"{DCT}references", also=("reference",), many=True),
    PARAMETERS,
    INPUTS,
    OUTPUTS,
    Field(
        name="validity",
        form=Form.NODE,
        property=f"{HANSA_MODEL}validity",
        also=("range_of_validity", "valid_for"),
        many=True,
        classes=(f"{HANSA_MODEL}Validity",),
        fields=(
            Field(name="text", form=_T, property=f"{RDFS}comment", also=("description",)),
            Field(name="shape", form=_L, property=f"{HANSA_MODEL}shape"),
            Field(name="spatial", form=Form.PLACE, property=f"{DCT}spatial", also=("place",), many=True),
            Field(name="temporal", form=Form.PERIOD, property=f"{DCT}temporal", also=("period",)),
        ),
        key="text",
    ),
    Field(name="intended_use", form=_T, property=f"{IT6}intendedUse", also=("use", "purpose")),
    Field(name="limits", form=_T, property=f"{IT6}limitations", also=("limitations", "limit")),
    Field(name="guideline", form=_T, property=f"{IT6}howToUse", also=("how_to_use", "guidelines")),
    Field(name="bias", form=_T, property=f"{IT6}bias"),
    _agent("owner", f"{HANSA_MODEL}owner"),
    Field(
        name="risk",
        form=Form.NODE,
        property=f"{IT6}hasRisk",
        also=("risks",),
        many=True,
        classes=(f"{IT6}HarmRisk",),
        fields=(
            Field(name="title", form=_T, property=f"{DCT}title", also=("name",)),
            Field(name="description", form=_T, property=f"{DCT}description", also=("text",)),
            Field(name="level", form=Form.CODE, property=f"{HANSA_MODEL}riskLevel", codes=RISKS),
        ),
        key="description",
    ),
    Field(
        name="calibration",
        form=Form.NODE,
        property=f"{HANSA_MODEL}calibration",
        also=("calibrated",),
        many=True,
        classes=(f"{HANSA_MODEL}Calibration",),
        fields=(
            Field(name="text", form=_T, property=f"{RDFS}comment", also=("description",)),
            Field(name="dataset", form=_L, property=f"{HANSA_MODEL}calibratedOn", also=("on", "data"), many=True),
            Field(name="date", form=Form.DATE, property=f"{DCT}date"),
            Field(name="measure", form=_T, property=f"{DQV}isMeasurementOf", also=("metric",)),
            Field(name="value", form=Form.VALUE, property=f"{DQV}value"),
        ),
        key="text",
    ),
    RESOLUTION,
    # The hash that the asset store uses as key of the code. The code is not a file of the model: it is run, not
    # delivered.
    Field(name="code", form=_P, property=f"{HANSA_MODEL}codeSha256", also=("code_sha256",)),
    Field(name="endpoint", form=_L, property=f"{HANSA_MODEL}endpoint", also=("endpoint_url",)),
    Field(name="deterministic", form=Form.BOOLEAN, property=f"{HANSA_MODEL}deterministic"),
    Field(name="trained_on", form=_L, property=f"{IT6}trainedOn", also=("training_data",), many=True),
    Field(name="code_repository", form=_L, property=f"{SCHEMA}codeRepository", also=("repository",)),
)

ONTOLOGY: Final = (
    Field(name="namespace", form=_P, property=f"{VANN}preferredNamespaceUri", also=("namespace_uri",)),
    Field(name="prefix", form=_P, property=f"{VANN}preferredNamespacePrefix"),
    Field(name="imports", form=_L, property=f"{OWL}imports", many=True),
)

SCHEMA_FIELDS: Final = (
    Field(name="definition", form=Form.SOURCE, property=f"{HANSA}definition", also=("schema", "json_schema")),
    Field(name="describes", form=_L, property=f"{HANSA}describes", also=("class", "about"), many=True),
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
)

SCENARIO: Final = (
    Field(name="goal", form=_T, property=f"{HANSA}goal", also=("policy_goal",)),
    _port("inputs", f"{HANSA}hasInput", f"{HANSA}Input", ("input",)),
    PARAMETERS,
    Field(
        name="indicators",
        form=Form.NODE,
        property=f"{HANSA}hasIndicator",
        also=("indicator",),
        many=True,
        classes=(f"{HANSA}Indicator",),
        fields=(
            Field(name="name", form=_P, property=f"{DCT}identifier", also=("id",)),
            Field(name="title", form=_T, property=f"{DCT}title"),
            Field(name="description", form=_T, property=f"{DCT}description"),
            Field(name="unit", form=_P, property=f"{QUDT}ucumCode"),
            Field(name="target", form=Form.VALUE, property=f"{HANSA}target"),
            Field(name="better", form=_P, property=f"{HANSA}better", also=("direction",)),
            Field(name="decimals", form=Form.INTEGER, property=f"{HANSA_MODEL}decimals"),
            Field(name="definition", form=Form.SOURCE, property=f"{HANSA}definition"),
        ),
        key="name",
    ),
    Field(
        name="chain",
        form=Form.NODE,
        property=f"{HANSA}hasStep",
        also=("steps", "models"),
        many=True,
        classes=(f"{HANSA}Step",),
        ordered=True,
        fields=(
            Field(name="name", form=_P, property=f"{DCT}identifier", also=("step", "id")),
            Field(
                name="uses",
                form=_L,
                property=f"{HANSA}uses",
                also=("model", "transformation", "run", "service"),
            ),
            Field(name="inputs", form=Form.JSON, property=f"{HANSA}wiring", also=("with",)),
            Field(name="position", form=Form.INTEGER, property=f"{HANSA}position"),
        ),
        key="uses",
    ),
    Field(name="bindings", form=Form.BINDINGS, property=f"{HANSA}hasBinding", also=("binding", "bound_to")),
    Field(name="changes", form=Form.JSON, property=f"{HANSA}changes", also=("change_layer", "change_layers")),
    Field(name="template", form=_L, property=f"{HANSA}template"),
)

_NAMED_WITH_TEXT = (
    Field(name="name", form=_P, property=f"{DCT}identifier", also=("id",)),
    Field(name="label", form=_T, property=f"{SKOS}prefLabel", also=("title",)),
    Field(name="text", form=_T, property=f"{SKOS}definition", also=("description",)),
)

RULEBOOK: Final = (
    Field(name="valid_from", form=Form.DATE, property=f"{HANSA}validFrom", also=("validfrom",)),
    Field(name="changes", form=_T, property=f"{HANSA}changesInWords"),
    Field(
        name="purposes",
        form=Form.NODE,
        property=f"{HANSA}hasPurpose",
        also=("purpose",),
        many=True,
        classes=(f"{SKOS}Concept",),
        fields=(*_NAMED_WITH_TEXT, Field(name="broader", form=_L, property=f"{SKOS}broader", many=True)),
        key="name",
    ),
    Field(
        name="audiences",
        form=Form.NODE,
        property=f"{HANSA}hasAudience",
        also=("audience_definitions",),
        many=True,
        classes=(f"{HANSA}Audience",),
        fields=(
            *_NAMED_WITH_TEXT,
            Field(name="credentials", form=_P, property=f"{HANSA}credentialType", also=("credential",), many=True),
        ),
        key="name",
    ),
    Field(
        name="credentials",
        form=Form.NODE,
        property=f"{HANSA}hasCredentialType",
        also=("credential_types",),
        many=True,
        classes=(f"{HANSA}CredentialType",),
        fields=(
            Field(name="type", form=_P, property=f"{HANSA}credentialType", also=("name",)),
            Field(name="label", form=_T, property=f"{SKOS}prefLabel", also=("title",)),
            Field(name="text", form=_T, property=f"{SKOS}definition", also=("description",)),
            Field(name="issuers", form=_L, property=f"{HANSA}issuer", also=("issuer",), many=True),
        ),
        key="type",
    ),
    Field(
        name="templates",
        form=Form.NODE,
        property=f"{HANSA}hasPolicyTemplate",
        also=("policies", "policy_templates"),
        many=True,
        classes=(f"{HANSA}PolicyTemplate",),
        fields=_NAMED_WITH_TEXT,
        key="name",
    ),
    Field(name="law", form=Form.TEXT_OR_LINK, property=f"{HANSA}governingLaw", also=("governing_law",)),
    Field(name="court", form=_T, property=f"{HANSA}court"),
    Field(name="liability", form=_T, property=f"{HANSA}liability"),
    Field(name="disputes", form=_T, property=f"{HANSA}disputes"),
    Field(name="notice", form=Form.DURATION, property=f"{HANSA}noticePeriod", also=("notice_period",)),
    Field(name="retention", form=Form.DURATION, property=f"{HANSA}retention"),
    Field(name="text", form=_T, property=f"{HANSA}text", also=("body",)),
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
