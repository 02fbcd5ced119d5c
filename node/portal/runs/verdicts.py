"""Verdicts about runs: indicators with their verdicts, legends of maps, differences of two bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from node.portal.drawing.bars import bar
from node.portal.drawing.scale import Scale
from node.portal.runs import results
from node.portal.views.scenarios import RunView
from node.portal.visit import Visit
from node.scenarios.model import Indicator
from node.scenarios.run_model import IndicatorValue, Run, State

TONES: Final = {
    State.ACCEPTED: "plain",
    State.RUNNING: "wait",
    State.SUCCESSFUL: "ok",
    State.FAILED: "no",
    State.DISMISSED: "plain",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorFigure:
    """An indicator with its figures. ``verdict``: ``better``, ``worse``, ``same``, or empty if the better direction
    is not declared; ``met`` is whether a target is reached, None without one."""

    indicator: Indicator
    measurement: IndicatorValue
    verdict: str
    met: bool | None = None

    @property
    def change(self) -> float | None:
        return None if self.measurement.before is None else self.measurement.after - self.measurement.before


def verdicts(run: Run) -> list[IndicatorFigure]:
    """Return the indicators of a run in the order of its template."""
    verdicts = []
    for indicator in run.template.indicators:
        measure = next((m for m in run.indicators if m.name == indicator.name), None)
        if measure is not None:
            verdicts.append(indicator_figure(indicator, measure))
    return verdicts


def indicator_figure(indicator: Indicator, measure: IndicatorValue) -> IndicatorFigure:
    """Return an indicator with its figures and its verdict."""
    return IndicatorFigure(
        indicator=indicator,
        measurement=measure,
        verdict=verdict(indicator, measure),
        met=_met(indicator, measure),
    )


def verdict(indicator: Indicator, values: IndicatorValue) -> str:
    """Return better or worse, within the precision of the figures: compared before rounding (digest §12, trap 10)."""
    if values.before is None or indicator.better not in ("lower", "higher"):
        return ""
    change = values.after - values.before
    least = 10.0**-indicator.decimals / 2 if indicator.decimals is not None else 0.0
    if abs(change) <= least:
        return "same"
    return "better" if (change < 0) == (indicator.better == "lower") else "worse"


def _met(indicator: Indicator, values: IndicatorValue) -> bool | None:
    if indicator.target is None:
        return None
    if indicator.better == "higher":
        return values.after >= indicator.target
    return values.after <= indicator.target


def legend(visit: Visit, scale: Scale) -> list[dict[str, Any]]:
    """Return the classes from the highest to the lowest, in words."""
    speaker = visit.speaker
    rows = []
    for number, low, high in scale.classes():
        figures = {
            "low": results.with_sign(speaker, low) if scale.changes and low else speaker.number(low or 0),
            "high": results.with_sign(speaker, high) if scale.changes and high else speaker.number(high or 0),
        }
        if scale.changes and number == 0:
            text = visit.t("map.same", least=speaker.number(scale.breaks[0]))
        elif low is None:
            text = visit.t("map.below", **figures)
        elif high is None:
            text = visit.t("map.above", **figures)
        else:
            text = visit.t("map.between", **figures)
        rows.append({"colour": scale.colour_of(number), "width": scale.width_of(number), "text": text})
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedIndicator:
    """An indicator of several runs, in their order; None for a run without it. ``bars`` are drawings of the same."""

    indicator: Indicator
    figures: tuple[IndicatorFigure | None, ...]
    bars: tuple[Markup, ...]

    @property
    def gap(self) -> float | None:
        """Return the last one less the first one, if both have it."""
        first, last = self.figures[0], self.figures[-1]
        return last.measurement.after - first.measurement.after if first and last else None

    @property
    def befores(self) -> tuple[float, ...]:
        """Return the different values before the changes: one, if the runs began alike."""
        values = [figure.measurement.before for figure in self.figures if figure is not None]
        return tuple(dict.fromkeys(value for value in values if value is not None))


def beside_one_another(sides: Sequence[RunView]) -> list[ComparedIndicator]:
    """Return each indicator of several runs."""
    figures_by_name = [{figure.indicator.name: figure for figure in verdicts(side.run)} for side in sides]
    indicators = {indicator.name: indicator for side in sides for indicator in side.run.template.indicators}
    rows = []
    for name, indicator in indicators.items():
        figures = tuple(by_name.get(name) for by_name in figures_by_name)
        values = [figure.measurement.after if figure else None for figure in figures]
        rows.append(
            ComparedIndicator(
                indicator=indicator, figures=figures, bars=tuple(bar(value, values) for value in values)
            )
        )
    return rows


def differing(sides: Sequence[RunView], visit: Visit) -> list[tuple[str, list[str]]]:
    """Return (what, the text for each run) for each difference of the bindings."""
    pins = [_bindings_in_words(side, visit) for side in sides]
    none = visit.t("none")
    rows = [
        (name, [own.get(name, none) for own in pins]) for name in dict.fromkeys(name for own in pins for name in own)
    ]
    return [(name, texts) for name, texts in rows if len(set(texts)) > 1]


def _bindings_in_words(side: RunView, visit: Visit) -> dict[str, str]:
    binding = side.run.binding

    def version(titles: Mapping[str, str], number: int) -> str:
        return f"{visit.translate(titles).text}, {visit.t('version', n=number)}"

    pins = {visit.t("compare.template"): version(side.run.template.titles, binding.version)}
    for one in binding.inputs:
        pins[visit.t("compare.input", role=one.role)] = f"{version(one.titles, one.version)}, {one.file}"
    for step in binding.steps:
        pins[visit.t("compare.step", name=step.name)] = version(step.card.titles, step.version)
    for name, value in binding.parameters.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        pins[visit.t("compare.parameter", name=name)] = visit.speaker.number(value) if number else str(value)
    titles = {layer.sha256: layer.title for layer in side.layers}
    if binding.layers:
        pins[visit.t("compare.layers")] = " + ".join(titles.get(layer, layer[:12]) for layer in binding.layers)
    return pins
