"""Fields that several kinds of assets have: organisations and people, contacts, resolution."""

from __future__ import annotations

from typing import Final

from node.semantics.description.forms import Field, Form
from node.vocab.namespaces import DCAT, DCT, FOAF, VCARD

_T, _L, _P = Form.TEXT, Form.LINK, Form.PLAIN

_AGENT = (
    Field(name="name", form=_T, property=f"{FOAF}name"),
    Field(name="type", form=_L, property=f"{DCT}type"),
    Field(name="homepage", form=_L, property=f"{FOAF}homepage", also=("url", "website")),
    Field(name="email", form=Form.MAIL, property=f"{FOAF}mbox", also=("mail",)),
)
# dct:Agent beside foaf:Agent, because DCAT-AP-VL requires the first and DCAT-AP the second.
_AGENT_CLASSES = (f"{FOAF}Agent", f"{DCT}Agent")


def agent(name: str, property_: str, *, also: tuple[str, ...] = (), many: bool = False) -> Field:
    """Return a field for an organisation or a person."""
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
