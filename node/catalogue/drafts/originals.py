"""From a published version to the answers of a form, and from changed answers to the next version.

A form shows a part of a description. What it does not show stays exactly as it is: the statements of the version are
sent again, with only those exchanged that belong to a changed answer. A property with more values than the form has
controls for is not in the form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from node.base.errors import InvalidInput
from node.catalogue.drafts.answer_forms import EDGES, addresses_of, edges_of, place_field, plain_degrees
from node.catalogue.drafts.keyword_lists import keywords_text, read_keywords
from node.catalogue.drafts.model import Answers, Original
from node.catalogue.drafts.rulebook_answers import LINES, RULE_TEXTS, RULE_VALUES
from node.catalogue.model import Record
from node.catalogue.nquads import (
    Statement,
    iri_of,
    iri_term,
    is_iri,
    is_literal,
    language_of,
    line,
    literal_term,
    statements,
    text_of,
)
from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.legal_bases import LEGAL_BASES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import CodeList
from node.semantics.codelists.places import place_named
from node.semantics.codelists.themes import THEMES
from node.semantics.conversions import THROUGH
from node.semantics.description.personal_data import ANSWER, ASSESSMENT, BASIS, PURPOSE
from node.vocab.namespaces import DCAT, DCT, HANSA, ODRL, RDFS, SKOS, VCARD

KEEP: Final = "keep"
"""The answer that leaves the conditions as they are."""

_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "title": (f"{DCT}title", f"{RDFS}label", f"{SKOS}prefLabel"),
    "description": (f"{DCT}description", f"{RDFS}comment", f"{SKOS}definition"),
}
_CODES: Final[Mapping[str, tuple[str, CodeList]]] = {
    "license": (f"{DCT}license", LICENCES),
    "theme": (f"{DCAT}theme", THEMES),
    "frequency": (f"{DCT}accrualPeriodicity", FREQUENCIES),
    "personal_basis": (BASIS, LEGAL_BASES),
}
_KEYWORD: Final = f"{DCAT}keyword"
_CONTACT: Final = f"{DCAT}contactPoint"
_FILE: Final = f"{DCAT}distribution"
_OF_PERSONAL_DATA: Final = frozenset({"personal_basis", "personal_purpose", "impact_assessment"})
"""Answers that only datasets have."""
_PARTS: Final[Mapping[str, str]] = {
    "spatial": f"{DCT}spatial",
    "temporal": f"{DCT}temporal",
    "provenance": f"{DCT}provenance",
    "landing_page": f"{DCAT}landingPage",
    "subject": f"{DCT}subject",
    "personal_purpose": PURPOSE,
    "impact_assessment": ASSESSMENT,
}
_STATEMENTS: Final = ("provenance", "personal_purpose")
"""Parts that are a text in a node of its own."""
_LINKS: Final = ("landing_page", "subject", "impact_assessment")
_OF_OFFER: Final = frozenset({f"{ODRL}hasPolicy", f"{HANSA}conditions"})
"""Statements that publishing makes anew from the offer."""
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


class OriginalDescription:
    """The description of a version, with the answers that a form shows of it, and with changed answers."""

    def __init__(self, record: Record, language: str) -> None:
        """Texts are shown in ``language``, or in another one if there is no title in it."""
        self.record = record
        self._subject = iri_term(record.subject)
        is_rulebook = record.kind == "rulebook"
        self._text_properties = {**_TEXTS, **RULE_TEXTS} if is_rulebook else _TEXTS
        self._values = RULE_VALUES if is_rulebook else {}
        self._statements = [one for one in statements(record.nquads) if one.predicate[1:-1] not in _OF_OFFER]
        tags = {language_of(term) for term in self._objects(self._subject, *_TEXTS["title"]) if is_literal(term)}
        self._tag = next((tag for tag in (language, "en", *sorted(tags)) if tag in tags), language)
        self.answers: Answers = dict(self._read())

    @property
    def language(self) -> str:
        """Return the language of the texts."""
        return self._tag

    def to_bytes(self) -> bytes:
        """Return the statements, without those about the offer."""
        lines = (line(one.subject, one.predicate, one.object, one.graph) for one in self._statements)
        return "".join(f"{text}\n" for text in lines).encode()

    def changes(self, answers: Mapping[str, str]) -> dict[str, str]:
        """Return the answers that differ from what the description says: empty for those that were removed."""
        shown = {*self.answers, *self.missing}
        return {name: _plain(name, answers.get(name, "")) for name in sorted(shown) if self._differs(name, answers)}

    def _differs(self, name: str, answers: Mapping[str, str]) -> bool:
        return _plain(name, answers.get(name, "")) != self.answers.get(name, "")

    @property
    def missing(self) -> frozenset[str]:
        """Return the answers that the form can add: the description says nothing of them."""
        about = {
            **self._text_properties,
            **{name: (predicate,) for name, predicate in self._values.items()},
            "keywords": (_KEYWORD,),
            "contact.name": (_CONTACT,),
            "contact.email": (_CONTACT,),
            "from": (_PARTS["temporal"],),
            "until": (_PARTS["temporal"],),
            **{name: (predicate,) for name, (predicate, _) in _CODES.items()},
            **{name: (predicate,) for name, predicate in _PARTS.items() if name != "temporal"},
            **({"personal_data": (ANSWER,)} if self.record.kind == "dataset" else {}),
        }
        terms = {name: self._objects(self._subject, *predicates) for name, predicates in about.items()}
        free = {name for name, values in terms.items() if not values}
        # A text in other languages only. A law may be a link, beside which no text is added.
        free |= {
            name
            for name in self._text_properties
            if name != "title" and self._text_is_foreign(name) and not any(map(is_iri, terms[name]))
        }
        if "spatial" in free or (len(terms["spatial"]) == 1 and self._shows_place()):
            free |= {"spatial", *EDGES} - set(self.answers)
        if self.record.kind == "ontology":
            free -= {"spatial", *EDGES, "from", "until", "provenance"}
        if self.record.kind != "dataset":
            free -= _OF_PERSONAL_DATA
        if (file := self._only_file()) and not self._objects(file, THROUGH):
            free |= {"through"}
        if len(terms["contact.name"]) == 1:
            (contact,) = terms["contact.name"]
            free |= {"contact.name"} if not self._of_contact("name") else set()
            free |= {"contact.email"} if not self._objects(contact, f"{VCARD}hasEmail") else set()
        period = terms["from"]
        if len(period) == 1 and (self.answers.get("from") or self.answers.get("until")):
            free |= {"from", "until"} - set(self.answers)
        return frozenset(free)

    def with_answers(self, changes: Mapping[str, str]) -> dict[str, Any]:
        """Change the statements, and return the fields that have to be described anew, in the form of
        ``Submission.fields``. Raises ``InvalidInput`` for an answer that cannot be used."""
        if changes.get("title") == "":
            raise InvalidInput("the title is empty", remedy="write a title", facts={"field": "title"})
        fields: dict[str, Any] = {}
        for name, answer in changes.items():
            if name in self._text_properties:
                self._change_text(name, answer)
            elif name in self._values:
                self._replace(self._subject, self._values[name], None, [])
                fields |= {name: answer} if answer else {}
            elif name in _CODES:
                self._change_code(name, answer)
            elif name == "keywords":
                self._change_keywords(answer)
            elif name in ("contact.name", "contact.email"):
                self._change_contact(name.partition(".")[2], answer, fields)
            elif name in ("from", "until"):
                self._replace(self._subject, _PARTS["temporal"], None, [])
                ends = {end: changes.get(end, self.answers.get(end, "")) for end in ("from", "until")}
                period = {part: ends[end] for part, end in (("from", "from"), ("to", "until")) if ends[end]}
                fields |= {"temporal": period} if period else {}
            elif name == "spatial" or name in EDGES:
                fields |= self._changed_place(changes)
            elif name == "personal_data":
                self._replace(self._subject, ANSWER, None, [])
                fields |= {name: answer == "yes"} if answer in ("yes", "no") else {}
            elif name == "through":
                self._replace(self._only_file(), THROUGH, None, map(iri_term, addresses_of(answer)))
            elif name in _PARTS:
                self._replace(self._subject, _PARTS[name], None, [])
                new = {self._tag: answer} if name in _STATEMENTS and self._tag else answer
                fields |= {name: new} if answer else {}
        return fields

    def links(self, predicate: str) -> list[str]:
        """Return the IRIs that the asset has under a property."""
        return [iri_of(term) for term in self._objects(self._subject, predicate) if is_iri(term)]

    def forget_access_right(self) -> None:
        """Remove the access right: publishing states it anew, as the conditions demand it."""
        self._replace(self._subject, f"{DCT}accessRights", None, [])

    # reading ----------------------------------------------------------------------------------------------
    def _read(self) -> Iterable[tuple[str, str]]:
        """Yield the answers that the description gives: those with more values than a control has are left out."""
        for name, predicates in self._text_properties.items():
            if texts := self._texts(predicates):
                yield name, _plain(name, texts[0])
        for name, predicate in self._values.items():
            literals = self._objects(self._subject, predicate)
            if len(literals) == 1 and is_literal(literals[0]):
                yield name, _plain(name, text_of(literals[0]))
        for name, (predicate, codes) in _CODES.items():
            values = self._objects(self._subject, predicate)
            if len(values) == 1 and is_iri(values[0]):
                known = codes.by_iri(iri_of(values[0]))
                yield name, known.code if known else iri_of(values[0])
        if keywords := self._keywords():
            yield "keywords", keywords_text(map(text_of, keywords))
        for part in ("name", "email"):
            if terms := self._of_contact(part):
                yield f"contact.{part}", _plain(part, _mail(terms[0]))
        if (file := self._only_file()) and (offered := self._objects(file, THROUGH)):
            yield "through", " ".join(sorted(map(iri_of, filter(is_iri, offered))))
        yield from self._read_parts()

    def _read_parts(self) -> Iterable[tuple[str, str]]:
        parts = {name: self._objects(self._subject, predicate) for name, predicate in _PARTS.items()}
        alone = {name: terms[0] for name, terms in parts.items() if len(terms) == 1}
        if "spatial" in alone:
            yield from self._place(alone["spatial"]).items()
        for name in _LINKS:
            if name in alone and is_iri(alone[name]):
                yield name, iri_of(alone[name])
        for name in _STATEMENTS:
            labels = self._objects(alone[name], f"{RDFS}label") if name in alone else []
            if len(labels) == 1 and is_literal(labels[0]):
                yield name, _plain(name, text_of(labels[0]))
        for end, predicate in (("from", f"{DCAT}startDate"), ("until", f"{DCAT}endDate")):
            days = self._objects(alone["temporal"], predicate) if "temporal" in alone else []
            if len(days) == 1 and is_literal(days[0]):
                yield end, text_of(days[0])
        personal = self._objects(self._subject, ANSWER)
        if len(personal) == 1 and is_literal(personal[0]) and self.record.kind == "dataset":
            yield "personal_data", "yes" if text_of(personal[0]) in ("true", "1") else "no"

    def _place(self, node: str) -> dict[str, str]:
        """Return the name of a place and its edges, but for those that the gazetteer has for the name. There are none
        of a place that the form cannot show."""
        names = [_plain("spatial", text_of(term)) for term in self._objects(node, f"{RDFS}label") if is_literal(term)]
        boxes = [text_of(term) for term in self._objects(node, f"{DCAT}bbox") if is_literal(term)]
        if len(names) > 1 or len(boxes) > 1:
            return {}
        place = {"spatial": names[0]} if names else {}
        numbers = _NUMBER.findall(re.sub(r"<[^>]*>", "", boxes[0])) if boxes else []
        if len(numbers) != 10:
            return place if names else {}
        across, up = sorted(numbers[0::2], key=float), sorted(numbers[1::2], key=float)
        edges = dict(zip(EDGES, map(plain_degrees, (across[0], up[0], across[-1], up[-1])), strict=True))
        known = place_named(names[0]) if names else None
        is_known_box = known is not None and tuple(map(float, edges.values())) == known.bbox
        return place if is_known_box else place | edges

    def _shows_place(self) -> bool:
        return any(self.answers.get(name) for name in ("spatial", *EDGES))

    def _changed_place(self, changes: Mapping[str, str]) -> dict[str, Any]:
        """Remove the place, and return the field that describes it anew. Its IRI stays if its name does."""
        place = {name: changes.get(name, self.answers.get(name, "")) for name in ("spatial", *EDGES)}
        if any(place[edge] for edge in EDGES) and edges_of(place) is None:
            raise InvalidInput(
                "the edges are not those of an area",
                remedy="write west, south, east and north in degrees, the smaller numbers first",
                facts={"case": "area", "field": "west"},
            )
        before = self._objects(self._subject, _PARTS["spatial"])
        same = bool(place["spatial"]) and "spatial" not in changes and len(before) == 1 and is_iri(before[0])
        iri = iri_of(before[0]) if same else ""
        self._replace(self._subject, _PARTS["spatial"], None, [])
        field = place_field(place, iri)
        return {} if field is None else {"spatial": field}

    def _objects(self, subject: str, *predicates: str) -> list[str]:
        named = {f"<{predicate}>" for predicate in predicates}
        return [one.object for one in self._statements if one.subject == subject and one.predicate in named]

    def _texts(self, predicates: tuple[str, ...]) -> list[str]:
        terms = (term for term in self._objects(self._subject, *predicates) if is_literal(term))
        return [text_of(term) for term in terms if language_of(term) == self._tag]

    def _only_file(self) -> str:
        """Return the distribution of a dataset with one file; empty if it has several, or none."""
        files = self._objects(self._subject, _FILE) if self.record.kind == "dataset" else []
        return files[0] if len(files) == len(self.record.files) == 1 else ""

    def _text_is_foreign(self, name: str) -> bool:
        return not self._texts(self._text_properties[name])

    def _keywords(self) -> list[str]:
        """Return the keywords in the language of the texts; all of them if none is."""
        terms = [term for term in self._objects(self._subject, _KEYWORD) if is_literal(term)]
        return [term for term in terms if language_of(term) == self._tag] or terms

    def _of_contact(self, part: str) -> list[str]:
        """Return the name or the address of the contact, if the form can show it."""
        contacts = self._objects(self._subject, _CONTACT)
        if len(contacts) != 1:
            return []
        if part == "email":
            mails = self._objects(contacts[0], f"{VCARD}hasEmail")
            return mails if len(mails) == 1 and mails[0].startswith("<mailto:") else []
        names = [term for term in self._objects(contacts[0], f"{VCARD}fn") if is_literal(term)]
        return [term for term in names if language_of(term) == self._tag][:1] or (names if len(names) == 1 else [])

    # changing ---------------------------------------------------------------------------------------------
    def _replace(self, subject: str, predicate: str, old: Iterable[str] | None, new: Iterable[str]) -> None:
        """Put ``new`` in the place of the ``old`` values, or of all values if it is None."""
        property_name, old_values = f"<{predicate}>", None if old is None else set(old)
        self._statements = [
            triple
            for triple in self._statements
            if not (
                triple.subject == subject
                and triple.predicate == property_name
                and (old_values is None or triple.object in old_values)
            )
        ]
        self._statements += [Statement(subject, property_name, term) for term in new]

    def _change_text(self, name: str, answer: str) -> None:
        before = self.answers.get(name, "")
        for predicate in self._text_properties[name]:
            same = [
                term
                for term in self._objects(self._subject, predicate)
                if is_literal(term) and language_of(term) == self._tag and _plain(name, text_of(term)) == before
            ]
            first = predicate == self._text_properties[name][0] and not before
            if same or first:
                self._replace(self._subject, predicate, same, self._literals([answer]))

    def _change_code(self, name: str, answer: str) -> None:
        predicate, codes = _CODES[name]
        before = self._objects(self._subject, predicate)[:1]
        code = codes.find(answer) if answer else None
        if answer and code is None and not (codes.open and answer.startswith(("http://", "https://"))):
            raise InvalidInput(f"{name} has no value {answer[:80]!r}", remedy="choose one", facts={"field": name})
        new = [iri_term(code.iri if code else answer)] if answer else []
        self._replace(self._subject, predicate, before, new)
        if name == "license":
            # Publishing gives the licence of the dataset to files that name none.
            for file in self._objects(self._subject, _FILE):
                self._replace(file, predicate, before, [])

    def _change_keywords(self, answer: str) -> None:
        self._set_keywords(read_keywords(answer))

    def revise_keywords(self, additions: Sequence[str], removals: Sequence[str]) -> None:
        """Remove and then add keywords, whatever their case; the others stay as they are, also those with a comma."""
        leaving = {word.casefold() for word in removals}
        kept = [word for word in map(text_of, self._keywords()) if word.casefold() not in leaving]
        present = {word.casefold() for word in kept}
        self._set_keywords([*kept, *(word for word in additions if word.casefold() not in present)])

    def _set_keywords(self, words: Sequence[str]) -> None:
        keywords = self._keywords()
        tag_of = {text_of(term): term for term in keywords}
        tag = language_of(keywords[0]) if keywords else self._tag
        new = [tag_of.get(word) or literal_term(word, language=tag) for word in dict.fromkeys(words)]
        self._replace(self._subject, _KEYWORD, keywords, new)

    def _change_contact(self, part: str, answer: str, fields: dict[str, Any]) -> None:
        contacts = self._objects(self._subject, _CONTACT)
        if not contacts:
            fields.setdefault("contact", {}).update({part: answer} if answer else {})
            return
        before, predicate = self._of_contact(part), f"{VCARD}fn"
        new = [literal_term(answer, language=language_of(before[0]) if before else self._tag)] if answer else []
        if part == "email":
            predicate = f"{VCARD}hasEmail"
            if answer and not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+", answer):
                raise InvalidInput(
                    "this is not an e-mail address",
                    remedy="write it like data@example.org",
                    facts={"case": "mail", "field": "contact.email"},
                )
            new = [iri_term(f"mailto:{answer}")] if answer else []
        self._replace(contacts[0], predicate, before, new)

    def _literals(self, texts: Iterable[str]) -> list[str]:
        return [literal_term(text, language=self._tag) for text in texts if text]


def original_of(record: Record, language: str) -> Original:
    """Return the reference to a version that a draft keeps."""
    return Original(iri=record.iri, version=record.version, language=language)


def _mail(term: str) -> str:
    return iri_of(term).removeprefix("mailto:") if is_iri(term) else text_of(term)


def _plain(name: str, text: str) -> str:
    """Return a text as a control of a form gives it back: only some have lines."""
    if name in EDGES:
        return plain_degrees(text)
    if name in LINES:
        return text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return " ".join(text.split())
