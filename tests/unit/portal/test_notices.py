"""What a reader has just done is said on the page that follows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from node.portal.languages import PORTAL
from tests.unit.portal.page import Page

PAGES = Path(__file__).resolve().parents[3] / "node" / "portal" / "pages"
FAMILIES = ("done.", "subs.done.", "questions.done.")
"""The sentences of all pages, and those of pages that say them in their own place."""


def actions(source: str) -> Iterator[str]:
    """The actions that a module names in addresses: ``url("/issued", done="revoked")``, ``"?done=revoked"``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "done":
            # ``"approved" if verdict == "approve" else "refused"`` names two actions.
            values = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
            yield from (value.value for value in values if isinstance(value, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"[?&]done=([\w-]+\w)$", node.value)


def test_each_action_has_its_sentence() -> None:
    named = {action for path in PAGES.rglob("*.py") for action in actions(path.read_text("utf-8"))}
    assert len(named) > 50
    assert {action for action in named if not any(PORTAL.knows(f"{family}{action}") for family in FAMILIES)} == set()


def test_the_sentences_need_no_values() -> None:
    """The address gives none."""
    assert [key for key in PORTAL.keys("done.") if PORTAL.names(key)] == []


@pytest.mark.parametrize("action", ["revoked", "suspended", "ontology-published", "links-again"])
def test_a_page_says_what_was_done(els: TestClient, action: str) -> None:
    (notice,) = [each for each in Page(els.get(f"/?done={action}").text).elements if each.get("role") == "status"]
    assert PORTAL.say("en", f"done.{action}") in notice.text


@pytest.mark.parametrize("action", ["", "no-such-action", "<script>", "revoked.x"])
def test_what_no_sentence_is_for_is_not_said(els: TestClient, action: str) -> None:
    page = Page(els.get("/", params={"done": action}).text)
    assert [each for each in page.elements if each.get("role") == "status"] == []
