"""Dates, durations, numbers and names, written out in a language."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import unquote

from node.policy import terms
from node.policy.concealment import TIME, Concealment, SmallestGroup
from node.policy.labels import credential_label, purpose_label
from node.policy.phrases.model import Phrases
from node.policy.portion import RowCondition
from node.policy.rules import Constraint, Value
from node.policy.terms import compact, local_name
from node.policy.values import duration, moment, number

_STEPS = {"quarter": (3, "months")}
"""Steps of time that are no unit of a duration."""
_HASH = re.compile(r"(.+@(?:sha256[:-])?)([0-9a-f]{16,})")


def join(items: list[str], word: str) -> str:
    """Return ``a, b or c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def date_text(day: datetime, phrases: Phrases) -> str:
    """Return a date such as 31 December 2027."""
    return phrases.date.format(
        day=phrases.first_of_month if day.day == 1 else day.day,
        month=phrases.months[day.month - 1],
        year=day.year,
    )


def moment_text(at: datetime, phrases: Phrases) -> str:
    """Return a moment such as 31 December 2027 at 06:00 UTC; seconds only if they are not zero."""
    at = at.astimezone(UTC)
    time = at.strftime("%H:%M")
    if at.second or at.microsecond:
        time += at.strftime(":%S")
    if at.microsecond:
        time += phrases.decimal_point + f"{at.microsecond:06d}".rstrip("0")
    return phrases.moment.format(date=date_text(at, phrases), time=time)


def bound_text(value: Value, operator: str, phrases: Phrases) -> str:
    """Return a date bound as text: only the day if it ends at a day's last second or begins at midnight."""
    point = moment(value)
    if point is None:
        return value.text
    at = point.start.astimezone(UTC)
    if point.is_day:
        offset = re.search(r"([+-]\d\d:\d\d)$", value.text.strip()[10:])
        local = datetime.fromisoformat(value.text.strip()[:10])
        return date_text(local, phrases) + (f" (UTC{offset[1]})" if offset and at != local else "")
    clock = (at.hour, at.minute, at.second, at.microsecond)
    if (operator == "lteq" and clock[:3] == (23, 59, 59)) or (operator in {"gteq", "lt"} and not any(clock)):
        return date_text(at, phrases)
    return moment_text(at, phrases)


def duration_text(value: Value, phrases: Phrases) -> str:
    """Return a duration such as 30 days, or 1 year and 6 months."""
    span = duration(value)
    if span is None:
        return value.text
    return join([count_of(Decimal(n), phrases.units[unit], phrases) for unit, n in span.parts], phrases.and_)


def number_text(amount: Decimal, phrases: Phrases) -> str:
    """Return a plain number with the language's decimal sign."""
    return format(amount, "f").replace(".", phrases.decimal_point)


def count_of(amount: Decimal, forms: dict[str, str], phrases: Phrases) -> str:
    """Return a number with the right form of its noun."""
    form = forms.get(phrases.plural(amount)) or forms["other"]
    return form.format(n=number_text(amount, phrases))


def amount_text(constraint: Constraint, phrases: Phrases) -> str:
    """Return an amount such as 120 EUR."""
    amount = number(constraint.right_operand[0])
    text = constraint.right_operand[0].text if amount is None else number_text(amount, phrases)
    return f"{text} {local_name(constraint.unit)}" if constraint.unit else text


def value_names(constraint: Constraint, phrases: Phrases) -> list[str]:
    """Return the labels of the right operand's values, in the order of the document."""
    return [_name(constraint.left_operand, value, phrases) for value in constraint.right_operand]


def term_text(constraint: Constraint) -> str:
    """Return a constraint that is not understood in its original form: IRIs and values, without interpretation."""
    values = ", ".join(value.text for value in constraint.right_operand) or "()"
    return f"{compact(constraint.left_operand)} {constraint.operator} {values}"


def group_values(text: str, phrases: Phrases) -> tuple[str, str]:
    """Return size and columns of a smallest group as texts."""
    group = SmallestGroup.read(text)
    if group is None:
        return "", text
    return str(group.size), join([phrases.quote.format(name) for name in group.columns], phrases.and_)


def concealment_text(text: str, phrases: Phrases) -> str:
    """Return a column and its form in words, such as «guard» as pseudonyms; a text that states none as it is."""
    concealment = Concealment.read(text)
    if concealment is None:
        return phrases.quote.format(text)
    if concealment.form == TIME:
        count, unit = _STEPS.get(concealment.step, (1, f"{concealment.step}s"))
        step = count_of(Decimal(count), phrases.units[unit], phrases)
    else:
        step = concealment.step.replace(".", phrases.decimal_point)
    return phrases.concealed[concealment.form].format(column=phrases.quote.format(concealment.column), step=step)


def _name(operand: str, value: Value, phrases: Phrases) -> str:
    if operand == terms.PURPOSE:
        return purpose_label(value.term, phrases.language)
    if operand == terms.CREDENTIAL:
        return phrases.quote.format(credential_label(value.text, phrases.language))
    if operand == terms.SPATIAL:
        return local_name(value.term)
    if operand == terms.ALGORITHM:
        match = _HASH.fullmatch(value.text)
        return phrases.quote.format(f"{match[1]}{match[2][:12]}…" if match else value.text)
    if operand == terms.COLUMNS:
        return phrases.quote.format(unquote(value.text))
    if operand == terms.ROWS:
        condition = RowCondition.read(value.text)
        return phrases.quote.format(condition.formula if condition is not None else value.text)
    if operand == terms.BOX:
        return value.text.replace(",", " / ")
    if operand == terms.CONCEALED:
        return concealment_text(value.text, phrases)
    return value.term
