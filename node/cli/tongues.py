"""The language of a city: said, asked, or told by the locale; never taken in silence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import typer

from node.base.errors import InvalidInput

ENGLISH: Final = "en"
_TAG: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}")
_LOCALES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""In the order in which they count (POSIX, 8.2)."""


def choose(names: Sequence[str], environment: Mapping[str, str], *, asks: bool) -> tuple[list[str], str]:
    """The languages of a new node, the main one first, and where that comes from, in words.

    ``names`` are those of ``--language``: tags, or names of languages. Without them a person at the terminal is asked
    (``asks``), and else the locale tells. Raises ``InvalidInput`` for what is no language.
    """
    if names:
        return [tag_of(one) for one in names], "as requested"
    language, source = of_locale(environment)
    if asks:
        answer = typer.prompt("the language of your titles and documents (nl, fr, cs …)", default=language, err=True)
        return [tag_of(str(answer))], "texts without a language are tagged with it"
    return [language], f"{source}; to change it: languages in hansa.toml, or hansa init --language"


def of_locale(environment: Mapping[str, str]) -> tuple[str, str]:
    """The language of the locale, and where it stands; English where the locale names none."""
    name = next((locale for locale in _LOCALES if environment.get(locale)), "")
    language = re.split(r"[_.@]", environment.get(name, ""))[0].lower()
    if _TAG.fullmatch(language) and language not in ("c", "posix"):
        return language, f"from {name}={environment[name]}"
    return ENGLISH, "the locale names no language"


def tag_of(text: str) -> str:
    """The tag (BCP 47) that a person means: ``nl``, ``nl_BE``, ``Dutch``, ``Nederlands``."""
    from node.semantics.codelists.languages import LANGUAGES

    code = LANGUAGES.find(text)
    tag = code.code if code else text.strip().replace("_", "-").lower()
    if not _TAG.fullmatch(tag):
        raise InvalidInput(f"{text[:40]!r} is not a language", remedy="write its tag, such as nl, fr or cs")
    return tag
