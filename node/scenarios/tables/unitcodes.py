"""UCUM codes that city data use, and common spellings that people write instead of them.

Factors are those of ``ucum-essence`` 2.2 (Tables 1–23); the definitions of a symbol use symbols above it. The are
takes no prefix but hecto: ``car/h`` means cars, not hundredths of an are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from fractions import Fraction
from types import MappingProxyType
from typing import Final

BASES: Final = ("m", "s", "g", "rad", "K", "C", "cd", "mol", "B")
"""Base units of UCUM (§4.2), and mole and bel."""

PREFIXES: Final[Mapping[str, Fraction]] = MappingProxyType(
    {
        symbol: Fraction(10) ** power
        for symbol, power in (
            ("da", 1), ("Y", 24), ("Z", 21), ("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("h", 2),
            ("d", -1), ("c", -2), ("m", -3), ("u", -6), ("n", -9), ("p", -12), ("f", -15), ("a", -18), ("z", -21),
            ("y", -24),
        )
    }
)  # fmt: skip
PREFIXES_OF_TWO: Final[Mapping[str, Fraction]] = MappingProxyType(
    {symbol: Fraction(1024) ** power for symbol, power in (("Ki", 1), ("Mi", 2), ("Gi", 3), ("Ti", 4))}
)

_PI: Final = "3.1415926535897932384626433832795028841971693993751058209749445923"

# symbol, takes prefixes, factor, code
ATOMS: Final[tuple[tuple[str, bool, str, str], ...]] = (
    ("10*", False, "10", "1"), ("10^", False, "10", "1"), ("[pi]", False, _PI, "1"), ("%", False, "1/100", "1"),
    ("[ppth]", False, "1/1000", "1"), ("[ppm]", False, "1/1000000", "1"), ("[ppb]", False, "1/1000000000", "1"),
    ("[pptr]", False, "1/1000000000000", "1"),
    # time
    ("min", False, "60", "s"), ("h", False, "60", "min"), ("d", False, "24", "h"), ("wk", False, "7", "d"),
    ("a_t", False, "365.24219", "d"), ("a_j", False, "365.25", "d"), ("a_g", False, "365.2425", "d"),
    ("a", False, "365.25", "d"), ("mo_s", False, "29.53059", "d"), ("mo_j", False, "1/12", "a_j"),
    ("mo_g", False, "1/12", "a_g"), ("mo", False, "1/12", "a_j"),
    # angle
    ("deg", False, "1/180", "[pi].rad"), ("'", False, "1/60", "deg"), ("''", False, "1/60", "'"),
    ("gon", False, "9/10", "deg"), ("sr", True, "1", "rad2"), ("circ", False, "2", "[pi].rad"),
    # mechanics
    ("Hz", True, "1", "s-1"), ("N", True, "1", "kg.m/s2"), ("Pa", True, "1", "N/m2"), ("J", True, "1", "N.m"),
    ("W", True, "1", "J/s"), ("t", True, "1000", "kg"), ("bar", True, "100000", "Pa"), ("atm", False, "101325", "Pa"),
    ("l", True, "1", "dm3"), ("L", True, "1", "l"), ("ar", False, "100", "m2"),
    ("har", False, "100", "ar"), ("eV", True, "1.60217733e-19", "J"),
    ("AU", False, "149597.870691", "Mm"), ("[g]", True, "9.80665", "m/s2"), ("[c]", True, "299792458", "m/s"),
    ("gf", True, "1", "g.[g]"), ("cal", True, "4.184", "J"), ("m[H2O]", True, "9.80665", "kPa"),
    ("m[Hg]", True, "133.3220", "kPa"), ("dyn", True, "1", "g.cm/s2"), ("P", True, "1", "dyn.s/cm2"),
    ("St", True, "1", "cm2/s"),
    # electricity, light, radiation
    ("A", True, "1", "C/s"), ("V", True, "1", "J/C"), ("F", True, "1", "C/V"), ("Ohm", True, "1", "V/A"),
    ("S", True, "1", "Ohm-1"), ("Wb", True, "1", "V.s"), ("T", True, "1", "Wb/m2"), ("H", True, "1", "Wb/A"),
    ("lm", True, "1", "cd.sr"), ("lx", True, "1", "lm/m2"), ("Bq", True, "1", "s-1"), ("Gy", True, "1", "J/kg"),
    ("Sv", True, "1", "J/kg"), ("Ci", True, "37000000000", "Bq"),
    # chemistry, information, levels without a reference
    ("kat", True, "1", "mol/s"), ("bit", True, "1", "1"), ("By", True, "8", "bit"), ("Bd", True, "1", "s-1"),
    ("Np", True, "0.86858896380650365530225783783321016458879401160733", "B"),
    # customary
    ("[in_i]", False, "2.54", "cm"), ("[ft_i]", False, "12", "[in_i]"), ("[yd_i]", False, "3", "[ft_i]"),
    ("[mi_i]", False, "5280", "[ft_i]"), ("[nmi_i]", False, "1852", "m"), ("[kn_i]", False, "1", "[nmi_i]/h"),
    ("[sft_i]", False, "1", "[ft_i]2"), ("[cft_i]", False, "1", "[ft_i]3"), ("[lb_av]", False, "453.59237", "g"),
    ("[oz_av]", False, "1/16", "[lb_av]"), ("[gal_us]", False, "231", "[in_i]3"),
    ("[lbf_av]", False, "1", "[lb_av].[g]"), ("[psi]", False, "1", "[lbf_av]/[in_i]2"),
    ("[HP]", False, "550", "[ft_i].[lbf_av]/s"), ("[Btu_IT]", False, "1.05505585262", "kJ"),
)  # fmt: skip

OFFSETS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"Cel": ("1", "273.15"), "[degF]": ("5/9", "45967/180")}
)
"""Temperatures with a zero of their own: factor and offset in kelvin."""

LEVELS: Final = ("B[SPL]", "B[V]", "B[mV]", "B[uV]", "B[10.nV]", "B[W]", "B[kW]")
"""Levels over a reference (UCUM Table 20)."""

_WORDS: Final = (
    "vehicles veh vehicle voertuigen voertuig vozidla vozidel vozidlo fahrzeuge véhicules",
    "passenger car units pcu pce pae pcus pw-eq",
    "cars car passengercar passengercars auto autos auta",
    "lorries lorry truck trucks heavy vehicles hgv vrachtwagens",
    "bicycles bicycle bike bikes cyclists fietsen fiets kola",
    "persons person people personen inhabitants inhabitant residents resident inwoners bewoners osob osoby obyvatel",
    "passengers passenger pax reizigers",
    "pedestrians pedestrian voetgangers",
    "trips trip ritten rit jízd",
    "households household huishoudens",
    "dwellings dwelling homes home woningen buildings building",
    "EUR euro euros €",
    "CZK Kč",
    "counts count #",
    "trees tree bomen",
)
_PHRASES: Final = {"passenger car units": "pcu", "heavy vehicles": "lorries", "passenger car unit": "pcu"}


def _same_words() -> dict[str, str]:
    same = dict(_PHRASES)
    for line in _WORDS:
        for phrase in _PHRASES:
            line = line.replace(phrase, "")  # noqa: PLW2901 - phrases are there for the reader
        first, *others = line.split() if "pcu" not in line else ["pcu", *line.split()]
        same |= {word.casefold(): first.casefold() for word in (first, *others)}
    return same


SAME_WORDS: Final[Mapping[str, str]] = MappingProxyType(_same_words())
"""Annotation → the annotation with the same meaning that represents it, in lower case."""

_CURRENCIES: Final = frozenset(("eur", "euro", "€", "usd", "$", "czk", "kč", "gbp", "£"))
_INSTEAD: Final = {
    "u": "h", "uur": "h", "uren": "h", "hour": "h", "hours": "h", "hr": "h", "hrs": "h", "std": "h", "hod": "h",
    "minute": "min", "minutes": "min", "mins": "min", "minuten": "min", "sec": "s", "second": "s", "seconds": "s",
    "day": "d", "days": "d", "dag": "d", "dagen": "d", "den": "d", "week": "wk", "year": "a", "years": "a",
    "yr": "a", "jaar": "a", "rok": "a", "month": "mo", "maand": "mo",
    "kmh": "km/h", "kph": "km/h", "kmph": "km/h", "mph": "[mi_i]/h", "mps": "m/s",
    "degc": "Cel", "celsius": "Cel", "°c": "Cel", "degrees": "deg", "degree": "deg", "°": "deg", "kelvin": "K",
    "ha": "har", "hectare": "har", "hectares": "har", "are": "ar", "ton": "t", "tonne": "t", "tonnes": "t",
    "kilo": "kg", "gram": "g", "metre": "m", "meter": "m", "metres": "m", "meters": "m", "mtr": "m", "km2": "km2",
    "litre": "l", "liter": "l", "liters": "l", "litres": "l", "inch": "[in_i]", "ft": "[ft_i]", "feet": "[ft_i]",
    "mile": "[mi_i]", "miles": "[mi_i]", "percent": "%", "procent": "%", "pct": "%", "ppm": "[ppm]",
    "ppb": "[ppb]", "byte": "By", "bytes": "By", "watt": "W", "joule": "J", "hertz": "Hz", "psi": "[psi]",
    "sqm": "m2", "cbm": "m3", "db": "dB", "decibel": "dB", "db[spl]": "dB[SPL]", "ohm": "Ohm", "none": "1",
    "-": "1", "dimensionless": "1", "unitless": "1", "number": "1", "ratio": "1",
}  # fmt: skip
_WEIGHTED: Final = re.compile(r"dB\s*\(?([ABCZ])\)?", re.IGNORECASE)
_WATT_HOURS: Final = re.compile(r"(/|(?<![\w/]))([kMGT]?)Wh\b")
_MANY: Final = re.compile(r"/(\d+)\s*([^\W\d]+)$")
_CARBON: Final = re.compile(r"\b([kM]?[gt])\s*(CO2\w*)", re.IGNORECASE)
_POWERS: Final = str.maketrans(
    {"²": "2", "³": "3", "¹": "1", "⁻": "-", "µ": "u", "μ": "u", "·": ".", "×": ".", "⋅": "."}
)
_PIECES: Final = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]|[^\W\d]+|[°€$£%#]+[^\W\d]*|.", re.UNICODE)


def guess_code(code: str, is_unit: Callable[[str], bool]) -> tuple[str, str]:
    """Return the UCUM code that was probably meant, and a remark about it; both empty if there is no guess."""
    text = code.strip()
    if weighted := _WEIGHTED.fullmatch(text):
        return "dB[SPL]", f"the weighting is said by the quantity kind ({weighted[1].upper()}-weighted)"
    if text.casefold() in _CURRENCIES:
        return f"{{{text}}}", "UCUM has no currencies, they are annotations"
    text = re.sub(r"\s*(?:/|\bper\b)\s*", "/", text.translate(_POWERS))
    text = _WATT_HOURS.sub(lambda found: f"{found[1]}({found[2]}W.h)" if found[1] else f"{found[2]}W.h", text)
    text = _CARBON.sub(r"\1{\2}", _MANY.sub(r"/(\1.\2)", text))
    if (whole := _INSTEAD.get(text.casefold())) is not None:
        return whole, ""
    pieces = [_piece(piece.strip(), is_unit) for piece in _PIECES.findall(text)]
    guess = re.sub(r"(?<=[\w}\]])\.?(?=\{)", "", "".join(pieces))
    if guess != code and is_unit(guess):
        return guess, "put what is counted in braces" if "{" in guess and "{" not in code else ""
    for other in (re.sub(r"\s+", ".", text), text.lower()):
        if other != code and is_unit(other):
            return other, ""
    symbols = [symbol for symbol, _, _, _ in ATOMS]
    if not re.search(r"[./()\s]", code):
        near = get_close_matches(code, [*symbols, *OFFSETS, *LEVELS, *BASES], n=1, cutoff=0.75)
        return (near[0], "") if near else ("", "")
    return "", ""


def _piece(piece: str, is_unit: Callable[[str], bool]) -> str:
    lower_case = piece.casefold()
    if not piece or piece[0] in "{[" or is_unit(piece):
        return piece
    if lower_case in _INSTEAD:
        return _INSTEAD[lower_case]
    return f"{{{piece}}}" if lower_case in SAME_WORDS else piece
