"""The losses of a conversion, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.texts.catalogue import Catalogue

_TEXTS: Final = Catalogue("transfer")
_SHOWN: Final = 8


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
