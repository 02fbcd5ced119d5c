"""Small cells in a model's answer: figures that the conditions of visited data withhold are left out, with a caveat.

The output's card shows which column counts the people that a figure covers: the column whose unit annotates persons
(``{residents}``, ``{persons}``), or that has such a name. Without such a column an output cannot be shown to cover
enough people, and is withheld completely.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from node.base.errors import NotAllowed
from node.policy.flow.output_rule import suppress
from node.scenarios.model import Model, Port, Rows
from node.scenarios.ports import Outcome
from node.scenarios.run_model import Caveat
from node.scenarios.tables.rows import key_of

COUNTED: Final = ("residents", "inhabitants", "persons", "people", "population")
"""Names of columns, and annotations of units, that mean a number of people."""

LEFT_OUT: Final = "figures-left-out"


def withhold(model: Model, outcome: Outcome, minimum: int) -> Outcome:
    """Return the outcome without the figures that cover fewer than ``minimum`` people, with a caveat for each output.

    Raises ``NotAllowed`` if an output does not state how many people its figures cover.
    """
    outputs: dict[str, Rows] = {}
    caveats = list(outcome.caveats)
    for role, rows in outcome.outputs.items():
        port = next((output for output in model.outputs if output.role == role), Port(role=role))
        column = count_column(port, rows)
        if column is None:
            raise NotAllowed(
                f"the figures of {role} do not state how many people they cover, and the data ask for {minimum}",
                remedy=f"ask the model's owner to add a column such as {COUNTED[0]} to {role}",
                facts={"case": "nobody-counted", "output": role, "minimum": minimum},
            )
        rows_to_release = suppress(rows, count_column=column, minimum=minimum, key=key_of(rows, port))
        outputs[role] = rows_to_release.rows
        if rows_to_release.suppressions:
            caveats.append(
                Caveat(
                    code=LEFT_OUT,
                    sentence=f"{role}: {rows_to_release.sentence}",
                    facts={"output": role, "leftOut": rows_to_release.suppressions, "minimum": minimum},
                )
            )
    return replace(outcome, outputs=outputs, caveats=tuple(caveats))


def count_column(port: Port, rows: Rows) -> str | None:
    """Return the column of an output that counts people, or None."""
    for variable in port.variables:
        if variable.unit and variable.unit.strip("{}").casefold() in COUNTED:
            return variable.name
    present = {variable.name for variable in port.variables} | {name for row in rows for name in row}
    return next((name for name in sorted(present) if name.casefold() in COUNTED), None)
