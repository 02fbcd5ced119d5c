"""The fields of a rulebook: purposes, audiences, credentials, templates, law."""

from __future__ import annotations

from typing import Final

from node.semantics.description.forms import Field, Form
from node.vocab.namespaces import DCT, HANSA, SKOS

_T, _L, _P = Form.TEXT, Form.LINK, Form.PLAIN

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
