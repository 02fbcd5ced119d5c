"""The words of policies: the catalogue ``policy`` as a table of phrases for each language.

They become part of signed documents, which any node must be able to render again to check them. Therefore the
calendar and the decimal sign stand in the catalogue too, and do not follow later editions of CLDR (decision 0022).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Final

from node.policy import terms
from node.policy.phrases.model import Phrases
from node.texts.catalogue import Catalogue
from node.texts.languages import plural, supported_language
from node.texts.text_classes import build_texts

POLICY: Final = Catalogue("policy")

_ACTIONS: Final = {
    "use": terms.USE,
    "read": terms.READ,
    "execute": terms.EXECUTE,
    "reproduce": terms.REPRODUCE,
    "distribute": terms.DISTRIBUTE,
    "modify": terms.MODIFY,
    "derive": terms.DERIVE,
    "transfer": terms.TRANSFER,
    "commercial": terms.COMMERCIAL_USE,
}
"""The catalogue's names of the actions that have sentences of their own."""

_ASSETS: Final = {"": "asset", "dataset": "dataset", "service": "service", "model": "model"}
"""Kind → its name in the catalogue."""


def phrases(language: str) -> Phrases:
    """Return the phrases of a language tag (``nl-BE`` reads as ``nl``); English for an unsupported language."""
    return _phrases(supported_language(language))


@cache
def _phrases(language: str) -> Phrases:
    texts = POLICY.texts(language)
    table = build_texts(
        Phrases,
        texts,
        language=language,
        plural=lambda number: _form(language, number),
        months=tuple(str(texts["months"]).split()),
        assets={
            kind: (str(texts[f"assets.{name}"]), str(texts[f"assets.{name}.of"])) for kind, name in _ASSETS.items()
        },
    )
    return replace(
        table,
        may=_by_action(table.may),
        must_not=_by_action(table.must_not),
        brief=replace(table.brief, verbs=_by_action(table.brief.verbs)),
    )


def _by_action(sentences: dict[str, str]) -> dict[str, str]:
    return {_ACTIONS[name]: sentence for name, sentence in sentences.items()}


def _form(language: str, number: Decimal) -> str:
    # Written as a whole number, 1.0 is one as well.
    return plural(language, int(number) if number == number.to_integral_value() else number)
