"""The agreement's document: complete, the same on both nodes, safe with other people's text."""

from __future__ import annotations

import copy
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from markupsafe import escape

from node.base.errors import InvalidInput
from node.base.jsons import digest
from node.policy.document.articles import TERMS, document_languages
from node.policy.document.rendering import render, render_body, text_sha256
from node.policy.odrl import parse
from node.policy.words import LANGUAGES, explain
from tests.artefacts import data
from tests.fakes.policy import BRUGGE, D1, GENT, P3, P4, P5, offer

RULEBOOK = {"iri": "https://vlaanderen.example/rulebooks/mobility", "version": 2, "sha256": "ab12" * 16}


def agreement(conditions: Any = P3, **changes: Any) -> dict[str, Any]:
    terms = offer(conditions)
    body = {
        "@id": "urn:uuid:6f1d2c0a-93f5-4a53-8a52-0f6f4a3f1c11",
        "@type": "Agreement",
        "target": D1,
        "assigner": GENT,
        "assignee": BRUGGE,
        "timestamp": "2026-11-20T12:00:00.123456Z",
        **{name: terms[name] for name in ("profile", "permission", "prohibition", "obligation") if name in terms},
        TERMS: {
            "offer": terms["@id"],
            "provider": {"name": "Stad Gent", "contact": "data@gent.example", "did": GENT},
            "consumer": {"name": "Stad Brugge", "contact": "mobiliteit@brugge.example", "did": BRUGGE},
            "asset": {
                "title": {"nl": "Verkeerstellingen", "cs": "Sčítání dopravy"},
                "iri": D1,
                "version": 3,
                "sha256": "4f1c" * 16,
                "kind": "dataset",
            },
            "rulebook": RULEBOOK,
            "languages": ["nl", "cs"],
            "sealed": True,
        },
    }
    body.update(changes)
    return body


class Outline(HTMLParser):
    """Checks nesting and collects what tests ask about."""

    VOID = {"meta", "br", "hr"}

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self.text: list[str] = []
        self.feed(document)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append("")
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and re.fullmatch(r"h[1-6]", self.stack[-1]):
            self.headings[-1] += data
        if self.stack and self.stack[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("conditions", ["open", "members", P3, P4, P5])
def test_the_document_says_everything(conditions: Any, language: str) -> None:
    body = agreement(conditions)
    outline = Outline(render(body, language=language))
    for needed in (
        "Stad Gent",
        "Stad Brugge",
        GENT,
        BRUGGE,
        "data@gent.example",
        "mobiliteit@brugge.example",
        D1,
        "4f1c" * 16,
        "ab12" * 16,
        RULEBOOK["iri"],
        body["@id"],
        digest(body),
        "2026",
    ):
        assert str(needed) in outline.words
    for sentence in explain(parse(body), language, "dataset"):
        assert outline.words.count(sentence.text.strip()) >= 1
    assert outline.tags.count("h1") == 1
    assert [heading for heading in outline.headings if re.match(r"\d+\. ", heading)] == [
        heading for heading in outline.headings if heading[:1].isdigit()
    ]
    assert sum(bool(re.match(r"\d+\. ", heading)) for heading in outline.headings) == 10
    assert ("lang", language) in outline.attributes


def test_the_same_agreement_gives_the_same_bytes() -> None:
    body = agreement()
    again = json.loads(json.dumps(body, sort_keys=True))
    assert render(body, language="nl") == render(again, language="nl")
    assert render(body) == render(again)
    assert text_sha256(body, "cs") == text_sha256(again, "cs")
    assert text_sha256(body, "cs") != text_sha256(body, "nl")
    assert text_sha256(body, "nl") == hashlib.sha256(render(body, language="nl").encode()).hexdigest()


def test_agreements_on_the_same_terms_differ_in_what_is_their_own_alone() -> None:
    numbers = ("urn:uuid:<1>", "urn:uuid:&2", "urn:uuid:<1>")
    bodies = [{**agreement(), "@id": number, "timestamp": f"2026-11-2{len(number)}"} for number in numbers]
    shown = [render(body, languages=("en", "nl")) for body in bodies]
    assert shown[0] == shown[2]
    for body, text in zip(bodies, shown, strict=True):
        # In the head and in the last article, in both languages.
        assert text.count(str(escape(body["@id"]))) == 4
        assert text.count(digest(body)) == 2
    lines = zip(*(text.splitlines() for text in shown[:2]), strict=True)
    for pair in (pair for pair in lines if pair[0] != pair[1]):
        for line, body in zip(pair, bodies, strict=False):
            assert str(escape(body["@id"])) in line or digest(body) in line


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update({"@id": "urn:uuid:other"}),
        lambda body: body.update(timestamp="2026-11-21T12:00:00Z"),
        lambda body: body["permission"][0]["constraint"].pop(),
        lambda body: body[TERMS]["asset"].update(version=4),
        lambda body: body[TERMS]["rulebook"].update(sha256="00" * 32),
        lambda body: body[TERMS]["consumer"].update(name="Stad Kortrijk"),
        lambda body: body[TERMS].update(sealed=False),
        lambda body: body.update({"https://other.example/ns#note": "x"}),
    ],
)
def test_every_change_changes_the_hash(change: Any) -> None:
    body = agreement()
    changed = copy.deepcopy(body)
    change(changed)
    assert text_sha256(changed, "nl") != text_sha256(body, "nl")


