"""A story as JSON: the form in which the record of a result states it, signed with it.

Reading takes what has the expected form and leaves out the rest: the record may be another node's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from node.base.clock import moment, stamp
from node.scenarios.model import Texts
from node.scenarios.run_model import Caveat
from node.scenarios.stories.model import (
    MapAbsence,
    Remark,
    Story,
    StoryEdit,
    StoryIndicator,
    StoryLayer,
    StoryMap,
    StoryParameter,
    StoryWords,
    Subject,
    UsedAsset,
)

T = TypeVar("T")

FORM: Final = 1
"""The number of this form of stories."""

LONGEST: Final = 20_000
"""Characters of a text."""
MOST: Final = 200
"""Members of a list."""
_LANGUAGES: Final = 40


def story_text(story: Story) -> str:
    """Return a story as the text of a JSON object."""
    return json.dumps(story_json(story), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def story_json(story: Story) -> dict[str, Any]:
    """Return a story as a JSON object; members without a value are left out."""
    words = {
        "title": dict(story.words.titles),
        "introduction": dict(story.words.introductions),
        "caveat": dict(story.words.caveats),
    }
    return {
        "form": FORM,
        **_without_blanks(
            {
                "words": _without_blanks(words),
                "scenario": asset_json(story.scenario),
                "goal": dict(story.goal),
                "assets": [asset_json(asset) for asset in story.assets],
                "layers": [_layer_json(layer) for layer in story.layers],
                "parameters": [_parameter_json(parameter) for parameter in story.parameters],
                "indicators": [indicator_json(indicator) for indicator in story.indicators],
                "caveats": [
                    _without_blanks({"code": c.code, "sentence": c.sentence, "step": c.step, "facts": dict(c.facts)})
                    for c in story.caveats
                ],
                "map": _map_json(story.map) if story.map else {},
                "begun": stamp(story.begun) if story.begun else "",
                "ended": stamp(story.ended) if story.ended else "",
                "node": story.node,
                "run": story.run,
            }
        ),
        **({} if story.map else {"mapAbsence": str(story.map_absence)}),
        "figures": story.has_figures,
        **({} if story.is_repeatable is None else {"repeatable": story.is_repeatable}),
    }


def asset_json(asset: UsedAsset) -> dict[str, Any]:
    """Return an asset that a run used."""
    return _without_blanks(
        {
            "kind": asset.kind,
            "iri": asset.iri,
            "version": asset.version,
            "titles": dict(asset.titles),
            "purpose": dict(asset.purpose),
            "node": asset.node,
            "owner": asset.owner,
            "licences": list(asset.licences),
            "remarks": [{"subject": str(one.subject), "texts": dict(one.texts)} for one in asset.remarks],
            "release": asset.release,
            "inPlace": asset.in_place,
            "window": asset.window,
            "count": asset.count,
        }
    )


def indicator_json(indicator: StoryIndicator) -> dict[str, Any]:
    """Return an indicator; ``before`` is null if nothing was changed."""
    return {
        "name": indicator.name,
        "before": indicator.before,
        "after": indicator.after,
        **_without_blanks({"titles": dict(indicator.titles), "unit": indicator.unit, "better": indicator.better}),
        **({} if indicator.decimals is None else {"decimals": indicator.decimals}),
        **({} if indicator.target is None else {"target": indicator.target}),
    }


def _layer_json(layer: StoryLayer) -> dict[str, Any]:
    return _without_blanks(
        {
            "title": layer.title,
            "reason": layer.reason,
            "target": layer.target,
            "counts": dict(layer.counts),
            "edits": [
                {"op": one.op, "id": one.id, "column": one.column, "before": one.before, "after": one.after}
                for one in layer.edits
            ],
        }
    )


def _parameter_json(parameter: StoryParameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "value": parameter.value,
        "default": parameter.default,
        **_without_blanks({"unit": parameter.unit, "descriptions": dict(parameter.descriptions)}),
    }


def _map_json(story_map: StoryMap) -> dict[str, Any]:
    return {
        "column": story_map.column,
        **_without_blanks(
            {"descriptions": dict(story_map.descriptions), "unit": story_map.unit, "together": story_map.together}
        ),
        **({} if story_map.decimals is None else {"decimals": story_map.decimals}),
    }


def _without_blanks(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in ("", 0, None, {}, [], False)}


# ---- reading --------------------------------------------------------------------------------------------------


def read_story(members: object) -> Story | None:
    """Return the story in a JSON value; None if it has another form."""
    if not isinstance(members, Mapping) or members.get("form") != FORM:
        return None
    words = _object(members, "words")
    absence = _text(members, "mapAbsence")
    repeatable = members.get("repeatable")
    return Story(
        words=StoryWords(
            titles=_texts(words, "title"),
            introductions=_texts(words, "introduction"),
            caveats=_texts(words, "caveat"),
        ),
        scenario=_read_asset(_object(members, "scenario")),
        goal=_texts(members, "goal"),
        assets=_list(members, "assets", _read_asset),
        layers=_list(members, "layers", _read_layer),
        parameters=_list(members, "parameters", _read_parameter),
        indicators=_list(members, "indicators", _read_indicator),
        caveats=_list(members, "caveats", _read_caveat),
        map=_read_map(_object(members, "map")),
        map_absence=absence if absence in set(MapAbsence) else MapAbsence.UNKNOWN,
        has_figures=members.get("figures") is True,
        is_repeatable=repeatable if isinstance(repeatable, bool) else None,
        begun=_moment(members, "begun"),
        ended=_moment(members, "ended"),
        node=_text(members, "node"),
        run=_text(members, "run"),
    )


def _read_asset(members: Mapping[str, Any]) -> UsedAsset:
    iri = _text(members, "iri")
    kind = _text(members, "kind")
    if not iri:
        return UsedAsset(kind=kind)
    licences = members.get("licences")
    return UsedAsset(
        kind=kind,
        iri=iri,
        version=_count(members, "version"),
        titles=_texts(members, "titles"),
        purpose=_texts(members, "purpose"),
        node=_text(members, "node"),
        owner=_text(members, "owner"),
        licences=tuple(one for one in licences if isinstance(one, str)) if isinstance(licences, list) else (),
        remarks=_list(members, "remarks", _read_remark),
        release=_text(members, "release"),
        in_place=members.get("inPlace") is True,
        window=_text(members, "window"),
        count=_count(members, "count"),
    )


def _read_remark(members: Mapping[str, Any]) -> Remark | None:
    subject, texts = _text(members, "subject"), _texts(members, "texts")
    return Remark(subject=Subject(subject), texts=texts) if subject in set(Subject) and texts else None


def _read_layer(members: Mapping[str, Any]) -> StoryLayer:
    counts = _object(members, "counts")
    return StoryLayer(
        title=_text(members, "title"),
        reason=_text(members, "reason"),
        target=_text(members, "target"),
        counts={op: _count(counts, op) for op in ("update", "add", "remove") if _count(counts, op)},
        edits=_list(members, "edits", _read_edit),
    )


def _read_edit(members: Mapping[str, Any]) -> StoryEdit:
    return StoryEdit(
        op=_text(members, "op"),
        id=_text(members, "id"),
        column=_text(members, "column"),
        before=_cell(members.get("before")),
        after=_cell(members.get("after")),
    )


def _read_parameter(members: Mapping[str, Any]) -> StoryParameter:
    return StoryParameter(
        name=_text(members, "name"),
        value=_cell(members.get("value")),
        default=_cell(members.get("default")),
        unit=_text(members, "unit"),
        descriptions=_texts(members, "descriptions"),
    )


def _read_indicator(members: Mapping[str, Any]) -> StoryIndicator | None:
    name, after = _text(members, "name"), figure_in(members, "after")
    if not name or after is None:
        return None
    return StoryIndicator(
        name=name,
        before=figure_in(members, "before"),
        after=after,
        titles=_texts(members, "titles"),
        unit=_text(members, "unit"),
        better=_text(members, "better"),
        decimals=_decimals(members),
        target=figure_in(members, "target"),
    )


def _read_caveat(members: Mapping[str, Any]) -> Caveat | None:
    code = _text(members, "code")
    facts = _object(members, "facts")
    return (
        Caveat(code=code, sentence=_text(members, "sentence"), step=_text(members, "step"), facts=facts)
        if code
        else None
    )


def _read_map(members: Mapping[str, Any]) -> StoryMap | None:
    column, together = _text(members, "column"), _text(members, "together")
    if not column:
        return None
    return StoryMap(
        column=column,
        descriptions=_texts(members, "descriptions"),
        unit=_text(members, "unit"),
        decimals=_decimals(members),
        together=together if together in ("sum", "mean", "energy") else "",
    )


def figure_in(members: Mapping[str, Any], name: str) -> float | None:
    """Return the finite number that ``members`` has under ``name``; None for anything else."""
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    return value[:LONGEST] if isinstance(value, str) else ""


def _texts(members: Mapping[str, Any], name: str) -> Texts:
    value = members.get(name)
    if not isinstance(value, Mapping):
        return {}
    texts = [(str(tag), text[:LONGEST]) for tag, text in value.items() if isinstance(text, str) and text]
    return dict(texts[:_LANGUAGES])


def _object(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = members.get(name)
    return value if isinstance(value, Mapping) else {}


def _list(members: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], T | None]) -> tuple[T, ...]:
    value = members.get(name)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    values = [read(member) for member in value[:MOST] if isinstance(member, Mapping)]
    return tuple(one for one in values if one is not None)


def _count(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53 else 0


def _decimals(members: Mapping[str, Any]) -> int | None:
    value = members.get("decimals")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 15 else None


def _cell(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value if isinstance(value, bool | int | float) else None


def _moment(members: Mapping[str, Any], name: str) -> datetime | None:
    try:
        return moment(_text(members, name))
    except ValueError:
        return None
