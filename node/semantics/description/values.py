"""Convert one value of a field to RDF terms. Each reader returns terms, or raises ``NotSo`` with the expected
form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from pyoxigraph import Literal, NamedNode

from node.semantics.description.forms import Form
from node.semantics.kinds import PLURALS
from node.semantics.model import BBox
from node.vocab.namespaces import GEOSPARQL, RDF, XSD

Term = NamedNode | Literal

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_SCHEMES: Final = frozenset(
    [
        "http",
        "https",
        "ftp",
        "ftps",
        "sftp",
        "ws",
        "wss",
        "amqp",
        "amqps",
        "mqtt",
        "mqtts",
        "kafka",
        "kafkas",
        "urn",
        "did",
        "mailto",
        "tel",
        "info",
        "tag",
        "ni",
        "doi",
    ]
)
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MAIL: Final = re.compile(r"[^@\s<>\"]{1,64}@[^@\s<>\"]{1,190}")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()./-]{2,30}")
_DURATION: Final = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_SPOKEN: Final = re.compile(r"(\d+) ?(s|sec|min|minutes?|h|hours?|d|days?)")
_UNIT_WORDS: Final = {"s": "PT{}S", "m": "PT{}M", "h": "PT{}H", "d": "P{}D"}
_EPSG: Final = re.compile(r"(?:EPSG:|http://www\.opengis\.net/def/crs/EPSG/\d+/)(\d{4,6})", re.IGNORECASE)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?")


class NotSo(Exception):
    """The value does not have the form of its field. ``form`` is the key of the expected form (see
    ``words.expected_form``)."""

    def __init__(self, form: str) -> None:
        super().__init__(form)
        self.expected = form


def texts(value: Any, language: str) -> list[Literal]:
    """Return text, or a map of language tags to texts, as language-tagged literals."""
    if isinstance(value, str) and value.strip():
        return [Literal(value.strip(), language=language)]
    if isinstance(value, Mapping) and value:
        literals = []
        for tag, text in value.items():
            if not (isinstance(tag, str) and _TAG.fullmatch(tag) and isinstance(text, str) and text.strip()):
                raise NotSo("language-map")
            literals.append(Literal(text.strip(), language=tag.lower()))
        return literals
    raise NotSo("language-map" if isinstance(value, Mapping) else "text")


def words(value: Any, language: str) -> list[Literal]:
    """Return several short texts as literals, in one language or by language."""
    if isinstance(value, Mapping):
        if not all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in value):
            raise NotSo("language-map")
        return [literal for tag, items in value.items() for literal in words(items, tag.lower())]
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
        raise NotSo("words")
    return [Literal(str(item).strip(), language=language) for item in value if str(item).strip()]


def plain(value: Any) -> Literal:
    """Return text without a language; a number keeps its written form (``version: 2``)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal | date):
        raise NotSo("plain")
    text = str(value).strip()
    if not text:
        raise NotSo("plain")
    return Literal(text)


def is_link(value: Any) -> bool:
    """Return whether ``value`` is an absolute IRI with a scheme that may be linked to."""
    return (
        isinstance(value, str)
        and _ABSOLUTE.fullmatch(value.strip()) is not None
        and value.strip().partition(":")[0].casefold() in _SCHEMES
    )


def link(value: Any, base: str) -> NamedNode:
    """Return an absolute IRI, or ``<kinds>/<name>`` of an asset below ``base`` (the singular is accepted too)."""
    if not isinstance(value, str):
        raise NotSo("link")
    text = value.strip()
    if not is_link(text):
        first, slash, rest = text.partition("/")
        plural = first if first in PLURALS else f"{first}s"
        if not slash or not rest or plural not in PLURALS or " " in text:
            raise NotSo("link")
        text = f"{base.rstrip('/')}/{plural}/{rest}"
    try:
        return NamedNode(text)
    except ValueError:
        raise NotSo("link") from None


def day(value: Any) -> Literal:
    """Return a date, moment, year or month as DCAT-AP's temporal literal."""
    if isinstance(value, datetime):
        return Literal(value.isoformat(), datatype=_xsd("dateTime"))
    if isinstance(value, date):
        return Literal(value.isoformat(), datatype=_xsd("date"))
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise NotSo("date")
    text = value.strip()
    try:
        if re.fullmatch(r"\d{4}", text):
            return Literal(text, datatype=_xsd("gYear"))
        if re.fullmatch(r"\d{4}-\d\d", text):
            date.fromisoformat(f"{text}-01")
            return Literal(text, datatype=_xsd("gYearMonth"))
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            date.fromisoformat(text)
            return Literal(text, datatype=_xsd("date"))
        # YAML writes a moment with a blank where XML Schema wants a T.
        text = text.replace(" ", "T", 1)
        if _MOMENT.fullmatch(text):
            datetime.fromisoformat(text)
            seconds = text if text.count(":", 0, 19) == 2 else f"{text[:16]}:00{text[16:]}"
            return Literal(seconds, datatype=_xsd("dateTime"))
    except ValueError:
        raise NotSo("date") from None
    raise NotSo("date")


def number(value: Any) -> Literal:
    """Return a number as xsd:decimal, without exponent."""
    return Literal(_decimal(value), datatype=_xsd("decimal"))


