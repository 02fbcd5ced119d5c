"""All rules, in the order of their application; functions to apply and undo them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyoxigraph import Literal, NamedNode, Quad

from node.base.errors import InvalidInput
from node.semantics.harvest.rules import codes, own_values, shape, values
from node.semantics.harvest.rules.model import Change, Record, Rule
from node.vocab.namespaces import DCAT, DCT, XSD

SAFE: Final = "safe"
"""The name for all safe rules."""

_ONE: Final = (
    f"{DCT}license", f"{DCT}accrualPeriodicity", f"{DCT}accessRights", f"{DCT}format", f"{DCAT}mediaType",
    f"{DCT}publisher", f"{DCT}rights", f"{DCAT}byteSize", f"{DCT}conformsTo",
)  # fmt: skip

_ROWS: Final = (
    (
        "own-value",
        "Takes the codes that a steward chose for the source's own values",
        "`bomen en planten` → `ENVI`",
        own_values.values_by_table,
    ),
    ("empty", "Leaves out empty texts", '`dct:rights ""` →', values.empties),
    ("hollow", "Leaves out blank nodes that have only a class", "`dct:spatial []` →", values.hollows),
    (
        "link",
        "Turns web addresses in text into links",
        '`"https://a.example/"` → `<https://a.example/>`',
        values.links,
    ),
    ("mail", "Turns e-mail addresses into `mailto:` links", '`"a@b.example"` → `<mailto:a@b.example>`', values.mail),
    (
        "phone",
        "Turns phone numbers into `tel:` links",
        '`"+32 9 210 10 10"` → `<tel:+3292101010>`',
        values.phones,
    ),
    ("language", "Takes languages from the EU list", "`nl-BE`, `dut` → `NLD`", codes.languages),
    ("theme", "Takes themes from the EU list, by code or name", "`transporte` → `TRAN`", codes.themes),
    (
        "format",
        "Takes formats from the EU list of file types",
        "`text/csv`, `Shapefile` → `CSV`, `SHP`",
        codes.formats,
    ),
    ("media-type", "Takes media types from IANA", "`text/csv`, `CSV` → `…/media-types/text/csv`", codes.media_types),
    ("package", "Takes compression and package formats from IANA", "`application/zip`", codes.package_formats),
    ("frequency", "Takes frequencies from the EU list", "`R/P1Y`, `asNeeded` → `ANNUAL`, `IRREG`", codes.frequencies),
    ("access-right", "Takes access rights from the EU list", "`public` → `PUBLIC`", codes.access_rights),
    ("licence", "Takes licences from the EU list, by title or address", "`CC BY 4.0` → `CC_BY_4_0`", codes.licences),
    ("number", "Writes sizes as whole bytes, resolutions as decimals", "`12.5 kB` → `12500`", values.numbers),
    ("date", "Writes dates in the forms of XML Schema", "`27.6.2019` → `2019-06-27`", values.dates),
    ("period", "Writes the ends of periods by DCAT's names", "`schema:startDate` → `dcat:startDate`", values.periods),
    (
        "period-text",
        "Turns two dates with a slash into a period",
        "`2019-01-01/2020-01-01` → `dct:PeriodOfTime`",
        values.period_texts,
    ),
    ("checksum", "Types checksums as `xsd:hexBinary`", '`"9f86"` → `"9f86"^^xsd:hexBinary`', values.checksums),
    (
        "place",
        "Turns names, boxes and geometries into locations",
        "`3.6,51.0,3.8,51.1` → `dcat:bbox`",
        shape.places,
    ),
    (
        "keyword",
        "Turns themes that are on no list into keywords",
        '`dcat:theme "trees"` → `dcat:keyword`',
        codes.themes_to_keywords,
    ),
    (
        "theme-node",
        "Turns blank concepts into themes or keywords, by their labels",
        '`[ skos:prefLabel "trees" ]` → `dcat:keyword`',
        codes.theme_nodes,
    ),
    (
        "wrap",
        "Turns names of rights, formats, standards … into resources",
        '`"free"` → `[ rdfs:label "free" ]`',
        shape.wrap_name,
    ),
    ("identifier", "Writes identifiers as text", '`<urn:x:1>` → `"urn:x:1"`', shape.identifiers),
    (
        "other-identifier",
        "Makes `adms:Identifier` of other identifiers",
        '`"1"` → `[ skos:notation "1" ]`',
        shape.other_identifiers,
    ),
    ("title", "Takes a label or name as the missing title", "`rdfs:label` → `dct:title`", shape.titles),
    (
        "description",
        "Takes an abstract or comment as the missing description",
        "`dct:abstract` → `dct:description`",
        shape.descriptions,
    ),
    ("agent", "Takes a label as the missing name of a publisher", "`skos:prefLabel` → `foaf:name`", shape.agents),
    (
        "access-address",
        "Takes the download address as the missing access address",
        "`dcat:downloadURL` → `dcat:accessURL`",
        shape.access_addresses,
    ),
    (
        "one-date",
        "Keeps the newest change and the first issue of several",
        "two `dct:modified` → one",
        shape.one_date,
    ),
    ("one-geometry", "Keeps one notation of a geometry, WKT first", "WKT and GeoJSON → WKT", shape.one_geometry),
    ("record-topic", "States what a catalogue record is about", "→ `foaf:primaryTopic`", shape.record_topics),
    (
        "record-aside",
        "Leaves out the source's catalogue record where it breaks the profile",
        "`dcat:CatalogRecord` →",
        shape.records_aside,
    ),
    (
        "stub",
        "Leaves out the class of foreign concepts that are not described",
        "`<x> a skos:Concept` →",
        shape.stubs,
    ),
    (
        "catalogue-licence",
        "Takes the licence of the catalogue, where the record has none",
        "→ `dct:license`",
        shape.licences_inherited,
    ),
)
_LOSSY: Final = (
    (
        "one-of-many",
        "Keeps one of several licences, formats, frequencies …",
        "CC BY and CC0 → CC BY",
        shape.one_of_many(*_ONE),
    ),
    (
        "landing-page",
        "Takes the landing page as the missing access address",
        "`dcat:landingPage` → `dcat:accessURL`",
        shape.access_from_landing,
    ),
    (
        "title-as-description",
        "Repeats the title as the missing description",
        "`dct:title` → `dct:description`",
        shape.description_from_title,
    ),
)

RULES: Final[tuple[Rule, ...]] = (
    *(Rule(name=name, what=what, example=example, apply=apply) for name, what, example, apply in _ROWS),
    *(Rule(name=name, what=what, example=example, apply=apply, safe=False) for name, what, example, apply in _LOSSY),
)


@dataclass(frozen=True, slots=True)
class Repair:
    """One change that a rule made."""

    rule: str
    change: Change

    def to_json(self) -> dict[str, Any]:
        """Return rule, property, and the values before and after, as people read them.

        If both values read alike, ``forms`` names the difference: ``text``, ``link``, or the datatype.
        """
        quads = self.change.removals or self.change.additions
        before, after = _values(self.change.removals), _values(self.change.additions)
        members: dict[str, Any] = {
            "rule": self.rule,
            "property": quads[0].predicate.value if quads else "",
            "before": before,
            "after": after,
        }
        if before and before == after:
            members["forms"] = [_form(self.change.removals), _form(self.change.additions)]
        return members


def rules_named(names: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of these names, in the order of the table; ``safe`` stands for all safe ones.

    Raises ``InvalidInput`` for an unknown name.
    """
    asked_for = set(names)
    unknown = sorted(asked_for - {rule.name for rule in RULES} - {SAFE})
    if unknown:
        raise InvalidInput(
            f"there is no rule {unknown[0][:60]!r}", remedy=f"{SAFE}, or some of: {', '.join(r.name for r in RULES)}"
        )
    return tuple(rule for rule in RULES if rule.name in asked_for or (rule.safe and SAFE in asked_for))


