"""The words of policies, one module a language. A missing phrase does not type-check."""

from __future__ import annotations

from typing import Final

from node.policy.phrases.cs import CZECH
from node.policy.phrases.de import GERMAN
from node.policy.phrases.en import ENGLISH
from node.policy.phrases.fr import FRENCH
from node.policy.phrases.model import Phrases
from node.policy.phrases.nl import DUTCH

LANGUAGES: Final = ("en", "nl", "cs", "fr", "de")

_BY_LANGUAGE: Final[dict[str, Phrases]] = {
    phrases.language: phrases for phrases in (ENGLISH, DUTCH, CZECH, FRENCH, GERMAN)
}


def phrases(language: str) -> Phrases:
    """The phrases of a language tag (``nl-BE`` reads as ``nl``); English where we do not speak it."""
    return _BY_LANGUAGE.get(language.partition("-")[0].lower(), ENGLISH)
