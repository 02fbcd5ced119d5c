"""Every language says everything, in its own way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from node.portal.languages import Speaker, choose_language
from node.semantics.kinds import KINDS
from node.texts.languages import LANGUAGES, pick

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def speaker(language: str) -> Speaker:
    return Speaker(language, UTC, NOW)


def test_every_kind_has_its_words() -> None:
    for language in LANGUAGES:
        for kind in KINDS:
            assert speaker(language).knows(f"kind.{kind}")
            assert speaker(language).knows(f"kinds.{kind}")


def test_values_cannot_say_more_than_themselves() -> None:
    said = speaker("en").say("search.title.text", text="{language} {text.__class__} <b>")
    assert said == "Results for “{language} {text.__class__} <b>”"


@pytest.mark.parametrize(
    ("language", "day"),
    [
        ("en", "20 November 2026"),
        ("nl", "20 november 2026"),
        ("cs", "20. listopadu 2026"),
        ("fr", "20 novembre 2026"),
        ("de", "20. November 2026"),
    ],
)
def test_dates_are_written_out(language: str, day: str) -> None:
    assert speaker(language).day(NOW).replace("\u00a0", " ") == day


def test_the_first_of_the_month_in_french() -> None:
    assert speaker("fr").day(datetime(2026, 5, 1, tzinfo=UTC)).replace("\u00a0", " ") == "1er mai 2026"


def test_times_name_their_zone() -> None:
    assert speaker("en").minute(NOW).replace("\u00a0", " ") == "20 November 2026, 09:30 UTC"
    brussels = Speaker("nl", ZoneInfo("Europe/Brussels"), NOW)
    assert brussels.minute(NOW).replace("\u00a0", " ") == "20 november 2026, 10:30 CET"


@pytest.mark.parametrize(
    ("language", "number", "size"),
    [
        ("en", "1,234,567.5", "47.2 MB"),
        ("nl", "1.234.567,5", "47,2 MB"),
        ("cs", "1 234 567,5", "47,2 MB"),
        ("fr", "1 234 567,5", "47,2 Mo"),
    ],
)
def test_numbers_in_the_readers_format(language: str, number: str, size: str) -> None:
    plain = speaker(language).number(1234567.5).replace("\u00a0", " ").replace("\u202f", " ")
    assert plain == number
    assert speaker(language).size(47_212_544).replace("\u00a0", " ").replace("\u202f", " ") == size


@pytest.mark.parametrize(
    ("octets", "size"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_499, "999 kB"),
        (999_501, "1.0 MB"),
        (10**18, "1,000 PB"),
    ],
)
def test_sizes(octets: int, size: str) -> None:
    assert speaker("en").size(octets).replace("\u00a0", " ") == size


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=3), "3 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=40), "1 month ago"),
        (timedelta(days=800), "2 years ago"),
        (-timedelta(days=3), "in 3 days"),
    ],
)
def test_how_long_ago(distance: timedelta, words: str) -> None:
    assert speaker("en").ago(NOW - distance) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PT15M", "15 minutes"),
        ("P30D", "30 days"),
        ("P1Y2M", "1 year 2 months"),
        ("PT1H30M", "1 hour 30 minutes"),
        ("P", "P"),
        ("PT", "PT"),
        ("soon", "soon"),
        ("P1W", "P1W"),
    ],
)
def test_durations_in_words(text: str, words: str) -> None:
    assert speaker("en").duration(text) == words


@pytest.mark.parametrize(
    ("wishes", "accept", "language"),
    [
        ((None,), "", "en"),
        ((None,), "nl-BE,nl;q=0.9,en;q=0.8", "nl"),
        ((None,), "en;q=0.2, cs;q=0.9", "cs"),
        ((None,), "pl, ru;q=0.9", "en"),
        ((None,), "nl;q=0, en;q=0.1", "en"),
        (("cs",), "nl", "cs"),
        (("CS-cz",), "nl", "cs"),
        (("xx", "nl"), "cs", "nl"),
        (('"><script>',), "nl", "nl"),
        ((None,), "nl;q=high", "en"),
        ((None,), "," * 5000 + "nl", "en"),
    ],
)
def test_the_language_is_chosen_by_wish_then_browser(
    wishes: tuple[str | None, ...], accept: str, language: str
) -> None:
    assert choose_language(*wishes, accept=accept) == language


@pytest.mark.parametrize(
    ("titles", "picked"),
    [
        ({"nl": "a", "en": "b"}, ("a", "nl")),
        ({"nl-BE": "a", "en": "b"}, ("a", "nl-BE")),
        ({"cs": "c", "en": "b"}, ("b", "en")),
        ({"cs": "c", "": "d"}, ("c", "cs")),
        ({"nl": "", "de": "e"}, ("e", "de")),
        ({}, ("", "")),
    ],
)
def test_content_is_picked_for_the_reader(titles: dict[str, str], picked: tuple[str, str]) -> None:
    assert pick(titles, "nl") == picked
