"""Comparison of the columns of a source with those that its target needs: names, types, units, quantities."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Final

from node.base.errors import InvalidInput
from node.scenarios.chain.mismatch import ERROR, WARNING, Mismatch, input_words
from node.scenarios.model import Port, Rows, Variable
from node.scenarios.tables import units
from node.scenarios.tables.files import is_figure, is_number
from node.scenarios.tables.unitcodes import SAME_WORDS
from node.vocab.namespaces import local_name

LOOKED_AT: Final = 2000
"""The most rows of a sample that are inspected."""


def variables(source: Port, target: Port, sample: Rows | None) -> Iterator[Mismatch]:
    rows = list(islice(sample, LOOKED_AT)) if sample is not None else None
    if target.variables and not source.variables and rows is None:
        if not set(source.schemas) & set(target.schemas):
            needs = ", ".join(variable.name for variable in target.variables)
            yield Mismatch(
                code="undescribed",
                sentence=f"{source.role} does not state its columns; {input_words(source, target)} needs {needs}",
                remedy="ask its owner to describe the columns, or to name a schema",
                need=needs,
                severity=WARNING,
                facts={"variables": [variable.name for variable in target.variables]},
            )
        return
    unsaid = []
    for need in target.variables:
        have = source.variable(need.name)
        if have is None and not (rows and any(need.name in row for row in rows)):
            if (rows == [] and not source.variables) or not need.required:
                continue
            yield from _missing(source, target, need)
            continue
        if rows and is_number(need):
            yield from _type(source, need, rows)
        if have is not None and have.unit is not None and need.unit is not None:
            yield from _unit(source, target, have, need)
        elif need.unit not in (None, "1"):
            unsaid.append(need)
        if have is not None:
            yield from _quantity(source, target, have, need)
            yield from _codes(source, target, have, need)
    if unsaid:
        names = ", ".join(item.name for item in unsaid)
        yield Mismatch(
            code="unit-unsaid",
            sentence=f"{source.role} does not say in which units {names} come; "
            f"{input_words(source, target)} reads them in {', '.join(units.words(item.unit) for item in unsaid)}",
            remedy="ask its owner to state the units of the columns",
            variable=unsaid[0].name if len(unsaid) == 1 else "",
            need=", ".join(str(item.unit) for item in unsaid),
            severity=WARNING,
            facts={
                "variables": [item.name for item in unsaid],
                "needUnit": [item.unit for item in unsaid],
            },
        )


def _missing(source: Port, target: Port, need: Variable) -> Iterator[Mismatch]:
    unit = units.words(need.unit)
    in_unit = f" in {unit}" if unit else ""
    has = ", ".join(variable.name for variable in source.variables)
    yield Mismatch(
        code="missing-variable",
        sentence=f"{input_words(source, target)} needs {need.name}{in_unit}; {source.role} has no such column"
        + (f" (it has {has})" if has else ""),
        remedy="put a transformation between them that makes this column",
        variable=need.name,
        have=has,
        need=need.name,
        facts={
            "variable": need.name,
            "columns": [variable.name for variable in source.variables],
            **({"case": "in-unit", "needUnit": need.unit} if unit else {}),
        },
    )
    # A column with another name may be the intended one, in a unit that nobody would notice.
    for other in source.variables:
        if target.variable(other.name) is None and other.unit and need.unit and _counts_the_same(other, need):
            yield from _unit(source, target, other, need)


def _counts_the_same(have: Variable, need: Variable) -> bool:
    try:
        comparison = units.compare(have.unit or "1", need.unit or "1")
        words = units.parse(have.unit or "1").words
    except InvalidInput:
        return False
    alike = (
        comparison.relation is units.Relation.FACTOR and not comparison.words_differ and not comparison.words_missing
    )
    return alike and bool(words) and (have.quantity == need.quantity or None in (have.quantity, need.quantity))


def _unit(source: Port, target: Port, have: Variable, need: Variable) -> Iterator[Mismatch]:
    came, target_unit = str(have.unit), str(need.unit)
    units_text = _comes(source, target, have, units.words(came) or "1", units.words(target_unit) or "1")
    about = {"variable": have.name, "have": came, "need": target_unit}
    facts = {"variable": have.name, "haveUnit": came, "needUnit": target_unit}
    try:
        comparison = units.compare(came, target_unit)
    except InvalidInput as error:
        yield Mismatch(
            code="unit-unknown",
            sentence=f"{_comes(source, target, have, came, target_unit)}: {error.detail}",
            remedy=error.remedy,
            severity=WARNING if came == target_unit else ERROR,
            # Both units as written, since the mistake may lie in either.
            facts={"variable": have.name, "came": came, "wanted": target_unit},
            **about,
        )
        return
    if comparison.relation is units.Relation.INCOMPATIBLE:
        kinds = [units.kind(units.parse(code)) for code in (came, target_unit)]
        difference = (
            f"{kinds[0]} is not {kinds[1]}"
            if all(kinds) and kinds[0] != kinds[1]
            else "they measure different things"
        )
        yield Mismatch(
            code="unit-dimension",
            sentence=f"{units_text}: {difference}",
            remedy="wire another column, or put a transformation between them",
            facts=facts,
            **about,
        )
        return
    if comparison.relation is units.Relation.FACTOR:
        yield Mismatch(
            code="unit-factor",
            sentence=f"{units_text}: {_would_be(comparison)}",
            remedy="put a transformation between them that converts it",
            facts={**facts, **({"case": "zero"} if comparison.offset else {"factor": float(1 / comparison.factor)})},
            **about,
        )
    if comparison.words_differ:
        words = [word for code in (came, target_unit) for word, _ in units.parse(code).words]
        yield Mismatch(
            code="unit-words",
            sentence=f"{units_text}: the same measure of other things",
            remedy="put a transformation between them that turns one into the other",
            # Known annotations stand for different things; unknown ones may be the same in another language.
            severity=ERROR if all(word in SAME_WORDS for word in words) else WARNING,
            facts=facts,
            **about,
        )


def _comes(source: Port, target: Port, have: Variable, came: str, form: str) -> str:
    return f"{source.role}.{have.name} comes in {came}; {input_words(source, target)} needs {form}"


_PARTS: Final = {
    Fraction(1, 2): "half", Fraction(1, 3): "a third", Fraction(1, 4): "a quarter", Fraction(1, 10): "a tenth",
    Fraction(1, 100): "a hundredth", Fraction(1, 1000): "a thousandth", Fraction(2): "twice",
}  # fmt: skip


def _would_be(comparison: units.Comparison) -> str:
    """Describe how wrong a figure would be without a conversion."""
    if comparison.offset:
        return "their scales have different zero points"
    wrong = 1 / comparison.factor
    if wrong in _PARTS:
        return (
            f"every figure would be {_PARTS[wrong]} of what it is" if wrong < 1 else "every figure would be doubled"
        )
    return f"every figure would be {float(wrong):.6g} times what it is"


def _quantity(source: Port, target: Port, have: Variable, need: Variable) -> Iterator[Mismatch]:
    if have.quantity and need.quantity and have.quantity.rstrip("/") != need.quantity.rstrip("/"):
        yield Mismatch(
            code="quantity-kind",
            sentence=f"{source.role}.{have.name} is {local_name(have.quantity)}; "
            f"{input_words(source, target)} needs {local_name(need.quantity)}",
            remedy="wire another column, or put a transformation between them",
            variable=have.name,
            have=have.quantity,
            need=need.quantity,
            facts={"variable": have.name, "have": local_name(have.quantity), "need": local_name(need.quantity)},
        )


def _codes(source: Port, target: Port, have: Variable, need: Variable) -> Iterator[Mismatch]:
    if have.codes and need.codes and have.codes.rstrip("/#") != need.codes.rstrip("/#"):
        yield Mismatch(
            code="code-list",
            sentence=f"{source.role}.{have.name} has codes of {local_name(have.codes)}; "
            f"{input_words(source, target)} needs codes of {local_name(need.codes)}",
            remedy="put a transformation between them that translates the codes",
            variable=have.name,
            have=have.codes,
            need=need.codes,
            facts={"variable": have.name, "have": local_name(have.codes), "need": local_name(need.codes)},
        )


def _type(source: Port, need: Variable, rows: Rows) -> Iterator[Mismatch]:
    for index, row in enumerate(rows):
        value = row.get(need.name)
        if value is not None and not is_figure(value):
            yield Mismatch(
                code="type",
                sentence=f"row {index + 1} of {source.role} has {str(value)[:40]!r} as {need.name}: no number",
                remedy="correct the data, or put a transformation between them",
                variable=need.name,
                have=type(value).__name__,
                need="number",
                facts={"variable": need.name, "row": index + 1, "value": str(value)[:40]},
            )
            return
