"""Units in the names of columns (``speed (km/h)``, ``PM10 [μg/m³]``, ``length_m``) and in attributes of variables
(``W m-2``), as codes of UCUM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "%": "%",
        "a": "A",
        "bar": "bar",
        "c": "Cel",
        "°c": "Cel",
        "celsius": "Cel",
        "cm": "cm",
        "d": "d",
        "days": "d",
        "db": "dB",
        "db(a)": "dB[A]",
        "dba": "dB[A]",
        "deg": "deg",
        "°": "deg",
        "eur": "[EUR]",
        "€": "[EUR]",
        "g": "g",
        "gwh": "GW.h",
        "h": "h",
        "hours": "h",
        "ha": "har",
        "hpa": "hPa",
        "hz": "Hz",
        "k": "K",
        "kg": "kg",
        "km": "km",
        "km/h": "km/h",
        "kmh": "km/h",
        "kph": "km/h",
        "km2": "km2",
        "km²": "km2",
        "kw": "kW",
        "kwh": "kW.h",
        "l": "L",
        "l/s": "L/s",
        "lx": "lx",
        "m": "m",
        "m/s": "m/s",
        "m2": "m2",
        "m²": "m2",
        "m3": "m3",
        "m³": "m3",
        "m3/h": "m3/h",
        "m³/h": "m3/h",
        "m3/s": "m3/s",
        "m³/s": "m3/s",
        "mbar": "mbar",
        "mg/l": "mg/L",
        "mg/m3": "mg/m3",
        "mg/m³": "mg/m3",
        "min": "min",
        "minutes": "min",
        "mm": "mm",
        "mm/h": "mm/h",
        "ms": "ms",
        "mw": "MW",
        "mwh": "MW.h",
        "pa": "Pa",
        "pct": "%",
        "percent": "%",
        "ppb": "[ppb]",
        "ppm": "[ppm]",
        "s": "s",
        "seconds": "s",
        "t": "t",
        "ug/m3": "ug/m3",
        "ugm3": "ug/m3",
        "μg/m3": "ug/m3",
        "μg/m³": "ug/m3",
        "v": "V",
        "veh/h": "{vehicles}/h",
        "w": "W",
        "w/m2": "W/m2",
        "w/m²": "W/m2",
        "wh": "W.h",
    }
)

_IN_BRACKETS: Final = re.compile(r"[(\[]\s*(?:in\s+)?([^()\[\]]{1,12}(?:\(a\))?)\s*[)\]]\s*$")
_SUFFIX: Final = re.compile(r"[_ ](?:in_)?([a-z0-9%°μ²³/]{1,8})$")

_TEMPERATURE: Final = re.compile(r"(?:temp|temperature|temperatuur|température|temperatur|teplota)[_ ]c$")
_ALSO_WORDS: Final = frozenset(
    {"a", "c", "d", "g", "h", "k", "l", "s", "t", "v", "w", "min", "ms", "bar", "pa", "days"}
)
"""Endings that are letters of a name, or the word *minimum*, more often than units: units only in brackets."""


def unit_of(name: str) -> str:
    """Return the UCUM code of the unit that the name of a column ends with; empty if it names none."""
    # A small letter mu becomes the Greek one, which also the signs of this table are.
    text = name.strip().casefold()
    if match := _IN_BRACKETS.search(text):
        word = match[1].strip()
        # ``street(s)`` is a plural; ``delay (s)`` is in seconds.
        plural = word.isalpha() and len(word) == 1 and not text[: match.start()].endswith((" ", "_"))
        return "" if plural else _UNITS.get(word, "")
    if match := _SUFFIX.search(text):
        word = match[1]
        if _TEMPERATURE.search(text):
            return "Cel"
        return "" if word in _ALSO_WORDS else _UNITS.get(word, "")
    return ""


_PRODUCT: Final = re.compile(r"([A-Za-zµμ%]+)(?:\^|\*\*)?(-?[1-9])?")
_DIVISION: Final = re.compile(r"/\s*([A-Za-zµμ]+)\^?([1-9]?)")
_SYMBOLS: Final = "% A Hz J K L N Pa V W cm d g h hPa kJ kPa kW kg km lx m mW mg min mm mmol mol ms ng s sr t ug um"
_FACTORS: Final[Mapping[str, str]] = MappingProxyType(
    dict(zip(_SYMBOLS.split(), _SYMBOLS.split(), strict=True))
    | {"day": "d", "degC": "Cel", "hour": "h", "hr": "h", "µg": "ug", "μg": "ug", "µm": "um", "μm": "um"}
)
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("degree", "degrees", "degree_east", "degrees_east", "degree_north", "degrees_north"), "deg")
    | dict.fromkeys(("degree_celsius", "degrees_celsius", "celsius", "°c"), "Cel")
    | dict.fromkeys(("degree_c", "degrees_c", "deg_c", "degc"), "Cel")
    | dict.fromkeys(("db", "decibel", "decibels"), "dB")
    | dict.fromkeys(("db(a)", "dba", "db a"), "dB[A]")
    | {"ppm": "[ppm]", "ppb": "[ppb]", "percent": "%", "kwh": "kW.h", "wh": "W.h", "millibar": "mbar", "mbar": "mbar"}
    | dict.fromkeys(("meter", "meters", "metre", "metres"), "m")
    | {"kelvin": "K", "second": "s", "seconds": "s"}
)


def unit_of_symbol(symbol: str) -> str:
    """Return the UCUM code of a unit as UDUNITS writes it: ``W m-2`` is ``W/m2``; empty if it is not known.

    Letters keep their case, because ``mW`` and ``MW`` are different units.
    """
    if word := _WORDS.get(symbol.strip().casefold()):
        return word
    text = _DIVISION.sub(lambda match: f" {match[1]}-{match[2] or 1}", symbol.replace("**", ""))
    over: list[str] = []
    under: list[str] = []
    for factor in text.replace(".", " ").replace("*", " ").split():
        match = _PRODUCT.fullmatch(factor)
        if match is None or match[1] not in _FACTORS:
            return ""
        power = int(match[2] or 1)
        (over if power > 0 else under).append(_FACTORS[match[1]] + (str(abs(power)) if abs(power) > 1 else ""))
    return "/".join([".".join(over), *under]) if over or under else ""
