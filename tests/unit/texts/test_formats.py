"""Dates, numbers and plurals are those that CLDR has for a language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from node.texts import formats
from node.texts.languages import LANGUAGES, forms, own_name, plural, supported_language


@pytest.mark.parametrize(
    ("language", "number", "form"),
    [
        ("en", 1, "one"),
        ("en", 0, "other"),
        ("fr", 0, "one"),
        ("fr", Decimal("1.5"), "one"),
        ("fr", 2, "other"),
        ("cs", 1, "one"),
        ("cs", 2, "few"),
        ("cs", 4, "few"),
        ("cs", 5, "other"),
        ("cs", 0, "other"),
        ("cs", Decimal("1.5"), "many"),
        ("nl", 1, "one"),
        ("de", 2, "other"),
    ],
)
def test_plurals(language: str, number: int | Decimal, form: str) -> None:
    assert plural(language, number) == form
    assert form in forms(language)


def test_languages_call_themselves() -> None:
    assert [own_name(tag) for tag in LANGUAGES] == ["English", "Nederlands", "Čeština", "Français", "Deutsch"]


@pytest.mark.parametrize(
    ("tag", "language"), [("nl-BE", "nl"), ("nl_BE", "nl"), ("NL", "nl"), ("pl", "en"), ("", "en")]
)
def test_a_tag_is_read_in_one_of_ours(tag: str, language: str) -> None:
    assert supported_language(tag) == language


def test_numbers_of_any_size() -> None:
    assert formats.number_text(10**40, "en").count("000") == 13
    assert formats.number_text(1e300, "nl").startswith("1.000.")
    assert formats.number_text(2.5, "de", 2) == "2,50"
    assert formats.number_text(2.4, "de", 0) == "2"


@pytest.mark.parametrize(
    ("language", "size"),
    [("en", "999 bytes"), ("nl", "999 byte"), ("cs", "999 bajtů"), ("fr", "999 octets"), ("de", "999 Byte")],
)
def test_bytes_have_their_word(language: str, size: str) -> None:
    assert formats.size_text(999, language).replace(formats.HARD, " ") == size


def test_a_time_of_day_is_that_of_the_zone() -> None:
    moment = datetime(2026, 11, 20, 8, 5, 7, tzinfo=UTC)
    prague = ZoneInfo("Europe/Prague")
    assert formats.second_text(moment, prague, "cs") == "9:05:07"
    assert formats.minute_text(moment, prague, "cs").replace(formats.HARD, " ") == "20. listopadu 2026 9:05 CET"


@pytest.mark.parametrize(
    ("language", "ago", "ahead"),
    [
        ("en", "1 day ago", "in 5 days"),
        ("nl", "1 dag geleden", "over 5 dagen"),
        ("cs", "před 1 dnem", "za 5 dní"),
        ("fr", "il y a 1 jour", "dans 5 jours"),
        ("de", "vor 1 Tag", "in 5 Tagen"),
    ],
)
def test_how_far_away_something_is(language: str, ago: str, ahead: str) -> None:
    assert formats.distance_text(timedelta(days=1), language) == ago
    assert formats.distance_text(-timedelta(days=5), language) == ahead
