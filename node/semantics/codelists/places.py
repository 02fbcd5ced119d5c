"""A small gazetteer: places that a steward names instead of drawing a rectangle.

Boxes are west, south, east, north in degrees (WGS 84), taken generously around the municipality; they serve
search, not measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from node.semantics.codelists.lookup import EU, fold
from node.semantics.model import BBox

_GEONAMES = "https://sws.geonames.org"
_NUTS = "http://data.europa.eu/nuts/code"


@dataclass(frozen=True, slots=True)
class Place:
    """One place. ``iri`` is empty if no register is sure to have a stable IRI for it."""

    name: str
    iri: str
    bbox: BBox
    also: tuple[str, ...] = ()

    @property
    def centre(self) -> tuple[float, float]:
        """Return longitude and latitude of the middle of the box."""
        west, south, east, north = self.bbox
        return (west + east) / 2, (south + north) / 2


PLACES: Final = (
    Place("Gent", f"{_GEONAMES}/2797656/", (3.58, 50.97, 3.86, 51.19), ("Ghent", "Gand", "Stad Gent")),
    Place("Brugge", f"{_GEONAMES}/2800931/", (3.14, 51.14, 3.33, 51.37), ("Bruges", "Brügge")),
    Place("Antwerpen", f"{_GEONAMES}/2803138/", (4.21, 51.14, 4.50, 51.38), ("Antwerp", "Anvers")),
    Place("Brussel", f"{_GEONAMES}/2800866/", (4.24, 50.76, 4.49, 50.92), ("Brussels", "Bruxelles")),
    Place("Leuven", f"{_GEONAMES}/2792482/", (4.63, 50.82, 4.78, 50.95), ("Louvain",)),
    Place("Mechelen", f"{_GEONAMES}/2791537/", (4.41, 50.97, 4.58, 51.08), ("Malines",)),
    Place("Kortrijk", f"{_GEONAMES}/2794055/", (3.17, 50.75, 3.35, 50.88), ("Courtrai",)),
    Place("Zoersel", "", (4.60, 51.20, 4.80, 51.31)),
    Place("Plzeň", f"{_GEONAMES}/3068160/", (13.26, 49.67, 13.51, 49.82), ("Pilsen", "Plzen")),
    Place("Praha", f"{_GEONAMES}/3067696/", (14.22, 49.94, 14.71, 50.18), ("Prague", "Prag")),
    Place("Brno", f"{_GEONAMES}/3078610/", (16.42, 49.10, 16.73, 49.30), ("Brünn",)),
    Place("Vlaanderen", f"{_NUTS}/BE2", (2.54, 50.67, 5.92, 51.51), ("Flanders", "Vlaams Gewest", "Flandre")),
    Place("Plzeňský kraj", f"{_NUTS}/CZ032", (12.39, 48.88, 13.96, 50.12), ("Pilsen Region",)),
    Place("België", f"{EU}country/BEL", (2.51, 49.49, 6.41, 51.51), ("Belgium", "Belgique", "Belgien", "BE", "BEL")),
    Place("Česko", f"{EU}country/CZE", (12.09, 48.55, 18.86, 51.06), ("Czechia", "Czech Republic", "CZ", "CZE")),
    Place("Nederland", f"{EU}country/NLD", (3.31, 50.75, 7.23, 53.56), ("Netherlands", "NL", "NLD")),
    Place("Deutschland", f"{EU}country/DEU", (5.87, 47.27, 15.04, 55.06), ("Germany", "DE", "DEU")),
    Place("France", f"{EU}country/FRA", (-5.14, 41.33, 9.56, 51.09), ("Frankrijk", "FR", "FRA")),
)

_WIDEST: Final = 3.5
"""Degrees: wider places are countries."""

_BY_NAME = {fold(name): place for place in PLACES for name in (place.name, *place.also)}
_BY_IRI = {place.iri.rstrip("/"): place for place in PLACES if place.iri}


def place_named(name: str) -> Place | None:
    """Return the place with this name, in any language of the table."""
    return _BY_NAME.get(fold(name))


def place_in(name: str) -> Place | None:
    """Return the place whose name is a word, or some words, of ``name``, as in *Stad Gent*; the longest name if there
    are several. Countries are too large to be a place of somebody."""
    words = fold(name).replace(",", " ").split()
    for length in range(len(words), 0, -1):
        for begin in range(len(words) - length + 1):
            place = _BY_NAME.get(" ".join(words[begin : begin + length]))
            if place is not None and place.bbox[2] - place.bbox[0] < _WIDEST:
                return place
    return None


def place_of(iri: str) -> Place | None:
    """Return the place with this IRI."""
    return _BY_IRI.get(iri.rstrip("/"))


def places_like(name: str) -> tuple[str, ...]:
    """Return the names of places that resemble ``name``."""
    near = get_close_matches(fold(name), list(_BY_NAME), n=3, cutoff=0.7)
    return tuple(dict.fromkeys(_BY_NAME[match].name for match in near))
