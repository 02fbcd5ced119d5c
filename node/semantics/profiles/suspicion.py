"""Suspicion of personal data in columns: by their names in five languages, and by the pattern of their values.

This only suspects, it proves nothing: a draft turns each suspicion into a question that a person answers. The
patterns have no nested repetition, so that no value can make them slow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from node.semantics.codelists.lookup import fold

EMAIL: Final = "e-mail"
PHONE: Final = "phone"
IBAN: Final = "bank-account"
NATIONAL: Final = "national-number"
PLATE: Final = "licence-plate"
NAME: Final = "name"
ADDRESS: Final = "address"
BIRTH: Final = "birth"
NETWORK: Final = "ip-address"
HOUSEHOLD: Final = "small-group"

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        EMAIL: "e-mail addresses",
        PHONE: "phone numbers",
        IBAN: "bank accounts",
        NATIONAL: "national numbers",
        PLATE: "licence plates",
        NAME: "names of people",
        ADDRESS: "addresses of homes",
        BIRTH: "dates of birth",
        NETWORK: "IP addresses",
        HOUSEHOLD: "groups of fewer than five people or households",
    }
)
"""The kinds of personal data, in words."""

_BY_NAME: Final[Mapping[str, str]] = MappingProxyType(
    {
        EMAIL: "email mail mailaddress emailaddress emailadres mailadres courriel adressemail mailadresse emailova",
        PHONE: "phone telephone mobilephone tel gsm telefoon telefoonnummer gsmnummer telefon "
        "telefonnummer handynummer mobilnummer telefonnicislo numerotelephone",
        IBAN: "iban bankaccount accountnumber rekeningnummer bankrekening comptebancaire kontonummer bankverbindung "
        "cislouctu",
        NATIONAL: "nationalnumber nationalid socialsecuritynumber ssn rijksregisternummer insz rrn bsn "
        "burgerservicenummer niss numeronational numerosecuritesociale nir steuerid sozialversicherungsnummer "
        "personalausweis rodnecislo passport passportnumber paspoort paspoortnummer passeport reisepass cisloop",
        PLATE: "licenceplate licenseplate numberplate nummerplaat kenteken immatriculation "
        "kennzeichen nummernschild spz registracniznacka",
        NAME: "firstname lastname surname fullname givenname familyname personname voornaam achternaam familienaam "
        "naampersoon prenom nomdefamille nomprenom vorname nachname familienname jmeno prijmeni owner eigenaar "
        "proprietaire eigentumer vlastnik resident bewoner habitant bewohner obyvatel applicant aanvrager "
        "demandeur antragsteller zadatel contactperson contactpersoon",
        ADDRESS: "homeaddress housenumber streetaddress huisnummer huisnr adres woonadres numerorue adresse domicile "
        "hausnummer hausnr wohnadresse cislopopisne cisloorientacni bydliste address",
        BIRTH: "birthdate dateofbirth dob birthday geboortedatum datenaissance datedenaissance geburtsdatum "
        "datumnarozeni birthyear geboortejaar",
        NETWORK: "ip ipaddress ipadres adresseip ipadresse ipadresa macaddress mac imei deviceid",
    }
)
_WORDS: Final = MappingProxyType({word: kind for kind, words in _BY_NAME.items() for word in words.split()})

_GROUPS: Final = (
    "household households person persons people residents inhabitants population huishouden huishoudens persoon "
    "personen inwoners bewoners bevolking menage menages personnes habitants population haushalt haushalte "
    "personen einwohner bevolkerung domacnost domacnosti osoby osob obyvatele obyvatel patients patienten"
)
_COUNTED: Final = frozenset(_GROUPS.split())
"""Words for groups that may be so small that they point at one home."""

_SMALL: Final = 5

_PATTERNS: Final[tuple[tuple[str, re.Pattern[str], float], ...]] = (
    (EMAIL, re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"), 0.01),
    (IBAN, re.compile(r"[A-Z]{2}\d{2} ?(?:[A-Z0-9]{4} ?){2,7}[A-Z0-9]{1,4}"), 0.2),
    (PHONE, re.compile(r"(?:\+|00)[1-9]\d{0,2}[ ./-]?\(?\d{1,4}\)?(?:[ ./-]?\d{2,4}){2,4}"), 0.2),
    (PHONE, re.compile(r"0\d{1,3}[ /.-]\d{2,3}(?:[ .-]?\d{2,3}){1,3}"), 0.5),
    (NATIONAL, re.compile(r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}|\d{6}/\d{3,4}"), 0.2),
    (PLATE, re.compile(r"[1-9]-[A-Z]{3}-\d{3}|[A-Z]{2}-\d{3}-[A-Z]{2}|[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} \d{1,4}"), 0.3),
    (PLATE, re.compile(r"[A-Z]{2}-\d{2}-\d{2}|\d{2}-[A-Z]{2,3}-\d{1,2}|\d[A-Z]\d \d{4}"), 0.5),
    (NETWORK, re.compile(r"(?:\d{1,3}\.){3}\d{1,3}"), 0.5),
)
"""(kind, pattern of a whole value, share of values that must have it)."""

_COMMON: Final = (
    "jan piet pieter peter karel marie maria anna an els lies johan jeroen bart koen tom thomas lucas lukas emma "
    "louise jean pierre paul jacques michel philippe francois luc marc mark anne nathalie isabelle sophie claire "
    "julie camille hans klaus jurgen wolfgang stefan andreas michael martin sabine petra monika ursula julia laura "
    "john james robert david william mary patricia linda susan sarah jessica karen emily jiri josef pavel petr "
    "tomas milan vaclav zdenek jana eva hana lenka katerina alena veronika lucie mohamed mohammed fatima ahmed ali "
    "youssef aisha ibrahim daniel simon nicolas alexander sofie katrien wim dirk geert kristof ine ann greet"
)
_FIRST_NAMES: Final = frozenset(_COMMON.split())
_NAMED: Final = 0.3
"""The share of values that must begin or end with a common first name."""

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")


def suspect(name: str, type_: str, values: Sequence[str], minimum: str = "") -> str:
    """Return the kind of personal data that a column may hold; empty if nothing points at any.

    ``values``: some of its values as texts; ``minimum``: its least value, if it is a number.
    """
    kind = _by_values(values) if type_ in ("text", "json") else ""
    return kind or _by_name(name, type_, minimum)


def _by_values(values: Sequence[str]) -> str:
    texts = [value.strip()[:100] for value in values if value.strip()]
    if not texts:
        return ""
    for kind, pattern, share in _PATTERNS:
        if sum(pattern.fullmatch(text) is not None for text in texts) >= max(1.0, share * len(texts)):
            return kind
    named = sum(_is_name(text) for text in texts)
    return NAME if named >= max(2.0, _NAMED * len(texts)) else ""


def _is_name(text: str) -> bool:
    words = text.replace(",", " ").split()
    if not 2 <= len(words) <= 4 or not all(word[0].isupper() for word in words) or any(c.isdigit() for c in text):
        return False
    return fold(words[0]) in _FIRST_NAMES or fold(words[-1]) in _FIRST_NAMES


def _by_name(name: str, type_: str, minimum: str) -> str:
    words = [word for word in _NOT_A_WORD.split(fold(_CAMEL.sub(" ", name))) if word]
    # ``Phone number (home)`` names its kind in the first or the first two words, ``home_phone`` in the last.
    runs = ["".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, start + 4)]
    if type_ in ("integer", "number") and any(word in _COUNTED for word in words):
        return HOUSEHOLD if _is_small(minimum) else ""
    for run in sorted(runs, key=len, reverse=True):
        kind = _WORDS.get(run, "")
        # A sum of money or a truth value about owners names nobody.
        if kind and not (kind in (NAME, ADDRESS, EMAIL) and type_ in ("number", "boolean")):
            return kind
    return ""


def _is_small(minimum: str) -> bool:
    try:
        return 1 <= float(minimum) < _SMALL
    except ValueError:
        return False
