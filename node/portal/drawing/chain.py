"""The chain of a scenario as a picture: inputs on the left, steps below one another, wires with their roles.

The picture is 440 units wide, so that a phone can show it, and grows downwards. The style sheet sets the colours by
class. A list beside the picture gives the same information.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

WIDTH: Final = 440
_INPUT_X: Final = 4
_INPUT_WIDTH: Final = 108
_INPUT_HEIGHT: Final = 30
_INPUT_GAP: Final = 10
_STEP_X: Final = 168
_STEP_WIDTH: Final = 236
_STEP_HEIGHT: Final = 74
_STEP_GAP: Final = 46
_LINE: Final = 26
"""The number of letters in a line of a box."""
_ROLE: Final = 14
_ARROW: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A step as the picture shows it. ``where`` is the city that runs it, ``remote`` whether this is another city;
    ``wires`` are (role of the used model, role of the template or ``step.output``); ``tone`` colours the box."""

    name: str
    title: str
    word: str
    where: str
    wires: tuple[tuple[str, str], ...]
    remote: bool = False
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    width: int
    height: int
    inside: Markup


def chain(links: Sequence[Link], inputs: Mapping[str, str], *, missing: frozenset[str] = frozenset()) -> Drawing:
    """Return the picture of ``links`` in their order. ``inputs`` maps each role of the template to the asset behind
    it (for the title of its box); ``missing`` are roles that have no asset yet."""
    order = [link.name for link in links]
    first: dict[str, int] = {}
    for place, link in enumerate(links):
        for _, source in link.wires:
            if source in inputs:
                first.setdefault(source, place)
    beside = [[role for role in inputs if first.get(role, 0) == place] for place in range(len(links))] or [[]]
    tops, bottom = _rows([len(roles) for roles in beside])
    boxes: list[Markup] = []
    wires: list[Markup] = []
    spots: dict[str, float] = {}
    for place, roles in enumerate(beside):
        height = len(roles) * (_INPUT_HEIGHT + _INPUT_GAP) - _INPUT_GAP
        y = tops[place] + (_STEP_HEIGHT - height) / 2
        for role in roles:
            spots[role] = y + _INPUT_HEIGHT / 2
            boxes.append(_input(role, inputs[role], y, bare=role in missing))
            y += _INPUT_HEIGHT + _INPUT_GAP
    outside = 0
    for place, link in enumerate(links):
        boxes.append(_step(link, tops[place]))
        outside += _wire(link, place, order, tops, spots, wires, outside)
    return Drawing(width=WIDTH, height=round(bottom), inside=Markup("").join([*wires, *boxes]))


def _rows(counts: Sequence[int]) -> tuple[list[float], float]:
    """Return the top of each step, and the end of the drawing: a step with many inputs needs room beside it."""
    tops, y = [], 6.0
    for count in counts:
        room = max(_STEP_HEIGHT, count * (_INPUT_HEIGHT + _INPUT_GAP) - _INPUT_GAP)
        tops.append(y + (room - _STEP_HEIGHT) / 2)
        y += room + _STEP_GAP
    return tops, y - _STEP_GAP + 6.0


def _wire(
    link: Link,
    place: int,
    order: Sequence[str],
    tops: Sequence[float],
    spots: Mapping[str, float],
    wires: list[Markup],
    outside: int,
) -> int:
    """Draw the wires into a step; return how many wires had to run outside, past other steps."""
    top = tops[place]
    beside = [(role, source) for role, source in link.wires if source in spots]
    sources = [(role, source.partition(".")) for role, source in link.wires if source not in spots]
    for number, (role, source) in enumerate(beside, 1):
        y, end = spots[source], top + _STEP_HEIGHT * number / (len(beside) + 1)
        begin, stop = _INPUT_X + _INPUT_WIDTH, _STEP_X - _ARROW
        bend = (begin + stop) / 2
        label = "" if role == source else role
        wires.append(_line(f"M{begin} {y:.1f}C{bend:g} {y:.1f} {bend:g} {end:.1f} {stop} {end:.1f}"))
        wires.append(_arrow(stop, end, across=True))
        if label:
            wires.append(_label(label, _STEP_X - 10, end - 6, "end"))
    above = [(role, step, output) for role, (step, _, output) in sources if step in order[:place]]
    near = [one for one in above if one[1] == order[place - 1]]
    far = [one for one in above if one not in near]
    for number, (role, _, output) in enumerate(near, 1):
        x = _STEP_X + _STEP_WIDTH * number / (len(near) + 1)
        foot, head = tops[place - 1] + _STEP_HEIGHT, top - _ARROW
        wires.append(_line(f"M{x:.1f} {foot:.1f}L{x:.1f} {head:.1f}"))
        wires.append(_arrow(x, head, across=False))
        wires.append(_label(_both(output, role), x + 8, (foot + head) / 2 + 4, "start"))
    for number, (role, step, output) in enumerate(far, 1):
        foot, head = tops[order.index(step)] + _STEP_HEIGHT / 2, top + _STEP_HEIGHT * number / (len(far) + 1)
        edge, side = _STEP_X + _STEP_WIDTH, min(_STEP_X + _STEP_WIDTH + 10 + 7 * (outside + number), WIDTH - 4)
        wires.append(_line(f"M{edge} {foot:.1f}L{side} {foot:.1f}L{side} {head:.1f}L{edge + _ARROW} {head:.1f}"))
        wires.append(_arrow(edge + _ARROW, head, across=True, back=True))
        wires.append(_label(_both(output, role), edge - 6, head - 6, "end"))
    return len(far)


