"""The language of a city: from an option, a question or the locale; the choice is always shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import typer

from node.base.errors import InvalidInput

ENGLISH: Final = "en"
_TAG: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}")
_LOCALES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The variables of the locale in their order of precedence (POSIX, 8.2)."""


def choose(names: Sequence[str], environment: Mapping[str, str], *, asks: bool) -> tuple[list[str], str]:
    """Return the languages of a new node, the main one first, and their source in words.

    ``names`` are the values of ``--language``: tags, or names of languages. Without them, a person at the terminal is
    asked (``asks``), or else the locale is used. Raises ``InvalidInput`` for a text that is not a language.
    """
    if names:
        return [tag_of(one) for one in names], "as requested"
    language, source = of_locale(environment)
    if asks:
        answer = typer.prompt("the language of your titles and documents (nl, fr, cs …)", default=language, err=True)
        return [tag_of(str(answer))], "texts without a language are tagged with it"
    return [language], f"{source}; to change it: languages in hansa.toml, or hansa init --language"


def of_locale(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the language of the locale, and its source; English if the locale names none."""
    name = next((locale for locale in _LOCALES if environment.get(locale)), "")
    language = re.split(r"[_.@]", environment.get(name, ""))[0].lower()
    if _TAG.fullmatch(language) and language not in ("c", "posix"):
        return language, f"from {name}={environment[name]}"
    return ENGLISH, "the locale names no language"


def tag_of(text: str) -> str:
    """Return the tag (BCP 47) for a text of a person: ``nl``, ``nl_BE``, ``Dutch``, ``Nederlands``."""
    from node.semantics.codelists.languages import LANGUAGES

    code = LANGUAGES.find(text)
    tag = code.code if code else text.strip().replace("_", "-").lower()
    if not _TAG.fullmatch(tag):
        raise InvalidInput(f"{text[:40]!r} is not a language", remedy="write its tag, such as nl, fr or cs")
    return tag
