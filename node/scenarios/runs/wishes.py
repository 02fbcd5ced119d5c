"""Requests to publish a result: its name, title and conditions, and the publisher's words for its story."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.run_model import Run
from node.scenarios.stories.model import Story, StoryWords
from node.scenarios.stories.words import figure_of, read_words
from node.texts.catalogue import Catalogue
from node.texts.languages import LANGUAGES

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")

_SCENARIOS: Final = Catalogue("scenarios")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The request to publish a result. Without ``conditions``: under those that its inputs demand."""

    id: str
    titles: Mapping[str, str]
    conditions: Mapping[str, Any] | str | None = None
    words: StoryWords = field(default_factory=StoryWords)
    figure: str = ""
    """The figure on the map of the story."""


UNTAGGED: Final = ""
"""The tag of a title without one: publishing gives it the main language of the node."""


def wish_of(body: Mapping[str, Any]) -> Wish:
    """Read a request to publish. Raises ``InvalidInput``."""
    name = body.get("id")
    if not isinstance(name, str) or not name:
        raise InvalidInput("the result has no name", remedy="give id: the end of its address, such as bridge-closed")
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:80]!r} cannot be the end of an address",
            remedy="give letters, digits, hyphens, dots: such as bridge-closed",
        )
    titles = body.get("titles") or ({UNTAGGED: body["title"]} if body.get("title") else {})
    conditions = body.get("conditions")
    if not isinstance(titles, Mapping) or not isinstance(conditions, str | Mapping | None):
        raise InvalidInput(
            "titles is an object, conditions the name of a template or an offer",
            remedy='send titles such as {"en": "Bridge closed"}, and conditions such as "open"',
        )
    story = body.get("story")
    return Wish(
        id=name,
        titles={str(tag): str(text) for tag, text in titles.items()},
        conditions=conditions,
        words=read_words(story),
        figure=figure_of(story),
    )


def default_titles(run: Run, story: Story) -> dict[str, str]:
    """Return the title of a result that was published without a title; it differs from the scenario's own. Raises
    ``InvalidInput`` if not everybody may know the scenario."""
    if not story.scenario.is_public:
        raise InvalidInput(
            "the result needs a title of its own: its scenario is not public",
            remedy="give a title that everybody may read",
            facts={"case": "untitled-result"},
        )
    return {
        tag: _SCENARIOS.say(tag, "result-title", title=title) if tag in LANGUAGES else title
        for tag, title in run.template.titles.items()
    }
