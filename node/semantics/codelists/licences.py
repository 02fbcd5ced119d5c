"""Licences: the EU authority table ``licence`` and the model licences of Flanders, by the names that people know.

There are more licences than this list has: a field takes any IRI, and suggests these.
"""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import EU, Code, CodeList, labels_of

_SCHEME = f"{EU}licence"
_CC = "http://creativecommons.org/licenses"
_FLANDERS = "https://data.vlaanderen.be/id/licentie"


def _creative_commons() -> tuple[Code, ...]:
    codes: list[Code] = []
    families = (
        ("BY", "Attribution", "naamsvermelding", "uveďte původ"),
        ("BY-SA", "Attribution-ShareAlike", "gelijk delen", "zachovejte licenci"),
        ("BY-NC", "Attribution-NonCommercial", "niet commercieel", "neužívejte komerčně"),
        ("BY-ND", "Attribution-NoDerivatives", "geen afgeleide werken", "nezpracovávejte"),
        ("BY-NC-SA", "Attribution-NonCommercial-ShareAlike", "", ""),
        ("BY-NC-ND", "Attribution-NonCommercial-NoDerivatives", "", ""),
    )
    for family, name, dutch, czech in families:
        for version in ("4.0", "3.0", "2.5", "2.0", "1.0"):
            stem = f"CC_{family.replace('-', '')}"
            # Version 1.0 wrote the parts of one name in the opposite order.
            path = "by-nd-nc" if (family, version) == ("BY-NC-ND", "1.0") else family.lower()
            newest = version == "4.0"
            codes.append(
                Code(
                    code=f"CC-{family}-{version}",
                    iri=f"{_SCHEME}/{stem}_{version.replace('.', '_')}",
                    labels={"en": f"Creative Commons {name} {version}"},
                    also=(f"CC-{family}",) if newest else (),
                    hints=tuple(word for word in (dutch, czech, "attribution", "open") if word) if newest else (),
                    # The table had codes without a version before; they mean 4.0 and are deprecated.
                    same=(f"{_CC}/{path}/{version}", *((f"{_SCHEME}/{stem}",) if newest else ())),
                )
            )
    return tuple(codes)


_OTHERS = (
    Code(
        code="CC0-1.0",
        iri=f"{_SCHEME}/CC0",
        labels={"en": "Creative Commons CC0 1.0 Universal", "nl": "Creative Commons Zero", "cs": "CC0"},
        also=("CC0", "CC-0", "CC Zero"),
        hints=("public domain", "publiek domein", "volne dilo", "free"),
        same=("http://creativecommons.org/publicdomain/zero/1.0",),
    ),
    Code(
        code="ODbL-1.0",
        iri=f"{_SCHEME}/ODC_BL",
        labels={"en": "Open Data Commons Open Database License v1.0"},
        also=("ODbL", "ODC-ODbL"),
        hints=("openstreetmap", "osm", "open database"),
        same=("http://opendatacommons.org/licenses/odbl/1.0", "http://opendatacommons.org/licenses/odbl"),
    ),
    Code(
        code="ODC-BY-1.0",
        iri=f"{_SCHEME}/ODC_BY",
        labels={"en": "Open Data Commons Attribution License v1.0"},
        also=("ODC-BY",),
        same=("http://opendatacommons.org/licenses/by/1.0", "http://opendatacommons.org/licenses/by"),
    ),
    Code(
        code="PDDL-1.0",
        iri=f"{_SCHEME}/ODC_PDDL",
        labels={"en": "Open Data Commons Public Domain Dedication and License 1.0"},
        also=("PDDL", "ODC-PDDL-1.0"),
        same=("http://opendatacommons.org/licenses/pddl/1.0", "http://opendatacommons.org/licenses/pddl"),
    ),
    Code(
        code="EUPL-1.2",
        iri=f"{_SCHEME}/EUPL_1_2",
        labels={"en": "European Union Public Licence v. 1.2"},
        also=("EUPL",),
        hints=("software",),
    ),
    Code(code="EUPL-1.1", iri=f"{_SCHEME}/EUPL_1_1", labels={"en": "European Union Public Licence v. 1.1"}),
    Code(code="EUPL-1.0", iri=f"{_SCHEME}/EUPL_1_0", labels={"en": "European Union Public Licence v.1.0"}),
    Code(
        code="COM-REUSE",
        iri=f"{_SCHEME}/COM_REUSE",
        labels=labels_of("licence.COM-REUSE", "European Commission reuse notice"),
        same=("http://data.europa.eu/eli/dec/2011/833/oj",),
    ),
    Code(code="GFDL", iri=f"{_SCHEME}/GNU_FDL", labels={"en": "GNU Free Documentation License"}),
    Code(
        code="ISA-OML-1.1",
        iri=f"{_SCHEME}/ISA_OML",
        labels={"en": "ISA Open Metadata Licence 1.1"},
        same=("https://joinup.ec.europa.eu/licence/isa-open-metadata-licence-v11",),
    ),
    Code(
        code="OP-DATPRO",
        iri=f"{_SCHEME}/OP_DATPRO",
        labels=labels_of("licence.OP-DATPRO", "Provisional data"),
    ),
)

