"""Reasons of harvest reports: a text for each case that the code names, in the reader's language, old lines as they
were stored."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.base.errors import InvalidInput, PeerUnreachable
from node.catalogue.harvest.report import ImportedRecord, Outcome, in_language
from node.portal.languages import Speaker
from node.portal.wording import explain_problem
from node.semantics.harvest.refusals import TEXTS, cause_of, problem_in, reason_in, refusal, source_fault
from node.texts.languages import LANGUAGES

ROOT = Path(__file__).resolve().parents[4]
PLACES = (
    "node/semantics/harvest",
    "node/catalogue/harvest",
    "node/catalogue/names.py",
    "node/semantics/documents.py",
    "node/adapters/peers/sources.py",
)


def cases(source: str) -> Iterator[str]:
    """The cases that a module names: in calls of ``refusal`` and ``source_fault``, and as ``case`` of facts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "refusal" and node.args:
            yield str(ast.literal_eval(node.args[0]))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "source_fault":
            yield f"source-{ast.literal_eval(node.args[1])}"
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "case" and isinstance(value, ast.Constant):
                    yield str(value.value)


def test_each_case_in_code_has_a_text_and_each_text_a_case() -> None:
    files = [
        file for place in PLACES for file in ((ROOT / place).rglob("*.py") if "." not in place else [ROOT / place])
    ]
    named = {case for file in files for case in cases(file.read_text("utf-8"))}
    assert named == {key.removeprefix("refusal.") for key in TEXTS.keys("refusal.")}
    assert {key.removeprefix("remedy.") for key in TEXTS.keys("remedy.")} <= named


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_problem_of_a_source_is_in_the_language_of_the_reader(language: str) -> None:
    """In the API by ``problem_in``, on pages by ``explain_problem``; the stored form is English."""
    error = source_fault(PeerUnreachable, "status", address="https://data.example/api/3", status=503)
    stored = {"code": error.code, "detail": error.detail, "remedy": error.remedy, "facts": cause_of(error)}
    shown = problem_in(language, stored)
    words = explain_problem(
        Speaker(language, UTC, datetime(2026, 11, 22, tzinfo=UTC)),
        stored["code"],
        stored["detail"],
        stored["remedy"],
        stored["facts"],
    )
    assert (shown["detail"], shown["remedy"]) == (words.text, words.remedy)
    assert (words.lang, words.remedy_lang) == ("", "")
    assert (shown["detail"] == error.detail) == (shown["remedy"] == error.remedy) == (language == "en")
    assert "503" in shown["detail"]


def test_a_problem_without_a_case_is_shown_as_it_was_stored() -> None:
    stored = {"code": "peer-unreachable", "detail": "it does not answer", "remedy": "try again"}
    assert problem_in("nl", stored) == stored


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_is_in_the_language_of_the_reader(language: str) -> None:
    error = refusal("same-identity", number=3)
    line = ImportedRecord(
        number=4, outcome=Outcome.REFUSED, error=error.detail, remedy=error.remedy, cause=cause_of(error)
    )
    shown = line.to_json(language)
    assert shown["language"] == language
    assert (shown["error"] == error.detail) == (shown["remedy"] == error.remedy) == (language == "en")
    assert "3" in shown["error"]


def test_a_note_is_in_the_language_of_the_reader() -> None:
    doubt = refusal("doubtful-rename", before=1, now=2)
    line = ImportedRecord(number=4, outcome=Outcome.NEW, note=doubt.detail, cause=cause_of(doubt)).to_json("de")
    assert (line["error"], line["remedy"], line["language"]) == ("", "", "de")
    assert line["note"].endswith("bisher: 1, jetzt: 2")


def test_a_line_of_an_older_version_is_shown_as_it_was_stored() -> None:
    line = ImportedRecord(number=1, outcome=Outcome.REFUSED, error="it has no title", remedy="give it one").to_kept()
    del line["cause"]
    line["mends"] = line.pop("syntaxRepairs")
    shown = in_language(line, "nl")
    assert shown["syntaxRepairs"] == []
    assert "mends" not in shown
    assert (shown["error"], shown["remedy"], shown["language"]) == ("it has no title", "give it one", "en")


@pytest.mark.parametrize("cause", [{}, {"case": "of-the-future"}, {"case": "same-identity"}])
def test_a_cause_that_cannot_be_told_has_no_text(cause: dict[str, str]) -> None:
    assert reason_in("nl", cause) is None


def test_an_error_without_a_text_has_no_cause() -> None:
    assert cause_of(InvalidInput("it is blue", facts={"case": "colour", "line": 3})) == {}