def integer(value: Any) -> Literal:
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?\d{1,18}", str(value).strip()):
        raise NotSo("integer")
    return Literal(str(int(value)), datatype=_xsd("integer"))


def boolean(value: Any) -> Literal:
    words = {
        "true": True,
        "yes": True,
        "ja": True,
        "ano": True,
        "false": False,
        "no": False,
        "nee": False,
        "ne": False,
    }
    truth = value if isinstance(value, bool) else words.get(str(value).strip().casefold())
    if truth is None:
        raise NotSo("boolean")
    return Literal("true" if truth else "false", datatype=_xsd("boolean"))


def duration(value: Any) -> Literal:
    """Return an ISO 8601 duration, or a number with a unit of time (``15 min``)."""
    text = str(value).strip()
    match = _SPOKEN.fullmatch(text.casefold())
    if match:
        text = _UNIT_WORDS[match[2][0]].format(match[1])
    if not _DURATION.fullmatch(text):
        raise NotSo("duration")
    # XML Schema knows no weeks.
    text = re.sub(r"(\d+)W", lambda weeks: f"{int(weeks[1]) * 7}D", text)
    return Literal(text, datatype=_xsd("duration"))


def mail(value: Any) -> NamedNode:
    text = str(value).strip().removeprefix("mailto:")
    if not isinstance(value, str) or not _MAIL.fullmatch(text):
        raise NotSo("mail")
    return _to_iri(f"mailto:{text}", "mail")


def phone(value: Any) -> NamedNode:
    text = str(value).strip().removeprefix("tel:")
    if isinstance(value, bool) or not _PHONE.fullmatch(text):
        raise NotSo("phone")
    return NamedNode("tel:" + re.sub(r"[ ()./]", "", text))


def crs(value: Any) -> NamedNode:
    """Return ``EPSG:31370`` as the IRI of the OGC register (GeoDCAT-AP, reference systems)."""
    match = _EPSG.fullmatch(str(value).strip())
    if not match:
        raise NotSo("crs")
    return NamedNode(f"http://www.opengis.net/def/crs/EPSG/0/{match[1]}")


def scalar(value: Any) -> Literal:
    """Return any value as a literal: numbers, truth values and texts as such, lists and objects as JSON."""
    if isinstance(value, bool):
        return boolean(value)
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float | Decimal):
        return number(value)
    if isinstance(value, str):
        return Literal(value)
    if isinstance(value, list | Mapping):
        return as_json(value)
    raise NotSo("value")


def as_json(value: Any) -> Literal:
    """Return an object or a list as an rdf:JSON literal (JSON-LD 1.1 §10.2), members sorted."""
    if not isinstance(value, list | Mapping):
        raise NotSo("json")
    # Not ``canonical``: it writes 1.0 as 1, and the literal keeps a fraction as its author wrote it. The hash of a
    # published version is over these bytes.
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
    return Literal(text, datatype=NamedNode(f"{RDF}JSON"))


def source(value: Any) -> Literal:
    """Return the text of a program or query unchanged; an object becomes JSON."""
    if isinstance(value, str) and value.strip():
        return Literal(value)
    if isinstance(value, Mapping) and value:
        return as_json(value)
    raise NotSo("source")


def rectangle(value: Any) -> BBox:
    """Return west, south, east, north in degrees. Raises ``NotSo`` if the value is not a rectangle on the earth."""
    if isinstance(value, Mapping):
        value = [value.get(side) for side in ("west", "south", "east", "north")]
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise NotSo("place")
    try:
        west, south, east, north = (float(_decimal(side)) for side in value)
    except NotSo:
        raise NotSo("place") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise NotSo("rectangle")
    return west, south, east, north


def polygon(bbox: BBox) -> Literal:
    """Return a rectangle as WKT (GeoSPARQL), counter-clockwise."""
    west, south, east, north = (_decimal(side) for side in bbox)
    ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
    return Literal(f"POLYGON(({ring}))", datatype=NamedNode(f"{GEOSPARQL}wktLiteral"))


def is_rectangle(value: Any) -> bool:
    """Return whether ``value`` is meant as one rectangle rather than as a list of places."""
    return (
        isinstance(value, list)
        and len(value) == 4
        and not any(isinstance(side, str | list | Mapping) for side in value)
    )


SIMPLE: Final[Mapping[Form, Callable[[Any], Term]]] = MappingProxyType(
    {
        Form.PLAIN: plain,
        Form.DATE: day,
        Form.INTEGER: integer,
        Form.NUMBER: number,
        Form.BOOLEAN: boolean,
        Form.DURATION: duration,
        Form.MAIL: mail,
        Form.PHONE: phone,
        Form.CRS: crs,
        Form.VALUE: scalar,
        Form.JSON: as_json,
        Form.SOURCE: source,
    }
)
"""Forms with values that need no context."""


def _decimal(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise NotSo("number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise NotSo("number") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise NotSo("number")
    return format(number, "f")


def _to_iri(iri: str, form: str) -> NamedNode:
    try:
        return NamedNode(iri)
    except ValueError:
        raise NotSo(form) from None


def _xsd(name: str) -> NamedNode:
    return NamedNode(f"{XSD}{name}")