_FLEMISH = (
    Code(
        code="VL-CC0",
        iri=f"{_FLANDERS}/creative-commons-zero-verklaring/v1.0",
        labels={
            "en": "Flemish model licence: Creative Commons Zero declaration v1.0",
            "nl": "Creative Commons Zero-verklaring v1.0",
        },
    ),
    Code(
        code="VL-GRATIS",
        iri=f"{_FLANDERS}/modellicentie-gratis-hergebruik/v1.0",
        labels={
            "en": "Flemish model licence: reuse free of charge v1.0",
            "nl": "Modellicentie Gratis Hergebruik v1.0",
        },
        also=("modellicentie gratis hergebruik", "gratis hergebruik"),
        hints=("gratis", "vlaanderen", "flanders"),
    ),
    Code(
        code="VL-VERGOEDING",
        iri=f"{_FLANDERS}/modellicentie-hergebruik-tegen-vergoeding/v1.0",
        labels={
            "en": "Flemish model licence: reuse against payment v1.0",
            "nl": "Modellicentie Hergebruik tegen Vergoeding v1.0",
        },
        also=("modellicentie hergebruik tegen vergoeding",),
    ),
)

LICENCES: Final = CodeList("license", _SCHEME, (*_creative_commons(), *_OTHERS, *_FLEMISH), open=True)

_GOVDATA: Final = "https://www.govdata.de/dl-de"
_DCAT_AP_DE: Final = "http://dcat-ap.de/def/licenses"

NATIONAL_LICENCES: Final = CodeList(
    "license",
    _GOVDATA,
    (
        Code(
            code="DL-DE-ZERO-2.0",
            iri=f"{_GOVDATA}/zero-2-0",
            labels={
                "en": "Data licence Germany – Zero – Version 2.0",
                "de": "Datenlizenz Deutschland – Zero – Version 2.0",
            },
            also=("dl-de/zero-2-0",),
            same=(f"{_DCAT_AP_DE}/dl-zero-de/2.0",),
        ),
        Code(
            code="DL-DE-BY-2.0",
            iri=f"{_GOVDATA}/by-2-0",
            labels={
                "en": "Data licence Germany – Attribution – Version 2.0",
                "de": "Datenlizenz Deutschland – Namensnennung – Version 2.0",
            },
            also=("dl-de/by-2-0",),
            same=(f"{_DCAT_AP_DE}/dl-by-de/2.0",),
        ),
        Code(
            code="LO-2.0",
            iri="https://www.etalab.gouv.fr/licence-ouverte-open-licence",
            labels={"en": "Licence Ouverte 2.0", "fr": "Licence Ouverte 2.0"},
            also=("etalab-2.0", "licence ouverte"),
            same=("https://spdx.org/licenses/etalab-2.0",),
        ),
    ),
    open=True,
)
"""Licences of other countries, which the EU authority table lacks. They are read, but not suggested to stewards."""
