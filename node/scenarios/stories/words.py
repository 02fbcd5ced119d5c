"""The words of a publisher for a story, as a request gives them: a title, an introduction, a caveat, by language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.model import Texts
from node.scenarios.stories.model import StoryWords

LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 4_000

MEMBERS: Final = ("title", "introduction", "caveat")
FIGURE: Final = "figure"
"""The member that names the figure on the map: ``noise.levels:Lden``."""

_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def read_words(story: object) -> StoryWords:
    """Read the words in a request to publish: ``{title, introduction, caveat}``, each an object of texts by language.

    Raises ``InvalidInput``, which names the member that cannot be used.
    """
    if story is None:
        return StoryWords()
    if not isinstance(story, Mapping):
        raise _bad("story", "is not an object")
    if unknown := sorted(str(name) for name in story if name not in (*MEMBERS, FIGURE)):
        raise _bad(f"story.{unknown[0][:40]}", "is not known")
    return StoryWords(
        titles=_texts(story, "title", LONGEST_TITLE),
        introductions=_texts(story, "introduction", LONGEST_TEXT),
        caveats=_texts(story, "caveat", LONGEST_TEXT),
    )


def figure_of(story: object) -> str:
    """Return the name of the figure that the map is asked to show; empty for the first. Raises ``InvalidInput``."""
    name = story.get(FIGURE, "") if isinstance(story, Mapping) else ""
    if not isinstance(name, str):
        raise _bad(f"story.{FIGURE}", "is not a text")
    return name


def _texts(story: Mapping[str, Any], name: str, longest: int) -> Texts:
    members = story.get(name) or {}
    if not isinstance(members, Mapping):
        raise _bad(f"story.{name}", "is not an object of texts by language")
    texts = {}
    for tag, text in members.items():
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            raise _bad(f"story.{name}", f"has {str(tag)[:20]!r}, which is not the tag of a language")
        if not isinstance(text, str):
            raise _bad(f"story.{name}.{tag}", "is not a text")
        plain = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
        if len(plain) > longest:
            raise _bad(f"story.{name}.{tag}", f"has {len(plain)} characters; at most {longest} are kept")
        if plain:
            texts[tag] = plain
    return texts


def _bad(place: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{place} {why}",
        remedy='write texts by language, such as {"title": {"en": "What if the bridge closed?"}}; '
        "members are title, introduction, caveat and figure",
        facts={"field": place},
    )
