"""Findings, caveats and refusals in the reader's language: a text for each code, filled with the facts of the case.

The sentence that comes with a code is in English, for the API and the terminal. A text for the code replaces it here
(``problem.<code>``, or ``problem.<code>.<case>`` if a code has several sentences; the remedy is under ``remedy.``) if
the facts have every value that the text needs; else the English sentence stays. Codes and facts may come from another
city's node: they choose among our texts and fill them, and can do no more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from node.portal.languages import Speaker
from node.scenarios.tables import places, units
from node.semantics.harvest.refusals import reason_in
from node.texts.languages import FALLBACK, pick

LONGEST: Final = 300
"""The most characters of a value."""

_MOST: Final = 20
"""The most values of a list."""

_UNITS: Final = ("unit", "haveUnit", "needUnit")
_STEPS: Final = ("haveStep", "needStep")
_AREAS: Final = ("area", "haveArea", "needArea")
_AMOUNTS: Final = ("minimum", "maximum", "lowest", "highest")
"""Figures in the unit of the fact ``unit``."""
_VALUES: Final = ("seen", "now", "wanted")
"""Values of cells, which may be empty."""

_NOUNS: Final = {"seen": "before", "wanted": "expected", "came": "actual"}
"""Facts that have another name in texts: runs, layers and other nodes have them under the first name."""

_FURTHER: Final = ("columns", "examples", "more")
"""Facts that are shown after the sentence, in words of their own, if there are any."""

_AS: Final[Mapping[str, str]] = {
    "remedy.unknown-role": "remedy.known",
    "remedy.unknown-step": "remedy.known",
    "remedy.no-such-input": "remedy.known",
    "remedy.unknown-parameter": "remedy.known",
    "remedy.quantity-kind": "remedy.unit-dimension",
    "remedy.not-allowed.ended": "remedy.not-allowed.no-agreement",
    "remedy.model-failed.no-answer": "remedy.model-failed.ended-itself",
    "remedy.does-not-fit.there": "remedy.does-not-fit.changed",
    "remedy.does-not-fit.gone": "remedy.does-not-fit.changed",
    "remedy.does-not-fit.unmultiplied": "remedy.does-not-fit.changed",
    "remedy.does-not-fit.no-member": "remedy.does-not-fit.changed",
    "remedy.does-not-fit.no-figure": "remedy.does-not-fit.changed",
    "remedy.not-found.window-not-kept": "remedy.gone.window-not-kept",
    "remedy.not-found.window-partly-kept": "remedy.gone.window-not-kept",
    "remedy.gone.window-partly-kept": "remedy.gone.window-not-kept",
    "remedy.overloaded.processor": "remedy.overloaded.time",
    "remedy.overloaded.depth": "remedy.model-failed.no-rows",
    "remedy.overloaded.progress": "remedy.model-failed.no-rows",
}
"""Codes that share a remedy."""


class ProblemWords(NamedTuple):
    """The problem and the remedy. ``lang`` and ``remedy_lang`` are their languages if they are not the page's."""

    text: str
    lang: str
    remedy: str
    remedy_lang: str


def explain_problem(
    speaker: Speaker,
    code: str,
    sentence: str,
    remedy: str = "",
    facts: Mapping[str, Any] | None = None,
    transformations: Sequence[str] = (),
) -> ProblemWords:
    """Return the text for ``code`` and ``facts``, for a reader; ``sentence`` and ``remedy`` if there is no such text.

    ``transformations`` are those that would remedy the problem.
    """
    facts = facts or {}
    foreign = FALLBACK if speaker.language != FALLBACK else ""
    stops = _stops(facts.get("findings"))
    if stops:
        first = _of_json(speaker, stops[0])
        sentence_of_all = _fill(
            speaker, ["problem.does-not-fit.many"], {"stops": str(len(stops)), "first": first.text}
        )
        if len(stops) == 1 or not sentence_of_all:
            return first
        # A text that mixes two languages is in neither.
        return first._replace(text=sentence if first.lang else sentence_of_all)
    case = str(facts.get("case") or facts.get("limit") or "")
    values = _values(speaker, facts)
    text = _fill(speaker, _keys("problem", code, case), values)
    if text:
        text = " ".join([text, *_further(speaker, facts, values)])
    between = {"between": ", ".join(one.rpartition("/")[2] for one in transformations)} if transformations else {}
    advice = ""
    if remedy:
        keys = ["remedy.between"] if transformations else _keys("remedy", code, case)
        advice = _fill(speaker, keys, {**values, **between})
    if not text and (reason := reason_in(speaker.language, facts)) is not None:
        text, advice = reason[0], advice or reason[1]
    return ProblemWords(
        text or sentence, "" if text else foreign, advice or remedy, foreign if remedy and not advice else ""
    )


