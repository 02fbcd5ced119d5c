"""Values in other forms than the profile's: addresses, mail and phone as text, numbers with other types, dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.harvest.rules.model import Change, Record, change_value, removal
from node.semantics.triples import TYPE, Term
from node.vocab.namespaces import ADMS, DCAT, DCT, FOAF, PROV, SCHEMA, SPDX, VCARD, XSD

_LINKS: Final = (
    f"{DCAT}accessURL", f"{DCAT}downloadURL", f"{DCAT}landingPage", f"{DCAT}endpointURL", f"{DCAT}accessService",
    f"{DCAT}endpointDescription",
    f"{FOAF}page", f"{FOAF}homepage", f"{DCT}conformsTo", f"{DCT}license", f"{DCT}isReferencedBy", f"{DCT}relation",
    f"{DCT}source", f"{DCT}hasVersion", f"{DCT}isVersionOf", f"{DCT}spatial", f"{DCT}rights", f"{DCT}accessRights",
    f"{DCT}language", f"{DCAT}theme", f"{DCT}format", f"{DCAT}mediaType", f"{DCT}accrualPeriodicity",
    f"{DCT}isPartOf",
    f"{ADMS}sample", f"{ADMS}status", f"{DCAT}compressFormat", f"{DCAT}packageFormat",
    f"{DCAT}themeTaxonomy", f"{PROV}wasGeneratedBy", f"{DCT}type", f"{DCT}publisher", f"{DCT}creator",
    "http://data.europa.eu/r5r/availability", "http://data.europa.eu/r5r/applicableLegislation",
)  # fmt: skip
_ADDRESS: Final = re.compile(r"(?:https?|ftp)://[^\s<>\"{}|^`\\]{4,}")
_BARE: Final = re.compile(r"www\.[\w.-]+\.[a-z]{2,}(?:/[^\s<>\"{}|^`\\]*)?")
_MAIL: Final = re.compile(r"(?:mailto:)?\s*([^\s@<>\"]+@[\w.-]+\.[A-Za-z]{2,})")
_PHONE: Final = re.compile(r"(?:tel:)?\.?(\+?[\d\s()./-]{5,25})")
_SIZE: Final = re.compile(r"(\d+(?:[.,]\d+)?)\s*(bytes?|octets?|[kmgt]i?b|[kmgt])?", re.IGNORECASE)
_UNITS: Final = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}

_WHOLE: Final = (f"{DCAT}byteSize",)
_DECIMAL: Final = (f"{DCAT}spatialResolutionInMeters",)
_DURATION: Final = (f"{DCAT}temporalResolution",)
_DATES: Final = (f"{DCT}issued", f"{DCT}modified", f"{DCAT}startDate", f"{DCAT}endDate", f"{DCT}created")
_PERIODS: Final = {f"{SCHEMA}startDate": f"{DCAT}startDate", f"{SCHEMA}endDate": f"{DCAT}endDate"}
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})")
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::(\d{2}(?:\.\d+)?))?\s*(Z|[+-]\d{2}:?\d{2})?")
_ISO_DURATION: Final = re.compile(
    r"-?P(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?"
)


def empties(record: Record) -> Iterator[Change]:
    """Remove texts with nothing in them."""
    for quad in sorted(record.dataset, key=str):
        if isinstance(quad.object, Literal) and not quad.object.value.strip():
            yield removal(quad)


def hollows(record: Record) -> Iterator[Change]:
    """Remove blank nodes with a class and no other statement."""
    for quad in sorted(record.dataset, key=str):
        if isinstance(quad.object, BlankNode):
            told = list(record.dataset.quads_for_subject(quad.object))
            if all(one.predicate == TYPE for one in told):
                yield removal(quad, *told)


def links(record: Record) -> Iterator[Change]:
    """Turn web addresses written as text into links."""
    for quad, text in record.texts(*_LINKS):
        value = text.value.strip()
        if _ADDRESS.fullmatch(value):
            yield change_value(quad, NamedNode(value))
        elif _BARE.fullmatch(value):
            yield change_value(quad, NamedNode(f"http://{value}"))


def mail(record: Record) -> Iterator[Change]:
    """Turn e-mail addresses of contacts into ``mailto:`` links."""
    for quad in record.of(f"{VCARD}hasEmail"):
        value = quad.object.value if isinstance(quad.object, Literal | NamedNode) else ""
        address = _MAIL.fullmatch(value.strip())
        if address and value != f"mailto:{address[1]}":
            yield change_value(quad, NamedNode(f"mailto:{address[1]}"))


def phones(record: Record) -> Iterator[Change]:
    """Turn telephone numbers of contacts into ``tel:`` links."""
    for quad, text in record.texts(f"{VCARD}hasTelephone"):
        number = _PHONE.fullmatch(text.value.strip())
        if number:
            yield change_value(quad, NamedNode("tel:" + re.sub(r"[^\d+]", "", number[1])))


def numbers(record: Record) -> Iterator[Change]:
    """Give sizes as whole bytes, resolutions as decimals and durations, with the types that the profile requires."""
    for quad, text in record.texts(*_WHOLE):
        size = whole_bytes(text.value)
        if size is not None:
            yield from _retype(quad, text, str(size), "nonNegativeInteger")
    for quad, text in record.texts(*_DECIMAL):
        try:
            value = Decimal(text.value.strip())
        except InvalidOperation:
            continue
        if value.is_finite():
            yield from _retype(quad, text, format(value, "f"), "decimal")
    for quad, text in record.texts(*_DURATION):
        if _ISO_DURATION.fullmatch(text.value.strip()):
            yield from _retype(quad, text, text.value.strip(), "duration")


def whole_bytes(text: str) -> int | None:
    """Return ``12.5 kB`` as 12500; None if the text is not a size, or is a fraction of bytes without a larger
    unit."""
    parts = _SIZE.fullmatch(text.strip())
    if parts is None:
        return None
    unit = (parts[2] or "").casefold()
    unit = "" if unit.startswith(("byte", "octet")) else unit
    number = Decimal(parts[1].replace(",", ".")) * (1024 if "i" in unit else 1000) ** _UNITS[unit[:1]]
    return int(number) if number == int(number) or unit else None


def dates(record: Record) -> Iterator[Change]:
    """Turn dates in usual forms into ``xsd:date``, ``xsd:dateTime``, ``xsd:gYear`` or ``xsd:gYearMonth``."""
    for quad, text in record.texts(*_DATES):
        form = date_form(text.value.strip())
        if form is not None:
            yield from _retype(quad, text, *form)


def date_form(text: str) -> tuple[str, str] | None:
    """Return the lexical form and the type of a date; None if the order of day and month is not certain."""
    try:
        moment = _MOMENT.fullmatch(text)
        if moment:
            zone = moment[4] or ""
            zone = f"{zone[:3]}:{zone[3:]}" if len(zone) == 5 else zone
            datetime.fromisoformat(f"{moment[1]}T{moment[2]}:{(moment[3] or '00')[:2]}")
            return f"{moment[1]}T{moment[2]}:{moment[3] or '00'}{zone}", "dateTime"
        day_first = _DAY_FIRST.fullmatch(text)
        if day_first and int(day_first[1]) > 12:
            return date(int(day_first[3]), int(day_first[2]), int(day_first[1])).isoformat(), "date"
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat(), "date"
    except ValueError:
        return None
    if re.fullmatch(r"(?:19|20)\d{2}", text):
        return text, "gYear"
    return (text, "gYearMonth") if re.fullmatch(r"(?:19|20)\d{2}-(?:0[1-9]|1[0-2])", text) else None


def periods(record: Record) -> Iterator[Change]:
    """Rename the ends of a period from the names of schema.org to those of DCAT."""
    for old, new in _PERIODS.items():
        for quad in record.of(old):
            if isinstance(quad.subject, NamedNode | BlankNode) and not record.has(quad.subject, new):
                yield Change((quad,), (Quad(quad.subject, NamedNode(new), quad.object),))


def period_texts(record: Record) -> Iterator[Change]:
    """Turn a period as text, its two ends with a slash between them, into a period of time."""
    for quad, text in record.texts(f"{DCT}temporal"):
        ends = [date_form(end.strip()) for end in text.value.split("/")]
        if len(ends) != 2 or None in ends:
            continue
        node = BlankNode()
        statements = [Quad(quad.subject, quad.predicate, node), Quad(node, TYPE, NamedNode(f"{DCT}PeriodOfTime"))]
        for name, form in zip(("startDate", "endDate"), ends, strict=True):
            if form is not None:
                value = Literal(form[0], datatype=NamedNode(f"{XSD}{form[1]}"))
                statements.append(Quad(node, NamedNode(f"{DCAT}{name}"), value))
        yield Change((quad,), tuple(statements))


def checksums(record: Record) -> Iterator[Change]:
    """Give checksums the type ``xsd:hexBinary``."""
    for quad, text in record.texts(f"{SPDX}checksumValue"):
        value = text.value.strip()
        if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", value):
            yield from _retype(quad, text, value, "hexBinary")


def _retype(quad: Quad, text: Literal, value: str, type_: str) -> Iterator[Change]:
    new: Term = Literal(value, datatype=NamedNode(f"{XSD}{type_}"))
    if new != text:
        yield change_value(quad, new)
