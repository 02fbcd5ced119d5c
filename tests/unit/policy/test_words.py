"""Plain words: the table of the governance digest, grammar of each language, figures."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from string import Formatter
from typing import Any

import pytest

from node.policy.figures import count_of, date_text, duration_text, moment_text
from node.policy.model import Nature
from node.policy.odrl import parse
from node.policy.phrases import phrases
from node.policy.rules import Value
from node.policy.words import Section, explain, sentences, summary
from node.texts.languages import LANGUAGES
from tests.fakes.policy import NOW, P3, P4, P5, offer


def sentences_of(language: str = "en", kind: str = "dataset", **rule: Any) -> list[str]:
    document = {"@id": "urn:x", "permission": [{"action": "odrl:use", **rule}]}
    return sentences(parse(document), language, kind=kind)[1:]


def constraint(left: str, operator: str, right: Any, **more: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right, **more}


def only(*constraints: dict[str, Any], language: str = "en") -> str:
    (sentence,) = sentences_of(language, constraint=list(constraints))
    return sentence


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            constraint("odrl:purpose", "isAnyOf", ["dpv:ScientificResearch", "dpv:Marketing"]),
            "Only for scientific research or marketing.",
        ),
        (constraint("odrl:purpose", "isNoneOf", ["dpv:Marketing"]), "Only for any purpose except marketing."),
        (constraint("odrl:dateTime", "lteq", "2027-12-31"), "Only until 31 December 2027, included."),
        (constraint("odrl:dateTime", "lt", "2027-12-31T06:00Z"), "Only before 31 December 2027 at 06:00 UTC."),
        (constraint("odrl:dateTime", "gteq", "2027-01-01T00:00:00Z"), "Only from 1 January 2027."),
        (
            constraint("odrl:dateTime", "lteq", "2027-12-31+01:00"),
            "Only until 31 December 2027 (UTC+01:00), included.",
        ),
        (constraint("odrl:count", "lteq", "1"), "Only at most once."),
        (constraint("odrl:count", "lteq", "5"), "Only at most 5 times."),
        (constraint("hz:membership", "eq", "did:web:r"), "Only while a member of did:web:r."),
        (
            constraint("hz:credential", "isAnyOf", ["MobilityPartnerCredential", "ArchivistCredential"]),
            "Only while holding the credential “Mobility partner” or “Archivist” from a trusted issuer.",
        ),
        (constraint("odrl:spatial", "isPartOf", "http://data.europa.eu/nuts/code/BE2"), "Only within BE2."),
        (constraint("odrl:recipient", "isAnyOf", ["did:web:b"]), "Only if results go to nobody but did:web:b."),
        (constraint("hz:minimumCellSize", "gteq", "10"), "Only for figures that cover at least 10 residents each."),
        (
            constraint("hz:rulebook", "gteq", "https://r.example/rulebooks/m#v2"),
            "Only while the rulebook https://r.example/rulebooks/m is in force, version 2 or later.",
        ),
        (constraint("hz:participant", "neq", "did:web:b"), "Only if the recipient is not did:web:b."),
        (constraint("odrl:elapsedTime", "lteq", "P1Y6M"), "Only for at most 1 year and 6 months."),
        (
            constraint("https://x.example/t", "gteq", "7"),
            "Only under a condition that is not understood and counts as unmet: https://x.example/t gteq 7.",
        ),
        (
            constraint("odrl:dateTime", "lteq", "soon"),
            "Only under a condition that is not understood and counts as unmet: odrl:dateTime lteq soon.",
        ),
        (
            {"xone": [constraint("hz:participant", "eq", "did:web:b"), constraint("odrl:count", "lteq", "1")]},
            "Only either if the recipient is did:web:b, or at most once, but not both.",
        ),
        (
            {"or": [constraint("hz:participant", "eq", "did:web:b"), constraint("odrl:count", "lteq", "2")]},
            "Only if at least one of these holds: (1) if the recipient is did:web:b; (2) at most 2 times.",
        ),
        (
            {"andSequence": [constraint("odrl:count", "lteq", "1"), constraint("odrl:count", "lteq", "2")]},
            "Only in this order: (1) at most once; (2) at most 2 times.",
        ),
    ],
)
def test_conditions_in_english(rule: dict[str, Any], words: str) -> None:
    assert only(rule) == words


def test_two_bounds_make_one_sentence() -> None:
    bounds = [constraint("odrl:dateTime", "lteq", "2027-12-31"), constraint("odrl:dateTime", "gteq", "2026-05-01")]
    assert only(*bounds) == "Only from 1 May 2026 until 31 December 2027, both included."
    assert only(*bounds, language="fr") == "Uniquement du 1er mai 2026 au 31 décembre 2027 inclus."
    assert len(sentences_of(constraint=[*bounds, bounds[0]])) == 3


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"prohibition": [{"action": "odrl:distribute"}]},
            "The recipient must not pass the data on, whole or in part.",
        ),
        ({"prohibition": [{"action": "cc:CommercialUse"}]}, "The recipient must not use the data commercially."),
        (
            {
                "prohibition": [
                    {"action": "odrl:use", "constraint": [constraint("odrl:purpose", "neq", "dpv:Marketing")]}
                ]
            },
            "The recipient must not use the data for any purpose except marketing.",
        ),
        (
            {"prohibition": [{"action": "odrl:sneeze"}]},
            "The recipient must not do with the data what is called odrl:sneeze.",
        ),
        (
            {"obligation": [{"action": "odrl:delete"}]},
            "The recipient must delete all copies of the data and confirm this to the provider.",
        ),
        (
            {
                "obligation": [
                    {
                        "action": "odrl:compensate",
                        "constraint": [constraint("odrl:payAmount", "eq", "120.50", unit="https://x.example/EUR")],
                    }
                ]
            },
            "The recipient must pay 120.50 EUR.",
        ),
        (
            {"obligation": [{"action": "odrl:attribute", "attributedParty": "did:web:y"}]},
            "The recipient must name as the source: did:web:y.",
        ),
        (
            {
                "obligation": [
                    {"action": "odrl:inform", "constraint": [constraint("odrl:dateTime", "lteq", "2027-12-31")]}
                ]
            },
            "The recipient must tell the provider after each use (until 31 December 2027, included).",
        ),
        (
            {"obligation": [{"action": "odrl:anonymize"}]},
            "The recipient must first remove whatever identifies people.",
        ),
        (
            {"obligation": [{"action": "odrl:sneeze"}]},
            "The recipient has a duty that is not understood and counts as unmet: odrl:sneeze.",
        ),
    ],
)
def test_rules_in_english(document: dict[str, Any], words: str) -> None:
    assert sentences(parse({"@id": "urn:x", **document}), "en", kind="dataset") == [words]


def test_what_follows_a_breach() -> None:
    document = {
        "@id": "urn:x",
        "prohibition": [{"action": "odrl:sell", "remedy": [{"action": "odrl:delete"}]}],
        "obligation": [{"action": "odrl:delete", "consequence": [{"action": "odrl:compensate"}]}],
    }
    texts = sentences(parse(document), "en")
    assert texts[1].startswith("If the recipient does so all the same: The recipient must delete")
    assert texts[3] == "If that duty is not fulfilled: The recipient must pay the agreed price."


def test_a_restricted_permission_is_never_a_prohibition() -> None:
    for language in LANGUAGES:
        for conditions in (P3, P4, P5, "members"):
            for sentence in explain(parse(offer(conditions)), language, "dataset"):
                forbids = any(
                    word in sentence.text for word in ("must not", " niet ", "nesmí", "interdit", "darf nicht")
                )
                assert not forbids or sentence.section is Section.PROHIBITION


def test_facts_and_promises_are_told_apart() -> None:
    natures = {s.paths[0]: s.natures for s in explain(parse(offer(P3)), "en", "dataset")}
    assert natures["permission[0]"] == frozenset()
    assert natures["permission[0].constraint[0]"] == {Nature.FACT}
    assert natures["permission[0].constraint[1]"] == {Nature.UNDERTAKING}
    assert natures["obligation[0]"] == {Nature.UNDERTAKING}
    both = {
        "or": [constraint("hz:participant", "eq", "did:web:b"), constraint("odrl:purpose", "eq", "dpv:Marketing")]
    }
    document = {"@id": "urn:x", "permission": [{"action": "use", "constraint": [both]}]}
    assert explain(parse(document), "en")[1].natures == {Nature.FACT, Nature.UNDERTAKING}


def test_the_agreement_of_the_demonstration_in_dutch_and_czech() -> None:
    policy = parse(offer(P3))
    assert sentences(policy, "nl", kind="dataset") == [
        "De ontvanger mag de gegevens gebruiken, onder deze voorwaarden.",
        "Alleen zolang de ontvanger het bewijs “Mobiliteitspartner” van een vertrouwde uitgever bezit.",
        "Alleen voor het verbeteren van vervoer en mobiliteit, wegverkeersbeheer of planning van weginfrastructuur.",
        "Alleen tot en met 31 december 2027.",
        "De ontvanger mag de gegevens niet doorgeven, ook niet gedeeltelijk.",
        "De ontvanger moet alle kopieën van de gegevens binnen 30 dagen na ontvangst wissen en dit aan de "
        "verstrekker bevestigen.",
        "De ontvanger moet de verstrekker als bron vermelden.",
    ]
    assert sentences(policy, "cs", kind="dataset")[-2:] == [
        "Příjemce musí do 30 dnů od převzetí smazat všechny kopie dat a potvrdit to poskytovateli.",
        "Příjemce musí uvést jako zdroj poskytovatele.",
    ]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            "mobility partners may use, for mobility planning, until 31 December 2027; sealed; no passing on; "
            "delete within 30 days; name the source",
        ),
        (
            "nl",
            "mobiliteitspartners mogen het gebruiken, voor mobiliteitsplanning, tot en met 31 december 2027; "
            "verzegeld; niet doorgeven; wissen binnen 30 dagen; bron vermelden",
        ),
        (
            "cs",
            "partneři pro mobilitu smějí užívat, účel: plánování mobility, do 31. prosince 2027; zapečetěno; "
            "bez předávání dál; smazat do 30 dnů; uvést zdroj",
        ),
        (
            "de-AT",
            "Mobilitätspartner dürfen es nutzen, Zweck: Mobilitätsplanung, bis 31. Dezember 2027; versiegelt; "
            "keine Weitergabe; löschen innerhalb von 30 Tagen; Quelle nennen",
        ),
        (
            "fr",
            "les partenaires de mobilité peuvent l’utiliser, pour la planification de la mobilité, jusqu’au "
            "31 décembre 2027; scellé; sans transmission à des tiers; effacer sous 30 jours; citer la source",
        ),
    ],
)
def test_summaries(language: str, words: str) -> None:
    assert summary(parse(offer(P3)), language) == words


def test_summaries_of_the_others() -> None:
    assert summary(parse(offer("open")), "en") == "everyone may use"
    assert summary(parse(offer("members")), "en", sealed=True) == "members of the region may use; sealed"
    assert summary(parse(offer(P4)), "en") == (
        "members of the region may have it run, for public tasks; a person must approve; no copies"
    )
    assert summary(parse({"@id": "urn:x"}), "en") == "nobody may use it"
    two = {"@id": "urn:x", "permission": [{"action": "use"}, {"action": "odrl:execute"}]}
    assert summary(parse(two), "en") == "everyone may use; or: everyone may have it run"
    bounded = offer({"template": "members", "from": "2027-01-01", "until": "2027-12-31"})
    assert "from 1 January 2027 until 31 December 2027, both included" in summary(parse(bounded), "en")
    odd = {"@id": "urn:x", "permission": [{"action": "use", "constraint": [constraint("x:{y}", "eq", "{z}")]}]}
    assert "x:{y} eq {z}" in summary(parse(odd), "en")


@pytest.mark.parametrize(
    ("number", "genitive", "accusative"),
    [
        ("1", "1 dne", "1 obyvatele"),
        ("2", "2 dnů", "2 obyvatele"),
        ("4", "4 dnů", "4 obyvatele"),
        ("5", "5 dnů", "5 obyvatel"),
        ("21", "21 dnů", "21 obyvatel"),
        ("1.5", "1,5 dne", "1,5 obyvatele"),
    ],
)
def test_czech_numbers(number: str, genitive: str, accusative: str) -> None:
    words = phrases("cs")
    assert count_of(Decimal(number), words.units["days"], words) == genitive
    assert count_of(Decimal(number), words.residents, words) == accusative


def test_plurals_elsewhere() -> None:
    assert duration_text(Value("P1D"), phrases("en")) == "1 day"
    assert duration_text(Value("P1Y2M3DT4H"), phrases("de")) == "1 Jahr, 2 Monaten, 3 Tagen und 4 Stunden"
    assert duration_text(Value("P60M"), phrases("nl")) == "60 maanden"
    assert count_of(Decimal(0), phrases("fr").residents, phrases("fr")) == "0 habitant"
    assert count_of(Decimal(1), phrases("en").times, phrases("en")) == "once"


def test_dates_written_out() -> None:
    first = NOW.replace(day=1)
    assert [date_text(first, phrases(language)) for language in LANGUAGES] == [
        "1 November 2026",
        "1 november 2026",
        "1. listopadu 2026",
        "1er novembre 2026",
        "1. November 2026",
    ]
    assert (
        moment_text(NOW.replace(second=5, microsecond=250000), phrases("cs"))
        == "20. listopadu 2026 v 12:00:05,25 (UTC)"
    )


def test_every_language_fills_the_same_blanks() -> None:
    def blanks(value: Any) -> Any:
        if isinstance(value, str):
            return {name for _, name, _, _ in Formatter().parse(value) if name is not None}
        if isinstance(value, dict):
            return {key: blanks(item) for key, item in value.items()}
        if is_dataclass(value):
            return {field.name: blanks(getattr(value, field.name)) for field in fields(value)}
        return None

    english = blanks(phrases("en"))
    for language in LANGUAGES:
        own = blanks(phrases(language))
        for name in ("clauses", "duties", "brief", "remedies"):
            for key, expected in english[name].items():
                found = own[name][key]
                # An object may be named by its possessive form; everything else must match.
                assert _same(found, expected), (language, name, key)
        assert set(own["may"]) == set(english["may"]) == set(own["must_not"])
        assert len(phrases(language).months) == 12


def _same(actual: Any, expected: Any) -> bool:
    if isinstance(actual, dict):
        return actual.keys() == expected.keys() and all(_same(actual[key], expected[key]) for key in actual)
    return bool(actual == expected)


def test_an_unknown_language_reads_as_english() -> None:
    assert sentences(parse(offer("open")), "sv") == sentences(parse(offer("open")), "en")
