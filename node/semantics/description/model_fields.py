"""The fields of models and scenarios, by the ontology of models: inputs, outputs, parameters, the chain of steps."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.filetypes import FILE_TYPES
from node.semantics.codelists.lookup import RISKS
from node.semantics.description.field_groups import RESOLUTION, agent
from node.semantics.description.forms import Field, Form
from node.semantics.description.tables import CODE_LIST
from node.vocab.namespaces import DCT, DQV, HANSA, HANSA_MODEL, IT6, QUDT, RDFS, SCHEMA, SOSA

_T, _L, _P = Form.TEXT, Form.LINK, Form.PLAIN

_UNIT = (
    Field(name="unit", form=_P, property=f"{QUDT}ucumCode", also=("units",)),
    Field(name="type", form=_P, property=f"{HANSA_MODEL}valueType", also=("datatype",)),
    Field(name="quantity", form=_L, property=f"{QUDT}hasQuantityKind", also=("quantity_kind", "kind")),
    Field(name="property", form=_L, property=f"{SOSA}observedProperty", also=("observed_property",)),
    Field(name="code_list", form=_L, property=CODE_LIST, also=("codelist", "scheme")),
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
    agent("owner", f"{HANSA_MODEL}owner"),
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
