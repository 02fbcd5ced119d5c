"""Figures of groups as bars: lying ones beside the rows of a table, standing ones along time.

Lengths and places are attributes of SVG, since the content security policy allows no style in a page. The drawings
say nothing that the table beside them does not: readers who do not see them lose nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

LENGTH: Final = 300
_THICKNESS: Final = 14
WIDTH: Final = 720
HEIGHT: Final = 200
_EDGE: Final = 2


def bar(figure: float | None, figures: Sequence[float | None]) -> Markup:
    """Return the bar of ``figure`` on the common scale of ``figures``, which begins at zero or below it."""
    low, span = _scale(figures)
    zero = _share(0.0, low, span) * LENGTH
    end = zero if figure is None else _share(figure, low, span) * LENGTH
    return Markup(
        '<svg class="bar" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="{}" x="{:.1f}" y="1" width="{:.1f}" height="{}"/></svg>'
    ).format(LENGTH, _THICKNESS, _tone(figure), min(zero, end), max(abs(end - zero), 0.5), _THICKNESS - 2)


def columns(groups: Sequence[tuple[str, float | None]], *, label: str) -> Markup:
    """Return a chart of ``groups``, in their order, from left to right. ``label`` describes it to those who do not
    see it; the ends of its scale stand beside it, so that they are as large as other text on every screen."""
    figures = [figure for _, figure in groups]
    lowest, span = _scale(figures)
    depth = HEIGHT - 2 * _EDGE

    def y(figure: float) -> float:
        return _EDGE + depth * (1 - _share(figure, lowest, span))

    step = WIDTH / max(len(groups), 1)
    marks = Markup("").join(
        Markup(
            '<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}</title></rect>'
        ).format(
            _tone(figure),
            place * step + step * 0.1,
            min(y(0.0), y(figure)),
            step * 0.8,
            abs(y(figure) - y(0.0)),
            name,
        )
        for place, (name, figure) in enumerate(groups)
        if figure is not None
    )
    axis = Markup('<path class="axis" d="M0 {:.2f}H{}"/>').format(y(0.0), WIDTH)
    return Markup(
        '<svg class="columns" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>'
    ).format(WIDTH, HEIGHT, label, marks, axis)


def _scale(figures: Sequence[float | None]) -> tuple[float, float]:
    known = [figure for figure in figures if figure is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    return low, (high - low) or 1.0


def _share(figure: float, low: float, span: float) -> float:
    # Halves keep the differences of the largest floats finite.
    return (figure / 2 - low / 2) / (span / 2) if span != float("inf") else 0.5


def _tone(figure: float | None) -> str:
    return "less" if figure is not None and figure < 0 else "more"