def repair(record: Record, rules: Sequence[Rule]) -> list[Repair]:
    """Apply ``rules`` to ``record``; return their changes, in order."""
    repairs = []
    for rule in rules:
        for change in list(rule.apply(record)):
            change_made = Change(
                tuple(quad for quad in change.removals if quad in record.dataset),
                tuple(quad for quad in change.additions if quad not in record.dataset),
            )
            if change_made.removals or change_made.additions:
                _exchange(record, change_made)
                repairs.append(Repair(rule.name, change_made))
    return repairs


def undo(record: Record, repairs: Sequence[Repair]) -> None:
    """Undo ``repairs``: the record is then the same as before."""
    for done in reversed(repairs):
        _exchange(record, Change(done.change.additions, done.change.removals))


def _exchange(record: Record, change: Change) -> None:
    for quad in change.removals:
        record.dataset.discard(quad)
    for quad in change.additions:
        record.dataset.add(quad)


def _values(quads: Sequence[Quad]) -> str:
    return " · ".join(term.value for term in _terms(quads))[:300]


def _form(quads: Sequence[Quad]) -> str:
    """Return the form of the first value, by the name that people know: ``text``, ``link``, ``xsd:date``."""
    term = _terms(quads)[0]
    if isinstance(term, NamedNode):
        return "link"
    if term.language:
        return f"text in {term.language}"
    datatype = term.datatype.value
    return "text" if datatype == f"{XSD}string" else datatype.replace(XSD, "xsd:")


def _terms(quads: Sequence[Quad]) -> list[Literal | NamedNode]:
    return [
        quad.object
        for quad in quads
        if isinstance(quad.object, Literal | NamedNode) and not quad.predicate.value.endswith("#type")
    ]