def test_two_languages_stand_side_by_side() -> None:
    body = agreement()
    both = Outline(render(body))
    assert document_languages(body) == ("nl", "cs")
    for language in ("nl", "cs"):
        for sentence in explain(parse(body), language, "dataset"):
            assert sentence.text in both.words
    assert both.tags.count("h1") == 1
    assert "Handtekeningen / Podpisy" in both.words
    assert "Verkeerstellingen" in both.words
    assert "Sčítání dopravy" in both.words
    assert [language for name, language in both.attributes if name == "lang"].count("cs") > 10


def test_facts_and_promises_are_marked() -> None:
    document = render_body(agreement(), language="en")
    items = re.findall(r"<li>(.*?)</li>", document, re.S)
    marks = {re.split(r" <span", item)[0]: re.findall(r'mark (\w+)">', item) for item in items}
    assert marks["Only until 31 December 2027, included."] == ["fact"]
    assert marks["The recipient must not pass the data on, whole or in part."] == ["promise"]
    assert marks["The recipient may use the data, on these conditions."] == []


def test_what_others_write_is_text_and_nothing_else() -> None:
    attack = "<script>alert(1)</script>\"'><img src=x onerror=y> \u202egnp.exe {{ 7*7 }} &amp;"
    body = agreement()
    body["@id"] = attack
    body["target"] = body["assigner"] = body["assignee"] = body["timestamp"] = attack
    terms = body[TERMS]
    terms["provider"] = {"name": attack, "contact": attack, "address": attack, "signatory": {"name": attack}}
    terms["asset"] = {"title": {"nl": attack}, "version": attack, "sha256": attack, "kind": attack}
    terms["rulebook"] = {"iri": attack, "version": attack}
    body["permission"][0]["constraint"].append({"leftOperand": attack, "operator": "eq", "rightOperand": attack})
    document = render(body, signatures={attack: attack})
    outline = Outline(document)
    assert "script" not in outline.tags
    assert "img" not in outline.tags
    assert {name for name, _ in outline.attributes} <= {"lang", "class", "charset", "name", "content"}
    assert "\u202e" not in document
    assert "{{ 7*7 }}" in html.unescape(document)
    assert "&amp;amp;" in document


def test_nothing_is_fetched_and_the_style_is_in_the_document() -> None:
    document = render(agreement(), language="en")
    assert not re.search(r"<script|<link|url\(|@import|src=|href=|style=| on\w+=", document)
    style = re.search(r"<style>(.*?)</style>", document, re.S)
    assert style is not None
    assert "@page" in style[1]
    assert "A4" in style[1]


def test_the_fragment_has_no_head() -> None:
    body = agreement()
    fragment = render_body(body, language="nl")
    assert fragment.startswith("<article")
    assert "<style" not in fragment
    assert fragment.strip() in render(body, language="nl")


