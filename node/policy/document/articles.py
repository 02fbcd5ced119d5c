"""The articles of an agreement in one language: its parties, asset, conditions, term and verification in words.

Everything follows from the agreement's body. Data of this one agreement only (its number, date and hash) have a
*place* in the text, which ``node.policy.document.rendering`` fills: the text of equal terms is composed once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

from node.base.jsons import digest
from node.policy import terms
from node.policy.document.words import DocumentWords, document_words
from node.policy.figures import bound_text, join, moment_text, value_names
from node.policy.model import Nature
from node.policy.odrl import SEALED
from node.policy.operands import operand_of
from node.policy.phrases import phrases
from node.policy.phrases.model import Phrases
from node.policy.rules import Constraint, Policy, Value, condition_leaves
from node.policy.rules import Part as _Part
from node.policy.values import moment
from node.policy.words import Section, Sentence, explain
from node.texts.languages import LANGUAGES
from node.vocab.namespaces import HANSA

TERMS: Final = HANSA + "terms"

# Control characters, and characters that change the writing direction: a signed text must read as it is written.
_UNSEEMLY: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_MAX_TEXT: Final = 2000
_PLACE: Final = token_hex(8)
"""Marks places. Nobody outside of this process can write it into a text."""
PLACES: Final = re.compile(f"{_PLACE}-([a-z]+)-([a-z]+)-")
"""A place: its content, and its language."""


def document_languages(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the languages of both parties that this node can write, as the agreement names them; else English."""
    wished = members_of(body.get(TERMS)).get("languages")
    known = [base_tag(tag) for tag in wished if isinstance(tag, str)] if isinstance(wished, list) else []
    return tuple(dict.fromkeys(tag for tag in known if tag in LANGUAGES)) or ("en",)


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value; ``code`` for identifiers and hashes."""

    label: str
    value: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class MarkedClause:
    """A sentence of the agreement with its marks: (``fact`` or ``promise``, the words for it)."""

    text: str
    marks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """An article: the same ones, in the same order, in every language."""

    heading: str
    lead: str = ""
    groups: tuple[tuple[str, tuple[Fact, ...]], ...] = ()
    clauses: tuple[MarkedClause, ...] = ()
    paragraphs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A party's place for its signature."""

    heading: str
    did: str
    statement: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The whole document in one language."""

    language: str
    words: DocumentWords
    title: str
    between: str
    number: str
    conclusion: str
    brief: tuple[Fact, ...]
    articles: tuple[Article, ...]
    signatures: tuple[Signature, ...] = field(default=())


def base_tag(tag: str) -> str:
    return str(tag).partition("-")[0].lower()


def _place(name: str, language: str) -> str:
    return f"{_PLACE}-{name}-{language}-"


class _Reader:
    """The content of an agreement beyond its rules; any part of it may be missing."""

    def __init__(self, body: Mapping[str, Any], policy: Policy) -> None:
        self.body = body
        self.policy = policy
        self.terms = members_of(body.get(TERMS))
        self.asset = members_of(self.terms.get("asset"))
        self.rulebook = members_of(self.terms.get("rulebook"))
        self.kind = plain_text(self.asset.get("kind"))
        self.sealed = self.terms.get("sealed") is True or self.body.get(SEALED) is True

    def party(self, side: str) -> Mapping[str, Any]:
        return members_of(self.terms.get(side))

    def did(self, side: str) -> str:
        """Return the party of the agreement itself; the additional terms are used if it is missing there."""
        own = self.policy.assigner if side == "provider" else self.policy.assignee
        return plain_text(own) or plain_text(self.party(side).get("did"))

    def name(self, side: str, words: DocumentWords) -> str:
        return plain_text(self.party(side).get("name")) or self.did(side) or words.unnamed

    def title(self, language: str) -> str:
        titles = self.asset.get("title")
        if isinstance(titles, Mapping):
            for tag in (language, "en", *sorted(str(tag) for tag in titles)):
                if text := plain_text(titles.get(tag)):
                    return text
        return plain_text(titles) or self.policy.target or plain_text(self.asset.get("iri"))


def compose(body: Mapping[str, Any], policy: Policy, language: str, signatures: Mapping[str, str]) -> Text:
    """Return the document of ``body`` in ``language``, with places. ``policy`` is ``body`` as parsed."""
    words, language_phrases = document_words(language), phrases(language)
    reader = _Reader(body, policy)
    sentences = explain(policy, language, reader.kind)
    title = reader.title(language) or words.unreadable
    articles = (
        _parties(reader, words),
        _subject(reader, words, title),
        _use(sentences, words),
        _section(sentences, Section.PROHIBITION, words.prohibitions, words.no_prohibitions, words),
        _section(sentences, Section.DUTY, words.duties, words.no_duties, words),
        Article(heading=words.purpose, paragraphs=(_purpose(policy, words, language_phrases),)),
        Article(
            heading=words.term, paragraphs=(_term(policy, words, language_phrases), words.term_end, words.term_after)
        ),
        _rulebook(reader, words),
        _precedence(reader, words),
        _verification(reader, words, language),
    )
    return Text(
        language=language,
        words=words,
        title=title,
        between=words.between.format(
            provider=reader.name("provider", words), recipient=reader.name("consumer", words)
        ),
        number=_place("number", language),
        conclusion=_place("concluded", language),
        brief=_brief(policy, sentences, reader, words, language_phrases),
        articles=articles,
        signatures=tuple(_signature(reader, side, words, signatures) for side in ("provider", "consumer")),
    )


def _parties(reader: _Reader, words: DocumentWords) -> Article:
    groups = []
    for side, role in (("provider", words.provider), ("consumer", words.recipient)):
        party = reader.party(side)
        signatory = members_of(party.get("signatory"))
        person = ", ".join(
            text for text in (plain_text(signatory.get("name")), plain_text(signatory.get("role"))) if text
        )
        facts = [
            Fact(words.name, plain_text(party.get("name")) or words.unreadable),
            Fact(words.identifier, reader.did(side) or words.unreadable, code=True),
            Fact(words.contact, plain_text(party.get("contact")) or words.unreadable),
        ]
        optional = (
            (words.address, plain_text(party.get("address"))),
            (words.signatory, person or plain_text(party.get("signatory"))),
            (words.mandate, plain_text(signatory.get("decision"))),
            (words.legal_basis, plain_text(party.get("legalBasis"))),
            (words.protection_officer, plain_text(party.get("dpo"))),
        )
        facts += [Fact(label, value) for label, value in optional if value]
        groups.append((f"{role} ({words.hereinafter.format(role=role.lower())})", tuple(facts)))
    return Article(heading=words.parties, groups=tuple(groups))


def _subject(reader: _Reader, words: DocumentWords, title: str) -> Article:
    iri = plain_text(reader.policy.target) or plain_text(reader.asset.get("iri"))
    facts = [
        Fact(words.title, title),
        Fact(words.kind, words.kinds.get(reader.kind) or reader.kind or words.unreadable),
        Fact(words.iri, iri or words.unreadable, code=True),
        Fact(words.version, plain_text(reader.asset.get("version")) or words.unreadable),
        Fact(words.fingerprint, plain_text(reader.asset.get("sha256")) or words.unreadable, code=True),
        Fact(words.delivery, words.sealed if reader.sealed else words.plain),
    ]
    return Article(heading=words.subject, groups=(("", tuple(facts)),))


def _use(sentences: tuple[Sentence, ...], words: DocumentWords) -> Article:
    shown = {Section.PERMISSION, Section.CONDITION, Section.CONSENT}
    clauses = tuple(_clause(sentence, words) for sentence in sentences if sentence.section in shown)
    return Article(heading=words.use, lead=words.marks, clauses=clauses)


def _section(
    sentences: tuple[Sentence, ...], section: Section, heading: str, empty: str, words: DocumentWords
) -> Article:
    clauses = tuple(_clause(sentence, words) for sentence in sentences if sentence.section is section)
    return Article(heading=heading, clauses=clauses, paragraphs=() if clauses else (empty,))


def _clause(sentence: Sentence, words: DocumentWords) -> MarkedClause:
    marks = []
    if Nature.FACT in sentence.natures:
        marks.append(("fact", words.checked))
    if Nature.UNDERTAKING in sentence.natures:
        marks.append(("promise", words.promised))
    return MarkedClause(_seemly(sentence.text), tuple(marks))


def _purpose(policy: Policy, words: DocumentWords, language_phrases: Phrases) -> str:
    """Return the purposes if one permission names them once; else a reference to the article that lists them."""
    purposes = _constraints(policy, terms.PURPOSE)
    if not purposes:
        return words.purpose_free
    if len(policy.permissions) > 1 or len(purposes) > 1 or purposes[0] not in policy.permissions[0].constraints:
        return words.purpose_mixed
    names = _seemly(join(value_names(purposes[0], language_phrases), language_phrases.or_))
    if purposes[0].operator in {"neq", "isNoneOf"}:
        return words.purpose_excluded.format(purposes=names)
    return names[:1].upper() + names[1:] + "."


def _term(policy: Policy, words: DocumentWords, language_phrases: Phrases) -> str:
    bounds = _constraints(policy, terms.DATE_TIME)
    if not bounds:
        return words.term_open
    direct = policy.permissions[0].constraints
    starts = [item for item in bounds if item.operator == "gteq"]
    ends = [item for item in bounds if item.operator == "lteq"]
    plain = len(policy.permissions) == 1 and all(item in direct for item in bounds)
    if not plain or len(starts) > 1 or len(ends) > 1 or len(starts) + len(ends) != len(bounds):
        return words.term_mixed
    start = bound_text(starts[0].right_operand[0], "gteq", language_phrases) if starts else ""
    end = bound_text(ends[0].right_operand[0], "lteq", language_phrases) if ends else ""
    if start and end:
        return words.term_from_to.format(start=start, end=end)
    return words.term_to.format(end=end) if end else words.term_from.format(start=start)


def _constraints(policy: Policy, operand: str) -> list[Constraint]:
    """Return the understood constraints of the permissions that are about ``operand``, at any depth."""
    constraints: list[Constraint] = []
    for rule in policy.permissions:
        for condition in rule.constraints:
            for leaf in condition_leaves(condition, "", _Part.PERMISSION):
                content = leaf.content
                if isinstance(content, Constraint) and content.left_operand == operand and operand_of(content):
                    constraints.append(content)
    return constraints


def _rulebook(reader: _Reader, words: DocumentWords) -> Article:
    if not reader.rulebook:
        return Article(heading=words.rulebook, paragraphs=(words.rulebook_none,))
    facts = (
        Fact(words.iri, plain_text(reader.rulebook.get("iri")) or words.unreadable, code=True),
        Fact(words.version, plain_text(reader.rulebook.get("version")) or words.unreadable),
        Fact(words.fingerprint, plain_text(reader.rulebook.get("sha256")) or words.unreadable, code=True),
    )
    return Article(heading=words.rulebook, lead=words.rulebook_applies, groups=(("", facts),))


def _precedence(reader: _Reader, words: DocumentWords) -> Article:
    # The agreement's languages, not those shown: one language's text must not depend on how it is displayed.
    languages = document_languages(reader.body)
    paragraphs = [words.precedence_text]
    if len(languages) > 1:
        name = document_words(languages[0]).language_name
        paragraphs.append(words.precedence_languages.format(language=name))
    return Article(heading=words.precedence, paragraphs=tuple(paragraphs))


def _verification(reader: _Reader, words: DocumentWords, language: str) -> Article:
    facts = [Fact(words.agreement_number, _place("identifier", language), code=True)]
    try:
        digest(reader.body)
        facts.append(Fact(words.agreement_hash, _place("hash", language), code=True))
    except ValueError:
        # Another connector may have put fractions into its own members: those have no canonical form.
        facts.append(Fact(words.agreement_hash, words.unreadable))
    if offer := plain_text(reader.terms.get("offer")):
        facts.append(Fact(words.offer, offer, code=True))
    return Article(heading=words.verification, paragraphs=(words.verification_text,), groups=(("", tuple(facts)),))


def _brief(
    policy: Policy,
    sentences: tuple[Sentence, ...],
    reader: _Reader,
    words: DocumentWords,
    language_phrases: Phrases,
) -> tuple[Fact, ...]:
    deletions = [
        _seemly(sentence.text)
        for sentence in sentences
        for index, duty in enumerate(policy.obligations)
        if duty.action == terms.DELETE and sentence.rule == f"obligation[{index}]"
    ]
    facts = [
        Fact(words.purpose, _purpose(policy, words, language_phrases)),
        Fact(words.term, _term(policy, words, language_phrases)),
        Fact(words.deletion, " ".join(deletions) or words.deletion_none),
        Fact(words.delivery, words.sealed if reader.sealed else words.plain),
    ]
    return tuple(facts)


def _signature(reader: _Reader, side: str, words: DocumentWords, signatures: Mapping[str, str]) -> Signature:
    did = reader.did(side)
    jws = signatures.get(did, "")
    mark = hashlib.sha256(jws.encode("utf-8")).hexdigest() if jws else ""
    return Signature(
        heading=words.signed_by.format(party=reader.name(side, words)),
        did=did,
        statement=words.signed_electronically.format(did=did) if jws else "",
        note=f"SHA-256 {mark[:32]}…" if jws else words.signature_kept,
    )


def written_moment(value: Any, language_phrases: Phrases) -> str:
    point = moment(Value(value)) if isinstance(value, str) else None
    return moment_text(point.start.replace(microsecond=0), language_phrases) if point else plain_text(value)


def members_of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def plain_text(value: Any) -> str:
    """Return a text, or a whole number as text; other values count as missing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _seemly(str(value)).strip()[:_MAX_TEXT]


def _seemly(text: str) -> str:
    return _UNSEEMLY.sub("", text)
