"""Catalogues of texts: ``catalogues/<domain>/<language>.json``, each key → a sentence with ``{names}``.

A counted text is key → plural form → sentence; the forms are those of CLDR that the language has. All languages of a
domain have the same keys and names, and the code asks for every key: ``tests/unit/texts`` checks both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from node.texts.languages import LANGUAGES, plural, supported_language

Forms = Mapping[str, str]
"""Plural form → sentence."""

FOLDER: Final = Path(__file__).parent / "catalogues"

_NAME: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one domain, such as the portal's, in all languages."""

    domain: str

    def texts(self, language: str) -> Mapping[str, str | Forms]:
        """Return all texts in ``language``, or in English if we have no texts in that language."""
        return _load(self.domain, supported_language(language))

    def knows(self, key: str) -> bool:
        return key in self.texts("en")

    def names(self, key: str, language: str = "en") -> frozenset[str]:
        """Return the names of the values that the text of ``key`` is filled with."""
        text = self.texts(language)[key]
        return frozenset(_NAME.findall(text if isinstance(text, str) else " ".join(text.values())))

    def say(self, language: str, key: str, number: int | Decimal | None = None, /, **values: object) -> str:
        """Return the text of ``key``, filled with ``values``; ``number`` chooses the plural form of a counted text.

        A name without a value stays as it is. Raises ``KeyError`` for an unknown key, so that a test notices.
        """
        text = self.texts(language)[key]
        if not isinstance(text, str):
            text = text.get(plural(supported_language(language), number or 0)) or text["other"]
        return fill(text, values)

    def in_all(self, key: str, /, **values: object) -> dict[str, str]:
        """Return the text of ``key`` in every language: language → text."""
        if not values:
            return dict(_in_all(self, key))
        return {language: self.say(language, key, **values) for language in LANGUAGES}

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``."""
        return (key for key in self.texts("en") if key.startswith(prefix))


def fill(text: str, values: Mapping[str, object]) -> str:
    """Return ``text`` with each ``{name}`` replaced by its value; a name without a value stays."""
    if not values or "{" not in text:
        return text
    # Not str.format: values come from strangers and must not be able to access attributes.
    return _NAME.sub(lambda match: str(values.get(match[1], match[0])), text)


@cache
def _in_all(catalogue: Catalogue, key: str) -> Mapping[str, str]:
    return {language: catalogue.say(language, key) for language in LANGUAGES}


@cache
def _load(domain: str, language: str) -> Mapping[str, str | Forms]:
    loaded: dict[str, str | Forms] = json.loads((FOLDER / domain / f"{language}.json").read_text("utf-8"))
    return loaded
