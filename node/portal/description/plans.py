"""Layouts of the kinds of assets: which properties, in which order, as which tables. Data, no code.

A *plan* has paragraphs (a label and its properties), sheets (a table whose rows are the nodes behind a property
and whose columns are properties of those nodes) and sources (program text, kept unchanged). A kind without a plan
shows only its facts, so a new kind needs no entry here. The properties are those of
``node.semantics.description.fields``; labels are keys of the language files (``fact.…``, ``sheet.…``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from node.portal.description.content import NAMING
from node.vocab.namespaces import (
    CSVW,
    DCAT,
    DCT,
    DQV,
    HANSA,
    HANSA_MODEL,
    IT6,
    OWL,
    QUDT,
    RDFS,
    SCHEMA,
    SKOS,
    SOSA,
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the first of ``properties`` that a row has, or all of them if ``merged``. ``inner`` names the
    properties that describe a node behind it in one line (``intensity, veh/h``). Many short values are shown on one
    line if ``listed``. If ``named``, values without an address are left out, such as the restrictions of a class,
    which its own page has in words."""

    label: str
    properties: tuple[str, ...]
    merged: bool = False
    inner: tuple[str, ...] = ()
    listed: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPlan:
    """A table. ``rows``: properties that lead from the asset to its rows; ``types``: classes whose members are rows
    wherever they stand in the description; ``order``: a property that numbers the rows. ``parts``: a class whose
    members have the rows, instead of the asset; if there are several, each gets a table under its name."""

    label: str
    columns: tuple[Column, ...]
    rows: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    order: str = ""
    parts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPlan:
    paragraphs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    sheets: tuple[SheetPlan, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()


_NAME: Final = Column(
    "name", (*NAMING, f"{HANSA}role", f"{SCHEMA}valueName", f"{HANSA}credentialType", f"{DCT}identifier")
)
_MEANING: Final = Column("meaning", (f"{DCT}description", f"{SKOS}definition", f"{RDFS}comment"))
_WORDS: Final = Column("words", (f"{DCT}description", f"{RDFS}comment"))
_UNIT: Final = Column("unit", (f"{QUDT}ucumCode",))
_CONFORMS: Final = Column("conforms", (f"{DCT}conformsTo",), merged=True)
_LOWEST: Final = Column("lowest", (f"{SCHEMA}minValue",))
_HIGHEST: Final = Column("highest", (f"{SCHEMA}maxValue",))

_VARIABLE: Final = (f"{DCT}identifier", f"{QUDT}ucumCode", f"{SCHEMA}minValue", f"{SCHEMA}maxValue")

_PARAMETERS: Final = SheetPlan(
    label="parameters",
    rows=(f"{HANSA_MODEL}hasParameter",),
    columns=(_NAME, _MEANING, _UNIT, Column("default", (f"{SCHEMA}defaultValue",)), _LOWEST, _HIGHEST),
)
_PORT: Final = (
    _NAME,
    _MEANING,
    _CONFORMS,
    Column("variables", (f"{HANSA_MODEL}hasVariable",), inner=_VARIABLE),
    Column("observes", (f"{SOSA}observedProperty",)),
    _UNIT,
    Column("step", (f"{DCAT}temporalResolution",)),
    Column("grain", (f"{DCAT}spatialResolutionInMeters",)),
    _LOWEST,
    _HIGHEST,
)

PLANS: Final[dict[str, CardPlan]] = {
    "dataset": CardPlan(
        paragraphs=(
            ("quality", (f"{HANSA}qualityNote",)),
            ("sample", (f"{HANSA}sampleOf",)),
        ),
        sheets=(
            SheetPlan(
                label="columns",
                parts=f"{CSVW}Schema",
                rows=(f"{CSVW}column",),
                order=f"{HANSA}position",
                columns=(
                    Column("name", (f"{CSVW}name",)),
                    Column("meaning", (f"{DCT}description", f"{CSVW}title")),
                    Column("type", (f"{CSVW}datatype",)),
                    _UNIT,
                    _LOWEST,
                    _HIGHEST,
                    Column("empty", (f"{HANSA}emptyCells",)),
                    Column("values", (f"{SKOS}example",), listed=True),
                ),
            ),
            SheetPlan(
                label="gaps",
                rows=(f"{HANSA}hasGap",),
                columns=(
                    Column("name", (f"{DCT}identifier",)),
                    Column("place", (f"{RDFS}label",)),
                    Column("lowest", (f"{DCAT}startDate",)),
                    Column("highest", (f"{DCAT}endDate",)),
                    Column("reason", (f"{RDFS}comment",)),
                ),
            ),
        ),
    ),
    "model": CardPlan(
        paragraphs=(
            ("use", (f"{IT6}intendedUse",)),
            ("method", (f"{HANSA_MODEL}method",)),
            ("limits", (f"{IT6}limitations",)),
            ("guideline", (f"{IT6}howToUse",)),
            ("bias", (f"{IT6}bias",)),
            ("owner", (f"{HANSA_MODEL}owner",)),
            ("trained", (f"{IT6}trainedOn",)),
            ("deterministic", (f"{HANSA_MODEL}deterministic",)),
            ("code", (f"{HANSA_MODEL}codeSha256",)),
            ("endpoint", (f"{HANSA_MODEL}endpoint",)),
            ("reference", (f"{DCT}references",)),
            ("repository", (f"{SCHEMA}codeRepository",)),
        ),
        sheets=(
            SheetPlan(
                label="validity",
                rows=(f"{HANSA_MODEL}validity",),
                columns=(
                    _WORDS,
                    Column("spatial", (f"{DCT}spatial",), merged=True),
                    Column("temporal", (f"{DCT}temporal",)),
                    Column("shape", (f"{HANSA_MODEL}shape",)),
                ),
            ),
            SheetPlan(
                label="risks",
                rows=(f"{IT6}hasRisk",),
                columns=(
                    Column("name", (f"{DCT}title",)),
                    _WORDS,
                    Column("risk", (f"{HANSA_MODEL}riskLevel",)),
                ),
            ),
            SheetPlan(label="inputs", rows=(f"{HANSA_MODEL}hasInput",), columns=_PORT),
            SheetPlan(label="outputs", rows=(f"{HANSA_MODEL}hasOutput",), columns=_PORT),
            _PARAMETERS,
            SheetPlan(
                label="calibration",
                rows=(f"{HANSA_MODEL}calibration",),
                columns=(
                    _WORDS,
                    Column("calibrated", (f"{HANSA_MODEL}calibratedOn",), merged=True),
                    Column("date", (f"{DCT}date",)),
                    Column("measure", (f"{DQV}isMeasurementOf",)),
                    Column("value", (f"{DQV}value",)),
                ),
            ),
        ),
    ),
    "ontology": CardPlan(
        paragraphs=(
            ("prefix", ("http://purl.org/vocab/vann/preferredNamespacePrefix",)),
            ("namespace", ("http://purl.org/vocab/vann/preferredNamespaceUri",)),
            ("imports", (f"{OWL}imports",)),
        ),
        sheets=(
            SheetPlan(
                label="classes",
                types=(f"{OWL}Class", f"{RDFS}Class"),
                columns=(_NAME, _MEANING, Column("broader", (f"{RDFS}subClassOf",), merged=True, named=True)),
            ),
            SheetPlan(
                label="properties",
                types=(f"{OWL}ObjectProperty", f"{OWL}DatatypeProperty", f"{OWL}AnnotationProperty"),
                columns=(
                    _NAME,
                    _MEANING,
                    Column("domain", (f"{RDFS}domain",), merged=True, named=True),
                    Column("range", (f"{RDFS}range",), merged=True, named=True),
                ),
            ),
            SheetPlan(
                label="concepts",
                types=(f"{SKOS}Concept",),
                columns=(
                    _NAME,
                    _MEANING,
                    Column("broader", (f"{SKOS}broader",), merged=True),
                    Column("matches", (f"{SKOS}exactMatch", f"{SKOS}closeMatch", f"{SKOS}broadMatch"), merged=True),
                ),
            ),
        ),
    ),
    "schema": CardPlan(
        paragraphs=(
            ("describes", (f"{HANSA}describes",)),
            ("notation", (f"{HANSA}schemaLanguage",)),
            ("strictness", (f"{HANSA}onBreakingChange",)),
            ("wrong-data", (f"{HANSA}onWrongData",)),
        ),
        sheets=(
            SheetPlan(
                label="members",
                rows=(f"{CSVW}column",),
                order=f"{HANSA}position",
                columns=(
                    Column("name", (f"{CSVW}name",)),
                    Column("meaning", (f"{DCT}description", f"{CSVW}title")),
                    Column("type", (f"{DCT}type",)),
                    _UNIT,
                    Column("term", (f"{CSVW}propertyUrl",)),
                    Column("required", (f"{CSVW}required",)),
                    Column("constraints", (f"{HANSA}constraint",), merged=True),
                ),
            ),
        ),
        sources=(("definition", f"{HANSA}definition"),),
    ),
    "transformation": CardPlan(
        paragraphs=(
            ("notation", (f"{HANSA}transformationLanguage",)),
            ("takes", (f"{HANSA}fromSchema",)),
            ("makes", (f"{HANSA}toSchema",)),
        ),
        sources=(("definition", f"{HANSA}definition"),),
    ),
    "scenario": CardPlan(
        paragraphs=(("goal", (f"{HANSA}goal",)), ("template", (f"{HANSA}template",))),
        sheets=(
            SheetPlan(
                label="roles",
                rows=(f"{HANSA}hasInput",),
                columns=(Column("role", (f"{HANSA}role",)), Column("name", NAMING), _MEANING, _CONFORMS),
            ),
            SheetPlan(
                label="bindings",
                rows=(f"{HANSA}hasBinding",),
                columns=(Column("role", (f"{HANSA}role",)), Column("bound", (f"{HANSA}boundTo",))),
            ),
            SheetPlan(
                label="chain",
                rows=(f"{HANSA}hasStep",),
                order=f"{HANSA}position",
                columns=(
                    Column("position", (f"{HANSA}position",)),
                    Column("name", (*NAMING, f"{DCT}identifier")),
                    Column("uses", (f"{HANSA}uses",)),
                ),
            ),
            _PARAMETERS,
            SheetPlan(
                label="indicators",
                rows=(f"{HANSA}hasIndicator",),
                columns=(_NAME, _MEANING, _UNIT, Column("target", (f"{HANSA}target",))),
            ),
        ),
        sources=(("changes", f"{HANSA}changes"),),
    ),
    "rulebook": CardPlan(
        paragraphs=(
            ("effective", (f"{HANSA}validFrom",)),
            ("changed", (f"{HANSA}changesInWords",)),
            ("rules", (f"{HANSA}text",)),
            ("governing", (f"{HANSA}governingLaw",)),
            ("court", (f"{HANSA}court",)),
            ("disputes", (f"{HANSA}disputes",)),
            ("liability", (f"{HANSA}liability",)),
            ("notice", (f"{HANSA}noticePeriod",)),
            ("retention", (f"{HANSA}retention",)),
        ),
        sheets=(
            SheetPlan(
                label="credentials",
                rows=(f"{HANSA}hasCredentialType",),
                columns=(_NAME, _MEANING, Column("issuer", (f"{HANSA}issuer",), merged=True)),
            ),
            SheetPlan(
                label="audiences",
                rows=(f"{HANSA}hasAudience",),
                columns=(
                    Column("name", (*NAMING, f"{DCT}identifier")),
                    _MEANING,
                    Column("needs", (f"{HANSA}credentialType",), merged=True),
                ),
            ),
            SheetPlan(label="purposes", rows=(f"{HANSA}hasPurpose",), columns=(_NAME, _MEANING)),
            SheetPlan(label="templates", rows=(f"{HANSA}hasPolicyTemplate",), columns=(_NAME, _MEANING)),
        ),
    ),
}
"""Kind → its layout."""