def _stops(findings: Any) -> list[Mapping[str, Any]]:
    """Return the findings behind a refusal."""
    many = [finding for finding in findings if isinstance(finding, Mapping)] if isinstance(findings, list) else []
    return [one for one in many if one.get("severity") == "violation"]


def _of_json(speaker: Speaker, body: Mapping[str, Any]) -> ProblemWords:
    facts, fitting = body.get("facts"), body.get("transformations", body.get("mends"))  # its former name
    facts_without_findings = (
        {name: value for name, value in facts.items() if name != "findings"} if isinstance(facts, Mapping) else {}
    )
    between = [name for name in fitting if isinstance(name, str)] if isinstance(fitting, list) else []
    code, sentence, remedy = (str(body.get(name, "")) for name in ("code", "sentence", "remedy"))
    return explain_problem(speaker, code, sentence, remedy, facts_without_findings, between)


def _keys(family: str, code: str, case: str) -> Iterator[str]:
    """Yield the keys of texts that may fit, the most specific first."""
    for key in [f"{family}.{code}.{case}", f"{family}.{code}"] if case else [f"{family}.{code}"]:
        yield _AS.get(key, key)
    if case and family == "problem":
        yield f"{family}.{case}"


def _fill(speaker: Speaker, keys: Iterator[str] | Sequence[str], values: Mapping[str, str]) -> str:
    for key in keys:
        if speaker.knows(key) and speaker.asks(key) <= values.keys():
            return speaker.say(key, **values)
    return ""


def _further(speaker: Speaker, facts: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    for name in _FURTHER:
        if facts.get(name) and name in values:
            yield speaker.say(f"problem.{name}", **{name: values[name]})


def _values(speaker: Speaker, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts as text, without empty ones."""
    unit = units.words(facts["unit"]) if isinstance(facts.get("unit"), str) else ""
    texts = {}
    for name, value in facts.items():
        text = _display_text(speaker, name, value)
        if text:
            texts[_NOUNS.get(name, name)] = f"{text}\u00a0{unit}" if unit and name in _AMOUNTS else text
    bounds = _bounds(speaker, facts.get("minimum"), facts.get("maximum"))
    if bounds:
        texts["bounds"] = f"{bounds}\u00a0{unit}" if unit else bounds
    return {name: text[:LONGEST] for name, text in texts.items()}


def _display_text(speaker: Speaker, name: str, value: Any) -> str:
    if value is None:
        return speaker.say("problem.empty") if name in _VALUES else ""
    if isinstance(value, bool):
        return speaker.say("yes" if value else "no")
    if isinstance(value, int | float):
        return _number(speaker, value)
    if isinstance(value, str):
        if name in _UNITS:
            return units.words(value) or "1"
        return speaker.duration(value) if name in _STEPS else value
    if isinstance(value, Mapping):
        # A language map; other objects have no words.
        texts = {tag: text for tag, text in value.items() if isinstance(tag, str) and isinstance(text, str)}
        return pick(texts, speaker.language)[0] if len(texts) == len(value) else ""
    if isinstance(value, list | tuple):
        if name in _AREAS:
            return _area(value)
        return ", ".join(filter(None, (_display_text(speaker, name, item) for item in value[:_MOST])))
    return ""


def _number(speaker: Speaker, value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    # Three decimals hide small figures.
    small = value != 0 and abs(value) < 0.01
    return f"{value:.3g}" if small else speaker.number(value)


def _area(value: Sequence[Any]) -> str:
    if len(value) != 4 or not all(isinstance(item, int | float) for item in value):
        return ""
    west, south, east, north = value
    return places.words((west, south, east, north))


def _bounds(speaker: Speaker, low: Any, high: Any) -> str:
    ends = [_number(speaker, one) if isinstance(one, int | float) else "" for one in (low, high)]
    if all(ends):
        return "–".join(ends)
    return f"≥ {ends[0]}" if ends[0] else f"≤ {ends[1]}" if ends[1] else ""
