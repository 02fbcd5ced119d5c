"""The SQL of DuckDB for columns in a less telling form, and for leaving out small groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.adapters.profiles.relations import quote_name, sql_text
from node.base.errors import InvalidInput
from node.policy.concealment import LENGTH, Concealment, SmallestGroup, pads

_NUMBERS: Final = ("INT", "FLOAT", "DOUBLE", "DECIMAL")
_TEXT: Final = "VARCHAR"
_COUNT: Final = "rows of the group"


def forms_of(message: Mapping[str, Any], types: Mapping[str, str]) -> tuple[Mapping[str, str], SmallestGroup | None]:
    """Return the expression of each concealed column, and the smallest group (None: any). Raises ``InvalidInput`` if
    the table lacks such a column, or no such form can be made of it: then nothing is given."""
    texts = [Concealment.read(text) for text in message["forms"]]
    group = SmallestGroup.read(message["group"]) if message["group"] else None
    forms = [concealment for concealment in texts if concealment is not None]
    names = [concealment.column for concealment in forms] + list(group.columns if group is not None else ())
    if len(forms) != len(texts) or (message["group"] and group is None) or not set(names) <= set(types):
        raise InvalidInput(
            "the table does not have the columns of the part that the agreement gives",
            remedy="ask the provider for a new offer",
        )
    key = bytes.fromhex(message["key"])
    return {one.column: _expression(one, types[one.column], key) for one in forms}, group


def conceal(
    relation: str,
    columns: Sequence[str],
    types: Mapping[str, str],
    forms: Mapping[str, str],
    group: SmallestGroup | None,
) -> str:
    """Return the statement for ``columns`` of the rows that the statement ``relation`` gives. All names are quoted,
    and all values are literals."""
    inner = ", ".join(f"{forms.get(name, quote_name(name))} AS {quote_name(name)}" for name in types)
    statement = f"SELECT {inner} FROM ({relation})"  # noqa: S608 - see above
    outer = ", ".join(map(quote_name, columns))
    if group is None:
        return f"SELECT {outer} FROM ({statement})"  # noqa: S608
    parts = ", ".join(map(quote_name, group.columns))
    sizes = f"SELECT *, count(*) OVER (PARTITION BY {parts}) AS {quote_name(_COUNT)} FROM ({statement})"  # noqa: S608
    return f"SELECT {outer} FROM ({sizes}) WHERE {quote_name(_COUNT)} >= {group.size}"  # noqa: S608


def _expression(concealment: Concealment, kind: str, key: bytes) -> str:
    cell, stem = quote_name(concealment.column), kind.partition("(")[0]
    is_number = any(name in stem for name in _NUMBERS) and not kind.endswith("]")
    match concealment.form:
        case "pseudonym":
            if len(key) < LENGTH:
                raise InvalidInput("there is no key for pseudonyms", remedy="ask the provider for a new offer")
            inner, outer = (f"unhex({sql_text(pad)})" for pad in pads(key))
            text = f"encode(CAST({cell} AS VARCHAR))"
            return f"left(sha256({outer} || unhex(sha256({inner} || {text}))), {LENGTH})"
        case "time" if stem.startswith("TIMESTAMP") or stem in ("DATE", _TEXT):
            # A day stays a day: the type of the column does not tell of steps below it.
            plain = f"TRY_CAST({cell} AS TIMESTAMP)" if stem == _TEXT else cell
            step = f"date_trunc({sql_text(concealment.step)}, {plain})"
            return f"CAST({step} AS DATE)" if stem == "DATE" else step
        case "bins" | "grid" if is_number or stem == _TEXT:
            rounding = "floor" if concealment.form == "bins" else "round"
            number = f"TRY_CAST({cell} AS DOUBLE)"
            step = f"round({rounding}({number} / {concealment.step}) * {concealment.step}, {concealment.decimals})"
            return f"CAST({step} AS BIGINT)" if "INT" in stem and not concealment.decimals else step
        case "suppress":
            return f"CAST(NULL AS {kind})"
        case _:
            raise InvalidInput(
                f"the column {concealment.column!r} has the type {kind}, of which there is no {concealment.form}",
                remedy="choose another form of this column: pseudonym or suppress",
            )