class TestSignatures:
    def test_they_are_shown_but_are_no_part_of_the_signed_text(self) -> None:
        body = agreement()
        before = text_sha256(body, "en")
        signed = render(body, language="en", signatures={GENT: "aaa.bbb.ccc"})
        assert f"Signed electronically by {GENT}" in signed
        assert f"Signed electronically by {BRUGGE}" not in signed
        assert hashlib.sha256(b"aaa.bbb.ccc").hexdigest()[:32] in signed
        assert text_sha256(body, "en") == before


class TestWhatIsMissing:
    @pytest.mark.parametrize("name", ["contract-agreement-message", "contract-agreement-message-full"])
    def test_agreements_of_other_connectors(self, name: str) -> None:
        body = json.loads(data(f"dsp/negotiation/example/{name}.json").read_text())["agreement"]
        outline = Outline(render(body))
        assert document_languages(body) == ("en",)
        assert body["@id"] in outline.words
        assert body["assignee"] in outline.words
        assert "No rulebook applies." in outline.words
        assert "not stated" in outline.words

    @pytest.mark.parametrize(
        "terms",
        [
            None,
            "terms",
            [],
            {"provider": "Gent", "consumer": 7, "asset": [], "rulebook": "x", "languages": "nl", "sealed": "yes"},
            {"asset": {"title": 5, "version": None, "kind": []}, "languages": [7, "xx", "", "de-AT"]},
            {"provider": {"name": {"en": "Gent"}, "contact": ["a"], "signatory": "An Peeters"}},
        ],
    )
    def test_broken_terms_are_as_good_as_missing(self, terms: Any) -> None:
        outline = Outline(render(agreement(**{TERMS: terms})))
        assert GENT in outline.words

    def test_languages_that_we_do_not_speak(self) -> None:
        body = agreement()
        assert render(body, language="sv") == render(body, language="en")
        assert render(body, languages=("nl-BE", "nl")) == render(body, language="nl")
        assert document_languages({TERMS: {"languages": ["xx"]}}) == ("en",)

    def test_fractions_have_no_canonical_form(self) -> None:
        body = agreement(**{"https://other.example/ns#price": 1.5})
        assert "not stated" in Outline(render(body, language="en")).words

    def test_no_policy_no_document(self) -> None:
        with pytest.raises(InvalidInput):
            render(agreement(permission=[{}]))


class TestTermAndPurpose:
    @staticmethod
    def words(*constraints: tuple[str, str, Any], **more: Any) -> str:
        items = [{"leftOperand": left, "operator": op, "rightOperand": right} for left, op, right in constraints]
        permission = [{"action": "odrl:use", "constraint": items}]
        return Outline(render(agreement("open", permission=permission, **more), language="en")).words

    def test_plain_terms(self) -> None:
        start, end = ("odrl:dateTime", "gteq", "2027-01-01"), ("odrl:dateTime", "lteq", "2027-12-31")
        assert "From 1 January 2027 until 31 December 2027, both included." in self.words(start, end)
        assert "From its conclusion until 31 December 2027, included." in self.words(end)
        assert "From 1 January 2027, without a fixed end." in self.words(start)
        assert "From its conclusion, without a fixed end." in self.words()

    def test_entangled_terms_point_to_the_article(self) -> None:
        before = ("odrl:dateTime", "lt", "2027-12-31")
        assert "Term As stated under “Permitted use”." in self.words(before)

    def test_purposes(self) -> None:
        research = ("odrl:purpose", "isAnyOf", ["dpv:ScientificResearch", "dpv:Marketing"])
        assert "Purpose Scientific research or marketing." in self.words(research)
        no_sale = ("odrl:purpose", "neq", "dpv:Marketing")
        assert "Purpose Any lawful purpose, except: marketing." in self.words(no_sale)
        assert "Purpose As stated under “Permitted use”." in self.words(research, no_sale)
        assert "Purpose Any lawful purpose." in self.words()

    def test_deletion(self) -> None:
        assert "Deletion Not agreed" in self.words()
        duty = [{"action": "odrl:delete"}]
        assert "Deletion The recipient must delete all copies of the data" in self.words(obligation=duty)
