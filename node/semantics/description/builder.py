"""Convert a steward's fields to RDF, by the table of ``fields``. A value that does not fit becomes a finding, and the
rest is still converted: a steward wants to see all mistakes at once.

Nodes get IRIs below the asset's own (``…/traffic-counts#contact-…``) rather than blank ones: other records can refer
to them, they stay the same between versions, and canonicalisation is cheap.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pyoxigraph import Dataset, Literal, NamedNode, Quad

from node.semantics.codelists.languages import TAGS
from node.semantics.codelists.lookup import CodeList
from node.semantics.description import extents, values
from node.semantics.description.fields import ENVELOPE
from node.semantics.description.forms import Field, Form, find, spellings
from node.semantics.description.values import NotSo
from node.semantics.findings import words
from node.semantics.model import Finding
from node.vocab.namespaces import HANSA, RDF, RDFS

A: Final = NamedNode(f"{RDF}type")
_IDENTITY: Final = ("iri", "id", "did")
_SLUG_NOISE: Final = re.compile(r"[^a-z0-9]+")


def slug(text: str, limit: int = 60) -> str:
    """Return ``text`` as a piece of an address: ASCII, small letters, hyphens. Empty if nothing is left."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    plain = "".join(c for c in folded if not unicodedata.combining(c)).encode("ascii", "ignore").decode()
    cut = _SLUG_NOISE.sub("-", plain).strip("-")
    return cut if len(cut) <= limit else cut[:limit].rsplit("-", 1)[0].strip("-") or cut[:limit]


