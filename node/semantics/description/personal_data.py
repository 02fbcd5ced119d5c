"""Fields about personal data, and the grounds without which they are not offered: basis, purpose and assessment.

Nobody can be offered personal data before the publisher has said on which basis and for what they may be used
(Articles 5(1)(b) and 6 GDPR); where the node asks for it, an impact assessment (Article 35) is named too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyoxigraph import Dataset, NamedNode

from node.semantics.codelists.legal_bases import LEGAL_BASES
from node.semantics.description.completion import INTERNAL
from node.semantics.description.forms import Field, Form
from node.semantics.findings import words
from node.semantics.model import Finding
from node.semantics.triples import literals, nodes
from node.vocab.namespaces import DPV, HANSA

ANSWER: Final = f"{HANSA}hasPersonalData"
BASIS: Final = f"{DPV}hasLegalBasis"
PURPOSE: Final = f"{DPV}hasPurpose"
ASSESSMENT: Final = f"{DPV}hasImpactAssessment"

PERSONAL_DATA: Final = (
    Field(name="personal_data", form=Form.BOOLEAN, property=ANSWER),
    Field(name="personal_basis", form=Form.CODE, property=BASIS, also=("legal_basis",), codes=LEGAL_BASES),
    Field(
        name="personal_purpose",
        form=Form.STATEMENT,
        property=PURPOSE,
        also=("purpose_of_personal_data",),
        classes=(f"{DPV}Purpose",),
    ),
    Field(name="impact_assessment", form=Form.LINK, property=ASSESSMENT, also=("dpia",)),
)
"""Fields of datasets about personal data."""


def is_offered(conditions: Mapping[str, Any] | None, audience: str | None) -> bool:
    """Return whether people outside the organisation may get the asset, or ask for it."""
    return INTERNAL not in (audience, (conditions or {}).get("template"))


def require_grounds(
    dataset: Dataset, subject: NamedNode, lines: Mapping[str, int], *, asks_assessment: bool
) -> list[Finding]:
    """Return what is missing before personal data can be offered; nothing if the dataset says it has none."""
    if not {"true", "1"} & {text.value for text in literals(dataset, subject, ANSWER)}:
        return []
    grounds = {"personal_basis": BASIS, "personal_purpose": PURPOSE}
    if asks_assessment:
        grounds["impact_assessment"] = ASSESSMENT
    return [
        words.about_field(name.replace("_", "-"), field=name, line=lines.get(name, lines.get("personal_data")))
        for name, property_ in grounds.items()
        if not nodes(dataset, subject, property_)
    ]
