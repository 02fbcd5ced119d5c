"""Every language says everything, in its own way; every text is asked for, and every text asked for exists."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from node.policy.document.words import DocumentWords
from node.policy.flow.words import Texts
from node.policy.phrases.model import Phrases
from node.texts.catalogue import FOLDER, Catalogue, fill
from node.texts.languages import LANGUAGES, forms, plural
from node.texts.text_classes import build_texts
from tests.architecture.test_names import EMPTY_NAMES
from tests.unit.texts.extraction import use

ROOT = Path(__file__).resolve().parents[3]

CODE: dict[str, tuple[str, ...]] = {
    "catalogue": ("node/catalogue",),
    "codes": ("node/semantics/codelists",),
    "conflicts": ("node/policy",),
    "datasources": ("node/datasources",),
    "evidence": ("node/evidence", "node/ledger"),
    "findings": ("node/semantics",),
    "formats": ("node/texts",),
    "harvest": ("node/semantics/harvest", "node/catalogue/harvest"),
    "meaning": ("node/scenarios/transformations",),
    "negotiation": ("node/negotiation",),
    "portal": ("node/portal",),
    "scenarios": ("node/scenarios",),
    "subscriptions": ("node/catalogue/subscriptions",),
    "transfer": ("node/transfer",),
}
"""Domain → where the code is that asks for its texts."""

TYPED: dict[str, type[Any]] = {"document": DocumentWords, "flow": Texts, "policy": Phrases}
"""Domain → the dataclass that its texts are read into."""

GIVEN = {"language": "", "plural": None}
"""Fields that are no texts."""

# The same asset, as object and as possessor: what a sentence needs is for its language to say.
ALIKE = {"of_asset": "asset"}

NO_NOUNS = EMPTY_NAMES | {"asked", "came", "meant", "mend", "mends", "seen"}
"""Words that name neither a value in a text nor a family of texts."""

DOMAINS = sorted(path.name for path in FOLDER.iterdir())


def needed(language: str) -> set[str]:
    """The forms that whole numbers take as pages count."""
    return {plural(language, count) for count in range(1000)}


def test_every_domain_is_asked_for() -> None:
    assert {*CODE, *TYPED} == set(DOMAINS)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(domain: str, language: str) -> None:
    theirs, english = Catalogue(domain).texts(language), Catalogue(domain).texts("en")
    assert set(theirs) == set(english)
    for key, text in theirs.items():
        assert isinstance(text, str) == isinstance(english[key], str), key
        if isinstance(text, str):
            assert text.strip() or not str(english[key]).strip(), key
        else:
            assert needed(language) <= set(text) <= forms(language), key
            assert all(form.strip() for form in text.values()), key


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_names(domain: str, language: str) -> None:
    catalogue = Catalogue(domain)
    for key, text in catalogue.texts(language).items():
        # The form for one may say it in words: "a file".
        spare = set() if isinstance(text, str) else {"n"}
        theirs, english = ({ALIKE.get(name, name) for name in catalogue.names(key, tag)} for tag in (language, "en"))
        assert theirs - spare == english - spare, key


def empty_names(catalogue: Catalogue) -> set[str]:
    """The values and families of texts with names that say nothing."""
    keys = set(catalogue.texts("en"))
    families = {key.partition(".")[0] for key in keys if "." in key}
    return {name for key in keys for name in catalogue.names(key)} & NO_NOUNS | families & NO_NOUNS


@pytest.mark.parametrize("domain", DOMAINS)
def test_values_and_families_of_texts_are_named_by_nouns(domain: str) -> None:
    assert empty_names(Catalogue(domain)) == set()


@pytest.mark.parametrize("domain", CODE)
def test_every_text_is_asked_for(domain: str) -> None:
    asked = use(*CODE[domain])
    assert {key for key in Catalogue(domain).texts("en") if not asked.has(key)} == set()


class Noted(dict[str, Any]):
    """Texts that note which of them are read."""

    def __init__(self, texts: Any) -> None:
        super().__init__(texts)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)


def names_of(model: type[Any]) -> Iterator[str]:
    for item in fields(model):
        yield item.name
        hint = get_type_hints(model)[item.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield from names_of(hint)


@pytest.mark.parametrize("domain", TYPED)
def test_every_text_has_a_field_that_is_asked_for(domain: str) -> None:
    model = TYPED[domain]
    texts = Noted(Catalogue(domain).texts("en"))
    build_texts(model, texts, **{name: value for name, value in GIVEN.items() if name in model.__dataclass_fields__})
    assert set(texts) == texts.read
    asked = use("node/policy", "node/negotiation/templates")
    # The table of operands names clauses, some two at a time: ``purpose`` for ``purpose_any`` and ``purpose_none``.
    stems = {f"{word}_{end}" for word in asked.words if word.islower() for end in ("any", "none")}
    assert set(names_of(model)) - asked.attributes - asked.words - stems == set()


def test_a_field_without_a_text_is_refused() -> None:
    texts = dict(Catalogue("flow").texts("en"))
    del texts["free"]
    with pytest.raises(KeyError, match="free"):
        build_texts(Texts, texts)


def test_the_portal_asks_for_what_there_is() -> None:
    assert use("node/portal").keys <= set(Catalogue("portal").texts("en"))
    assert len(use("node/portal").keys) > 250


def test_values_fill_names_and_nothing_else() -> None:
    assert fill("{who} sees {what} {missing}", {"who": "{what}", "what": "a.__class__"}) == (
        "{what} sees a.__class__ {missing}"
    )


def test_a_text_that_there_is_not() -> None:
    with pytest.raises(KeyError):
        Catalogue("portal").say("en", "no.such.text")


def in_code(source: str) -> list[int]:
    """The lines of a module with a text in Dutch beside one in French: such texts belong into a catalogue."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Dict)
        and {"nl", "fr"} <= {key.value for key in node.keys if isinstance(key, ast.Constant)}
    ]


def test_no_texts_in_several_languages_are_in_code() -> None:
    modules = [path for folder in ("node", "federation") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(modules) > 500
    assert {path.name: lines for path in modules if (lines := in_code(path.read_text("utf-8")))} == {}


def test_texts_in_code_would_be_found() -> None:
    assert in_code('LOW = {"en": "low", "nl": "laag", "fr": "faible"}') == [1]
    assert in_code('NAME = {"en": "Creative Commons Zero", "nl": "Creative Commons Zero"}') == []
