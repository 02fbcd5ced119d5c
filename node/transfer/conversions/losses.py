"""The losses of a conversion, and the columns that it conceals, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.policy.figures import concealment_text, group_values
from node.policy.phrases import phrases
from node.texts.catalogue import Catalogue

_TEXTS: Final = Catalogue("transfer")
_SHOWN: Final = 8
_LONGEST: Final = 300


def loss_sentences(conversion: Mapping[str, Any], language: str) -> Sequence[str]:
    """Return what a converted file cannot say as its source did, a sentence for each; without losses of a later
    release, for which this one has no words."""
    sentences = []
    for loss in conversion.get("losses", ()):
        key = f"loss.{loss['code']}"
        if not _TEXTS.knows(key):
            continue
        about = [str(name) for name in loss.get("about", ())]
        rest = f" … (+{len(about) - _SHOWN})" if len(about) > _SHOWN else ""
        values = {"names": ", ".join(about[:_SHOWN]) + rest}
        if len(about) == 2:
            values |= {"first": about[0], "second": about[1]}
        sentences.append(_TEXTS.say(language, key, **values))
    return sentences


def concealment_sentences(conversion: Mapping[str, Any], language: str) -> Sequence[str]:
    """Return which columns of a converted file have another form than in its source, and which groups are left out;
    nothing for what is no text, as another node has written it."""
    words, sentences = phrases(language), []
    stated = conversion.get("concealed")
    forms = [text for text in stated if isinstance(text, str)] if isinstance(stated, list) else []
    if forms:
        texts = [concealment_text(text[:_LONGEST], words) for text in forms[:_SHOWN]]
        rest = f" … (+{len(forms) - _SHOWN})" if len(forms) > _SHOWN else ""
        sentences.append(_TEXTS.say(language, "concealed", columns=", ".join(texts) + rest))
    if isinstance(group := conversion.get("smallestGroup"), str):
        size, columns = group_values(group[:_LONGEST], words)
        sentences.append(_TEXTS.say(language, "smallest-group", size=size, columns=columns))
    return sentences
