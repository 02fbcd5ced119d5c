"""Explanation of a row of a result: the steps that made it, the rows that fed them, versions and agreements.

A row is traced back by its names (``segmentId``, ``receptorId``). At each step back, the trace shows the rows of the
source that have the same names as the row in question, including names found on the way: a receptor's row names the
street in front of it, and the street's name leads to its traffic. This shows which rows are about the same things. A
model may have used others too (an assignment of traffic uses the whole network), and the answer states this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from node.base.errors import InvalidInput, NotFound
from node.scenarios.chain.wiring import bound_step
from node.scenarios.model import AFTER, BEFORE, BoundInput, Layer, Port, Row, Rows, Step
from node.scenarios.run_model import Run, StepRun
from node.scenarios.tables.rows import key_of, looks_like_id, row_id

SHOWN: Final = 5
"""The number of rows of an input that are shown; the others are counted."""

TracedChange = dict[str, Any]
Names = dict[str, Any]
"""Column → the value that names the traced thing."""


class Reader(Protocol):
    """Reads inputs and outputs of a run: ``node.scenarios.runs.usecases.Runs``."""

    async def output(self, run: Run, branch: str, name: str) -> tuple[Rows, Port]: ...

    async def input(self, run: Run, role: str) -> tuple[Rows, Port]: ...


Held = dict[str, tuple[Rows, Port] | None]
"""Rows by source (a role, or ``step.output``); None for those that stayed with their owner."""


async def why(
    run: Run, output: str, row: str, reader: Reader, *, layers: Sequence[Layer] = (), branch: str = ""
) -> dict[str, Any]:
    """Return the explanation of the row ``row`` (its id, or the value of any column that only one row has) of
    ``output``.

    ``output`` is ``step.output``, in the branch with the changes unless it begins with ``before/``. The answer has
    ``row``, ``steps`` (from the one that gave the row back to the first; each with ``sentence``, version, agreement,
    ``inputs`` and ``caveats``), and JSON values throughout. Raises ``NotFound`` for an output or row that does not
    exist.
    """
    asked, slash, name = output.partition("/")
    branch, name = (asked, name) if slash else (branch or AFTER, output)
    if branch not in (BEFORE, AFTER):
        raise NotFound(f"a run has no branch {branch[:40]}", remedy=f"it is {BEFORE} or {AFTER}")
    held: Held = {}
    await _read(run, branch, name, reader, held)
    return await asyncio.to_thread(_Trace(run, branch, held, layers).of, name, row)


async def _read(run: Run, branch: str, source: str, reader: Reader, rows_of: Held) -> None:
    """Read the rows of ``source`` and of all its sources into ``rows_of``."""
    if source in rows_of:
        return
    if "." not in source:
        try:
            rows_of[source] = await reader.input(run, source)
        except InvalidInput:
            rows_of[source] = None
        return
    rows_of[source] = await reader.output(run, branch, source)
    step = _step_of(run, source)
    for behind in step.wiring.values():
        await _read(run, branch, behind, reader, rows_of)


class _Trace:
    """Traces one row back."""

    def __init__(self, run: Run, branch: str, rows_of: Held, layers: Sequence[Layer]) -> None:
        self.run, self.branch, self.rows_of = run, branch, rows_of
        self.layers = layers if branch == AFTER else ()
        self.steps: list[dict[str, Any]] = []
        self.keys = {
            name
            for found in rows_of.values()
            if found is not None
            for name in (*key_of(*found), *(column for column in _columns(found[0]) if looks_like_id(column)))
        }

    def of(self, source: str, name: str) -> dict[str, Any]:
        found = self.rows_of[source]
        assert found is not None
        row = _find(found[0], found[1], name, source)
        self._walk(source, self._names(row))
        return {
            "run": self.run.pid,
            "result": self.run.result,
            "branch": self.branch,
            "output": source,
            "row": dict(row),
            "scenario": {"iri": self.run.template.iri, "version": self.run.binding.version},
            "parameters": dict(self.run.binding.parameters),
            "steps": self.steps,
        }

    def _walk(self, source: str, names: Names) -> None:
        step = _step_of(self.run, source)
        if any(step_facts["step"] == step.name for step_facts in self.steps):
            return
        step_run = next(
            step_run for step_run in self.run.steps if (step_run.branch, step_run.name) == (self.branch, step.name)
        )
        description = self._describe(step, step_run, source, names)
        self.steps.append(description)
        inputs = dict(step.wiring)
        behind: list[tuple[str, Names]] = []
        # Inputs that share a name with the row come first; the names that they add may match the others.
        for _ in range(len(inputs)):
            role = next(
                (step_run for step_run in inputs if self._shared_names(inputs[step_run], names)), next(iter(inputs))
            )
            feeding = inputs.pop(role)
            described, names = self._describe_source(role, feeding, names)
            description["inputs"].append(described)
            if "." in feeding:
                behind.append((feeding, names))
        for feeding, step_facts in behind:
            self._walk(feeding, step_facts)

    def _describe(self, step: Step, step_run: StepRun, source: str, names: Names) -> dict[str, Any]:
        bound = bound_step(self.run.binding, step.name)
        title = bound.card.titles.get("en") or next(iter(bound.card.titles.values()), bound.name)
        rows, count, total = self._matching(source, names)
        agreement = step_run.agreement or bound.agreement
        row_words = f"{_count_in_words(count, total)} {_of(names, self._shared_names(source, names))}"
        sentence = f"{source}: {row_words}, made by {title}, version {bound.version}, at {bound.origin}"
        return {
            "step": step.name,
            "sentence": sentence + (f", under agreement {agreement}." if agreement else "."),
            "output": source,
            "rows": [dict(row) for row in rows],
            "count": count,
            "uses": bound.version_iri,
            "title": title,
            "kind": bound.kind,
            "sha256": bound.sha256,
            "origin": bound.origin,
            "agreement": agreement,
            "job": step_run.job,
            "caveats": [caveat.sentence for caveat in step_run.caveats],
            "inputs": [],
        }

    def _describe_source(self, role: str, source: str, names: Names) -> tuple[dict[str, Any], Names]:
        """Describe the source of a role, and return it with the names that are known from there on."""
        bound = next((pin for pin in self.run.binding.inputs if pin.role == source), None)
        description: dict[str, Any] = {"role": role, "source": source}
        if bound is not None:
            description |= _pin_json(bound)
        if self.rows_of.get(source) is None:
            description["sentence"] = (
                f"{role}: {_display_name(bound, source)}. The rows stayed with {bound.origin if bound else ''}."
            )
            return description, names
        names_in_both = self._shared_names(source, names)
        rows, count, total = self._matching(source, names)
        description |= {"rows": [dict(row) for row in rows], "count": count, "of": total}
        if names_in_both:
            sentence = (
                f"{_count_in_words(count, total)} {_of(names, names_in_both)} of {_display_name(bound, source)}"
            )
            sentence += ". The others may have counted too" if count < total else ""
        else:
            sentence = f"all {total} rows of {_display_name(bound, source)}: none of its columns names this"
        changes, others = self._changes(bound, source, names) if bound is not None else ([], [])
        for name, some in (("changes", changes), ("otherChanges", others)):
            if some:
                description[name] = some
        sentence += "".join(f". {pin['sentence']}" for pin in changes)
        if others:
            sentence += f". Other rows were changed too: {'; '.join(other['sentence'] for other in others[:SHOWN])}"
        description["sentence"] = f"{role}: {sentence}."
        return description, (names | self._agreed_names(source, names) if names_in_both else names)

    def _changes(self, bound: BoundInput, source: str, names: Names) -> tuple[list[TracedChange], list[TracedChange]]:
        """Return the changes by the run's layers in the rows in question, and in others."""
        ids = {str(names[name]) for name in self._shared_names(source, names)}
        mine: list[TracedChange] = []
        others: list[TracedChange] = []
        for layer in self.layers:
            if (layer.target, layer.file) != (bound.iri, bound.file):
                continue
            for operation in layer.operations:
                new = ", ".join(f"{name} := {value}" for name, value in operation.set.items()) or str(operation.op)
                reason = f" ({layer.reason})" if layer.reason else ""
                change = {
                    "layer": layer.sha256,
                    "title": layer.title,
                    "id": operation.id,
                    "op": str(operation.op),
                    "set": dict(operation.set),
                    "sentence": f"“{layer.title}” changes {operation.id}: {new}{reason}",
                }
                (mine if operation.id in ids else others).append(change)
        return mine, others

    def _names(self, row: Row) -> Names:
        return {name: value for name, value in row.items() if name in self.keys and isinstance(value, str | int)}

    def _shared_names(self, source: str, names: Names) -> list[str]:
        found = self.rows_of.get(source)
        return [] if found is None else [name for name in names if name in _columns(found[0])]

    def _all(self, source: str, names: Names) -> list[Row]:
        found = self.rows_of.get(source)
        shared = self._shared_names(source, names)
        return [] if found is None else [row for row in found[0] if all(row.get(one) == names[one] for one in shared)]

    def _matching(self, source: str, names: Names) -> tuple[list[Row], int, int]:
        found = self.rows_of.get(source)
        rows = self._all(source, names)
        return rows[:SHOWN], len(rows), 0 if found is None else len(found[0])

    def _agreed_names(self, source: str, names: Names) -> Names:
        """Return the names that all rows in question have in common."""
        rows = self._all(source, names)
        if not rows:
            return {}
        return {
            name: value for name, value in self._names(rows[0]).items() if all(row.get(name) == value for row in rows)
        }


