"""What in the rows of a file a schema does not allow, in words of five languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TONGUES: Final = ("en", "nl", "cs", "fr", "de")

_WHAT: Final[Mapping[str, tuple[str, str, str, str, str]]] = {
    "missing": (
        "is missing, and is required",
        "ontbreekt, en is verplicht",
        "chybí, a je povinné",
        "manque, et est obligatoire",
        "fehlt, und ist Pflicht",
    ),
    "unforeseen": (
        "is not foreseen",
        "is niet voorzien",
        "se nepředpokládá",
        "n'est pas prévu",
        "ist nicht vorgesehen",
    ),
    "empty": (
        "is empty, and is required",
        "is leeg, en is verplicht",
        "je prázdné, a je povinné",
        "est vide, et est obligatoire",
        "ist leer, und ist Pflicht",
    ),
    "choice": (
        "{0} is none of {1}",
        "{0} is geen van {1}",
        "{0} není nic z {1}",
        "{0} n'est aucun de {1}",
        "{0} ist keines von {1}",
    ),
    "number": (
        "{0} is no number",
        "{0} is geen getal",
        "{0} není číslo",
        "{0} n'est pas un nombre",
        "{0} ist keine Zahl",
    ),
    "whole": (
        "{0} is no whole number",
        "{0} is geen geheel getal",
        "{0} není celé číslo",
        "{0} n'est pas un nombre entier",
        "{0} ist keine ganze Zahl",
    ),
    "truth": (
        "{0} is neither true nor false",
        "{0} is true noch false",
        "{0} není ani true, ani false",
        "{0} n'est ni true ni false",
        "{0} ist weder true noch false",
    ),
    "type": (
        "{0} is not of type {1}",
        "{0} is niet van het type {1}",
        "{0} není typu {1}",
        "{0} n'est pas de type {1}",
        "{0} ist nicht vom Typ {1}",
    ),
    "less": (
        "{0} is less than is allowed ({1})",
        "{0} is minder dan is toegestaan ({1})",
        "{0} je méně, než je dovoleno ({1})",
        "{0} est inférieur à ce qui est permis ({1})",
        "{0} ist weniger als erlaubt ({1})",
    ),
    "more": (
        "{0} is more than is allowed ({1})",
        "{0} is meer dan is toegestaan ({1})",
        "{0} je více, než je dovoleno ({1})",
        "{0} est supérieur à ce qui est permis ({1})",
        "{0} ist mehr als erlaubt ({1})",
    ),
    "length": (
        "it has {0} characters",
        "heeft {0} tekens",
        "má {0} znaků",
        "compte {0} caractères",
        "hat {0} Zeichen",
    ),
    "items": (
        "it has {0} items",
        "heeft {0} elementen",
        "má {0} položek",
        "compte {0} éléments",
        "hat {0} Elemente",
    ),
    "pattern": (
        "{0} does not match the pattern {1}",
        "{0} past niet bij het patroon {1}",
        "{0} neodpovídá vzoru {1}",
        "{0} ne correspond pas au motif {1}",
        "{0} passt nicht zum Muster {1}",
    ),
    "no-row": (
        "is no object",
        "is geen object",
        "není objekt",
        "n'est pas un objet",
        "ist kein Objekt",
    ),
}
_ROW: Final = ("row", "rij", "řádek", "ligne", "Zeile")
_COLUMN: Final = ("column", "kolom", "sloupec", "colonne", "Spalte")


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Something that the schema does not allow: in which row (0: in all), in which column or member, and what, as a
    key of the phrases above with the values in it."""

    row: int
    column: str
    what: str
    values: tuple[str, ...] = ()

    def words(self, tongue: str = "en") -> str:
        """The breach in one sentence."""
        place = TONGUES.index(tongue)
        what = _WHAT[self.what][place].format(*self.values)
        if not self.row:
            return f"{_COLUMN[place]} {self.column} {what}"
        where = f"{_ROW[place]} {self.row}"
        return f"{where}, {self.column}: {what}" if self.column else f"{where}: {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How rows stand to a schema: the first breaches, the count of all, how many rows were looked at and whether
    those are all. ``untried`` are patterns that could not be read here or took too long."""

    breaches: tuple[Breach, ...]
    count: int
    rows: int
    whole: bool
    untried: tuple[str, ...] = ()
