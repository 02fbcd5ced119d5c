"""Values of conditions by name: purposes, credentials, places and participants, as a person reads and writes them.

A form shows the name and takes it back; what is no known name is taken as it is. A participant is shown with its DID,
and the DID counts: anybody may call themselves anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from node.policy import terms
from node.policy.editor.rows import ConstraintRow
from node.policy.labels import credential_label, known_credentials, known_purposes, purpose_label
from node.policy.terms import expand
from node.semantics.codelists.places import PLACES
from node.texts.languages import LANGUAGES, country_name

_NUTS: Final = "http://data.europa.eu/nuts/code/"
_COUNTRIES: Final = frozenset(
    {"AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"}
)
"""Countries that NUTS has regions of, by ISO 3166."""
_DID_IN_BRACKETS: Final = re.compile(r"\((did:[^\s()]+)\)$")
_PARTICIPANTS: Final = frozenset({terms.PARTICIPANT, terms.MEMBERSHIP, terms.RECIPIENT})
PARTY: Final = "party"
"""In place of an operand: the participant of a duty."""

_LISTS: Final = {
    terms.PURPOSE: "purposes",
    terms.CREDENTIAL: "credentials",
    terms.SPATIAL: "places",
    **dict.fromkeys(_PARTICIPANTS, "participants"),
}


class PolicyCodes:
    """The names of values in the language of a reader. ``participants`` are DID → name."""

    def __init__(self, language: str, participants: Mapping[str, str]) -> None:
        self._language = language
        self._participants = participants

    @property
    def lists(self) -> dict[str, list[str]]:
        """Return the names to choose from, by the list that they are in."""
        of_participants = (self._with_name(did) for did in self._participants)
        return {
            "purposes": sorted(_names(terms.PURPOSE, self._language).values(), key=str.casefold),
            "credentials": sorted(_names(terms.CREDENTIAL, self._language).values(), key=str.casefold),
            "places": sorted(_names(terms.SPATIAL, self._language).values(), key=str.casefold),
            "participants": sorted(of_participants, key=str.casefold),
        }

    def list_of(self, row: ConstraintRow) -> str:
        """Return the list that the values of ``row`` come from, empty if they come from none."""
        return _LISTS.get(row.iri, "")

    def label(self, row: ConstraintRow, value: str) -> str:
        """Return a value of ``row`` as a person reads it."""
        if row.iri in _PARTICIPANTS:
            return self._with_name(value)
        return _names(row.iri, self._language).get(value, value)

    def party(self, did: str) -> str:
        """Return the participant of a duty as a person reads it."""
        return self._with_name(did)

    def code(self, operand: str, text: str) -> str:
        """Return the value that a person means with ``text``."""
        iri = expand(operand)
        if (iri in _PARTICIPANTS or operand == PARTY) and (match := _DID_IN_BRACKETS.search(text)):
            return match[1]
        return _values(iri).get(text.casefold(), text) if iri in _LISTS else text

    def _with_name(self, did: str) -> str:
        name = self._participants.get(did, "")
        return f"{name} ({did})" if name and did.startswith("did:") else did


@lru_cache(maxsize=32)
def _names(operand: str, language: str) -> dict[str, str]:
    """Return value → name in ``language``."""
    if operand == terms.PURPOSE:
        return {iri: purpose_label(iri, language) for iri in known_purposes()}
    if operand == terms.CREDENTIAL:
        return {name: credential_label(name, language) for name in known_credentials()}
    if operand == terms.SPATIAL:
        # NUTS says EL where ISO 3166 says GR.
        countries = {_NUTS + {"GR": "EL"}.get(code, code): country_name(code, language) for code in _COUNTRIES}
        return countries | {place.iri: place.name for place in PLACES if place.iri.startswith(_NUTS)}
    return {}


@lru_cache(maxsize=8)
def _values(operand: str) -> dict[str, str]:
    """Return name in any language → value."""
    return {name.casefold(): value for name, value in _all_names(operand)}


def _all_names(operand: str) -> Iterator[tuple[str, str]]:
    for language in LANGUAGES:
        for value, name in _names(operand, language).items():
            yield name, value