def _find(rows: Rows, port: Port, name: str, source: str) -> Row:
    key = key_of(rows, port)
    if key:
        for row in rows:
            if row_id(row, key) == name:
                return row
    rows_with_name = [
        row for row in rows if name in [str(value) for value in row.values() if isinstance(value, str | int)]
    ]
    if len(rows_with_name) == 1:
        return rows_with_name[0]
    example = row_id(rows[0], key) if rows and key else ""
    raise NotFound(
        f"{source} has {'several rows' if rows_with_name else 'no row'} {name[:80]}",
        remedy=f"rows are named by {', '.join(key)}, such as {example}" if example else "its rows have no names",
        facts={"key": list(key), "rows": len(rows_with_name)},
    )


def _step_of(run: Run, source: str) -> Step:
    name = source.partition(".")[0]
    step = next((step for step in run.template.steps if step.name == name), None)
    if step is None:
        raise NotFound(f"the run has no step {name[:80]}", remedy="see the run for its steps")
    return step


def _columns(rows: Rows) -> Mapping[str, Any]:
    return rows[0] if rows else {}


def _pin_json(bound: BoundInput) -> dict[str, Any]:
    return {
        "dataset": bound.version_iri,
        "file": bound.file,
        "sha256": bound.sha256,
        "origin": bound.origin,
        "agreement": bound.agreement,
        "inPlace": bound.in_place,
    }


def _display_name(bound: BoundInput | None, source: str) -> str:
    if bound is None:
        return source
    title = bound.titles.get("en") or next(iter(bound.titles.values()), bound.iri)
    under = f", under agreement {bound.agreement}" if bound.agreement else ""
    return f"{title}, version {bound.version} ({bound.file}, sha256 {bound.sha256[:12]}…){under}"


def _count_in_words(count: int, total: int) -> str:
    return f"{count} of {total} rows" if total != 1 else f"{count} of 1 row"


def _of(names: Names, columns: Sequence[str]) -> str:
    return "with " + ", ".join(f"{name} {names[name]}" for name in columns) if columns else "in all"