def _both(output: str, role: str) -> str:
    return role if output == role else f"{output} → {role}"


def _input(role: str, title: str, y: float, *, bare: bool) -> Markup:
    return Markup(
        '<g class="{}"><title>{}</title><rect x="{}" y="{:.1f}" width="{}" height="{}" rx="15"/>'
        '<text x="{}" y="{:.1f}" text-anchor="middle">{}</text></g>'
    ).format(
        "role bare" if bare else "role",
        f"{role}: {title}" if title else role,
        _INPUT_X,
        y,
        _INPUT_WIDTH,
        _INPUT_HEIGHT,
        _INPUT_X + _INPUT_WIDTH // 2,
        y + _INPUT_HEIGHT / 2 + 4.5,
        cut(role, _ROLE),
    )


def _step(link: Link, top: float) -> Markup:
    lines = _lines(link.title)
    first = top + (24 if len(lines) == 1 else 20)
    middle = _STEP_X + _STEP_WIDTH / 2
    summary = Markup("").join(
        Markup('<text class="title" x="{:g}" y="{:.1f}" text-anchor="middle">{}</text>').format(
            middle, first + 16 * number, line
        )
        for number, line in enumerate(lines)
    )
    classes = " ".join(["step", *(["remote"] if link.remote else []), *([link.tone] if link.tone else [])])
    return Markup(
        '<g class="{}"><title>{}</title><rect x="{}" y="{:.1f}" width="{}" height="{}" rx="6"/>{}'
        '<text class="where" x="{:g}" y="{:.1f}" text-anchor="middle">{}</text></g>'
    ).format(
        classes,
        ", ".join(part for part in (link.title, link.word, link.where) if part),
        _STEP_X,
        top,
        _STEP_WIDTH,
        _STEP_HEIGHT,
        summary,
        middle,
        top + _STEP_HEIGHT - 14,
        " · ".join(part for part in (link.word, cut(link.where, 20)) if part),
    )


def _lines(title: str) -> list[str]:
    """Return a title in at most two lines, broken between words if there are any."""
    if len(title) <= _LINE:
        return [title]
    break_at = title.rfind(" ", 0, _LINE + 1)
    head, tail = (title[:break_at], title[break_at + 1 :]) if break_at > 0 else (title[:_LINE], title[_LINE:])
    return [head, cut(tail, _LINE)]


def cut(text: str, most: int) -> str:
    """Return the text with at most so many letters; a longer one ends with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _line(data: str) -> Markup:
    return Markup('<path class="wire" d="{}"/>').format(data)


def _arrow(x: float, y: float, *, across: bool, back: bool = False) -> Markup:
    tip = -_ARROW if back else _ARROW
    if across:
        return Markup('<path class="tip" d="M{:.1f} {:.1f}m0 -4.5l{} 4.5l{} 4.5z"/>').format(x, y, tip, -tip)
    return Markup('<path class="tip" d="M{:.1f} {:.1f}m-4.5 0l4.5 {}l4.5 {}z"/>').format(x, y, tip, -tip)


def _label(text: str, x: float, y: float, anchor: str) -> Markup:
    return Markup('<text class="wire-label" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, cut(text, 22)
    )