class Builder:
    """Collects triples and findings about one asset.

    ``base``: the node's own address. ``language``: of texts without a tag. ``lines``: field path → line in the
    steward's file. ``places`` maps each created node to its field.
    """

    def __init__(self, *, base: str, kind: str, language: str, lines: Mapping[str, int]) -> None:
        self.base = base
        self.kind = kind
        self.language = language
        self.dataset = Dataset()
        self.findings: list[Finding] = []
        self.places: dict[str, str] = {}
        self._lines = lines

    def line(self, path: str) -> int | None:
        """Return the line of a field, or of the nearest enclosing field that has a line: a missing field has none."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path.rpartition(".")[0]
        return None

    def report(self, sentence: str, place: str, **about: Any) -> None:
        """Note a fault of the field at ``place``."""
        self.findings.append(words.about_field(sentence, field=place, line=self.line(place), **about))

    def add(self, subject: NamedNode, property_: str, value: NamedNode | Literal) -> None:
        self.dataset.add(Quad(subject, NamedNode(property_), value))

    def describe(
        self, subject: NamedNode, values: Mapping[str, Any], fields: tuple[Field, ...], path: str = ""
    ) -> None:
        """Add the statements of ``values`` about ``subject``."""
        first_uses: dict[str, str] = {}
        for name, value in values.items():
            place = f"{path}.{name}" if path else str(name)
            field = find(fields, str(name))
            if field is None:
                if path or str(name) not in ENVELOPE:
                    self._unknown(place, str(name), fields)
                continue
            if _is_empty(field, value):
                continue
            if field.name in first_uses:
                self.report("twice", place, value=f"{first_uses[field.name]}, {name}")
                continue
            first_uses[field.name] = str(name)
            self.fill(subject, field, value, place)

    def fill(self, subject: NamedNode, field: Field, value: Any, path: str) -> None:
        """Add one field of ``subject``; a value that does not fit is reported and left out."""
        if field.form is Form.GROUP:
            if isinstance(value, Mapping):
                self.describe(subject, value, field.fields, path)
            else:
                self._wrong(path, "group")
            return
        if (
            field.form is Form.WORDS
            or not isinstance(value, list)
            or not field.many
            or (field.form is Form.PLACE and values.is_rectangle(value))
        ):
            self._single(subject, field, value, path)
        else:
            for index, item in enumerate(value):
                self._single(subject, field, item, f"{path}.{index}", index)

    def _single(self, subject: NamedNode, field: Field, value: Any, path: str, index: int = 0) -> None:
        try:
            for term in self._terms(subject, field, value, path, index):
                self.add(subject, field.property, term)
        except NotSo as error:
            listed = isinstance(value, list) and not field.many and error.expected != "rectangle"
            if error.expected == "rectangle":
                self.report("bad-rectangle", path, value=str(value)[:60])
            else:
                self._wrong(path, "one" if listed and field.form is not Form.JSON else error.expected)

    def _terms(
        self, subject: NamedNode, field: Field, value: Any, path: str, index: int
    ) -> Sequence[NamedNode | Literal]:
        match field.form:
            case Form.TEXT:
                return values.texts(value, self.language)
            case Form.WORDS:
                return values.words(value, self.language)
            case Form.LINK:
                return [values.link(value, self.base)]
            case Form.CODE:
                return self._code(field, value, path)
            case Form.TEXT_OR_LINK:
                return [values.link(value, self.base)] if values.is_link(value) else self._text(value)
            case Form.STATEMENT:
                return [self._statement(subject, field, value, path)]
            case Form.PLACE:
                return [extents.place(self, subject, value, path, index)]
            case Form.PERIOD:
                return [extents.period(self, subject, value, path, index)]
            case Form.BINDINGS:
                return self._bindings(subject, value, path)
            case Form.NODE:
                return [self._node(subject, field, value, path, index)]
            case simple:
                return [values.SIMPLE[simple](value)]

    def _text(self, value: Any) -> list[Literal]:
        return values.texts(value, self.language)

    def _code(self, field: Field, value: Any, path: str) -> list[NamedNode]:
        codes: CodeList | None = field.codes
        if codes is None or isinstance(value, bool) or not isinstance(value, str | int):
            raise NotSo("code")
        text = str(value).strip()
        code = codes.find(text)
        if code is not None:
            return [NamedNode(code.iri)]
        name = field.name
        if codes.open and values.is_link(text):
            self.report("unlisted-code", path, severity="info", name=name, value=text, guess=words.NOTHING)
            return [values.link(text, self.base)]
        guess = words.code_guess(codes, text)
        about = words.about_code(codes)
        self.report("not-a-code", path, name=name, value=text[:80], guess=guess, **about)
        return []

    def _statement(self, subject: NamedNode, field: Field, value: Any, path: str) -> NamedNode:
        if values.is_link(value):
            return values.link(value, self.base)
        texts = self._text(value)
        node = self.mint(subject, field.name, "", path)
        for class_ in field.classes:
            self.add(node, A.value, NamedNode(class_))
        for text in texts:
            self.add(node, f"{RDFS}label", text)
        return node

    def _node(self, subject: NamedNode, field: Field, value: Any, path: str, index: int) -> NamedNode:
        members = self._as_node(field, value)
        own = {name: item for name, item in members.items() if find(field.fields, str(name))}
        identity = next((item for name, item in members.items() if name in _IDENTITY and name not in own), None)
        if identity is not None:
            node = values.link(identity, self.base)
            self.places[node.value] = path
        else:
            named = (item for name, item in own.items() if _means(field, str(name), field.key))
            node = self.mint(subject, field.name, _key_text(next(named, "")), path)
        for class_ in field.classes:
            self.add(node, A.value, NamedNode(class_))
        if field.ordered and not any(_means(field, str(name), "position") for name in own):
            self.add(node, f"{HANSA}position", values.integer(index + 1))
        known = {name: item for name, item in members.items() if name in own or name not in _IDENTITY}
        self.describe(node, known, field.fields, path)
        return node

    @staticmethod
    def _as_node(field: Field, value: Any) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            # {nl: …, en: …} is the text of the key in several languages.
            tagged = bool(value) and all(str(name).partition("-")[0] in TAGS for name in value)
            return {field.key: value} if tagged else value
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            mail = next((inner for inner in field.fields if inner.form is Form.MAIL), None)
            if mail is not None and isinstance(value, str) and "@" in value:
                return {mail.name: value}
            return {field.key: value}
        raise NotSo("node")

    def _bindings(self, subject: NamedNode, value: Any, path: str) -> list[NamedNode]:
        if not isinstance(value, Mapping):
            raise NotSo("bindings")
        nodes = []
        for role, target in value.items():
            place = f"{path}.{role}"
            try:
                bound = values.link(target, self.base)
            except NotSo as error:
                self._wrong(place, error.expected)
                continue
            node = self.mint(subject, "binding", str(role), place)
            self.add(node, A.value, NamedNode(f"{HANSA}Binding"))
            self.add(node, f"{HANSA}role", Literal(str(role)))
            self.add(node, f"{HANSA}boundTo", bound)
            nodes.append(node)
        return nodes

    def mint(self, subject: NamedNode, what: str, key: str, path: str) -> NamedNode:
        """Return a new node below ``subject`` with a unique name, made from its type and key."""
        stem = "-".join(part for part in (slug(what).removesuffix("s") or "node", slug(key, 40)) if part)
        asset, hash_, inner = subject.value.partition("#")
        stem = f"{asset}#{inner}-{stem}" if hash_ else f"{asset}#{stem}"
        iri, number = stem, 2
        while iri in self.places:
            iri, number = f"{stem}-{number}", number + 1
        self.places[iri] = path
        return NamedNode(iri)

    def _unknown(self, path: str, name: str, fields: tuple[Field, ...]) -> None:
        names = [*spellings(fields), *(() if "." in path else ENVELOPE)]
        near = get_close_matches(name.casefold().replace("-", "_"), names, n=1, cutoff=0.6)
        self.report("unknown-field", path, guess=words.guess(near) if near else words.leave_out(), kind=self.kind)

    def _wrong(self, path: str, form: str) -> None:
        self.report("wrong-type", path, expected=words.expected_form(form))


def _is_empty(field: Field, value: Any) -> bool:
    """Return whether nothing was written. An empty list can be the default of a parameter, though."""
    return value is None or (value in ("", [], {}) and field.form not in (Form.VALUE, Form.JSON))


def _means(field: Field, name: str, key: str) -> bool:
    inner = find(field.fields, name)
    return inner is not None and inner.name == key


def _key_text(key: Any) -> str:
    if isinstance(key, Mapping):
        return next((str(text) for text in key.values()), "")
    return str(key)
