"""The reasons why a process was refused or ended, as its page shows them: from either side, in any form.

A reason of a DSP message (``reason``, DSP 2025-1 §8, §10) may be anything. This node sends the rules that were not
met (``node.policy.model.Reason``); other connectors send sentences, language maps, or forms of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from node.base.clock import moment

LONGEST: Final = 2000
"""The most characters shown of each text: the peer may have written it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """``text`` and ``remedy``: language tag → sentence, with an empty tag for an unknown language; ``need`` and
    ``have`` are the required and the existing value, and ``since`` is when the fact ended."""

    text: dict[str, str]
    need: str = ""
    have: str = ""
    since: datetime | None = None
    remedy: dict[str, str] = field(default_factory=dict)


def whys(reasons: Iterable[Any]) -> list[Why]:
    """Return those of ``reasons`` that have content."""
    return [why for why in map(_why, reasons) if why.text or why.remedy]


def _why(reason: Any) -> Why:
    if not isinstance(reason, Mapping):
        return Why(text=_translations(reason))
    if isinstance(reason.get("@value"), str):
        return Why(text={str(reason.get("@language", "")): reason["@value"][:LONGEST]})
    unmet = reason.get("met") is not True
    return Why(
        text=_translations(reason.get("text")) or (_translations(reason) if "remedy" not in reason else {}),
        need=_short(reason.get("need")) if unmet else "",
        have=_short(reason.get("have")) if unmet else "",
        since=_moment(reason.get("since")),
        remedy=_translations(reason.get("remedy")),
    )


def _translations(text: Any) -> dict[str, str]:
    """Return a sentence or a language map as a language map; empty for anything else."""
    if isinstance(text, str):
        return {"": text[:LONGEST]} if text else {}
    if isinstance(text, Mapping):
        return {str(tag): said[:LONGEST] for tag, said in text.items() if isinstance(said, str)}
    return {}


def _short(text: Any) -> str:
    return text[:LONGEST] if isinstance(text, str) else ""


def _moment(text: Any) -> datetime | None:
    try:
        return moment(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None
