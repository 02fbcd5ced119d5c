"""The places of the parts of a policy in its form, and the gaps of a form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from node.policy.editor.rows import SECTIONS, ConstraintRow, Exact, Group, PolicyForm, Row, RuleForm
from node.policy.editor.writing import row_json


def field_paths(form: PolicyForm) -> dict[str, str]:
    """Return path in the policy (``permission[0].constraint[1]``) → path in the form (``r.0.c.1``)."""
    paths: dict[str, str] = {}
    for section in SECTIONS:
        places = [place for place, rule in enumerate(form.rules) if rule.section == section]
        for index, place in enumerate(places):
            paths |= _of_rule(form.rules[place], f"{section}[{index}]", f"r.{place}")
    return paths


def nearest_path(paths: Mapping[str, str], path: str) -> str:
    """Return the path in the form of the part at ``path``, or of what it is in; empty for the whole policy."""
    while path:
        if path in paths:
            return paths[path]
        path = path.rpartition(".")[0]
    return ""


def gaps(form: PolicyForm) -> list[str]:
    """Return the paths in the form of rules without an action and of conditions that lack a part."""
    return [path for place, rule in enumerate(form.rules) for path in _gaps_of_rule(rule, f"r.{place}")]


def constraint_rows(form: PolicyForm) -> Iterator[tuple[str, ConstraintRow]]:
    """Yield each condition that a row shows, with its path in the form."""
    for place, rule in enumerate(form.rules):
        yield from _constraints(rule, f"r.{place}")


def rule_forms(form: PolicyForm) -> Iterator[tuple[str, RuleForm]]:
    """Yield each rule that a form shows, with its path in the form."""
    for place, rule in enumerate(form.rules):
        yield f"r.{place}", rule
        for number, duty in enumerate(rule.duties):
            yield f"r.{place}.d.{number}", duty


def _of_rule(rule: RuleForm, policy_path: str, path: str) -> dict[str, str]:
    paths = {policy_path: path, **_of_rows(rule.rows, f"{policy_path}.constraint", path)}
    for number, duty in enumerate(rule.duties):
        paths |= _of_rule(duty, f"{policy_path}.duty[{number}]", f"{path}.d.{number}")
    return paths


def _of_rows(rows: tuple[Row, ...], policy_path: str, path: str) -> dict[str, str]:
    paths: dict[str, str] = {}
    index = 0
    for number, row in enumerate(rows):
        # Empty rows are not in the policy.
        if row_json(row) is None:
            continue
        here = f"{policy_path}[{index}]"
        paths[here] = f"{path}.c.{number}"
        if isinstance(row, Group):
            paths |= _of_rows(row.rows, f"{here}.{row.operator}", f"{path}.c.{number}")
        index += 1
    return paths


def _gaps_of_rule(rule: RuleForm, path: str) -> Iterator[str]:
    if not rule.exact and not rule.action:
        yield path
    yield from _gaps_of_rows(rule.rows, path)
    for number, duty in enumerate(rule.duties):
        yield from _gaps_of_rule(duty, f"{path}.d.{number}")


def _gaps_of_rows(rows: tuple[Row, ...], path: str) -> Iterator[str]:
    for number, row in enumerate(rows):
        here = f"{path}.c.{number}"
        if isinstance(row, Group):
            if not row.rows:
                yield here
            yield from _gaps_of_rows(row.rows, here)
        elif not isinstance(row, Exact) and not row.is_finished:
            yield here


def _constraints(rule: RuleForm, path: str) -> Iterator[tuple[str, ConstraintRow]]:
    yield from _of_conditions(rule.rows, path)
    for number, duty in enumerate(rule.duties):
        yield from _constraints(duty, f"{path}.d.{number}")


def _of_conditions(rows: tuple[Row, ...], path: str) -> Iterator[tuple[str, ConstraintRow]]:
    for number, row in enumerate(rows):
        if isinstance(row, ConstraintRow):
            yield f"{path}.c.{number}", row
        elif isinstance(row, Group):
            yield from _of_conditions(row.rows, f"{path}.c.{number}")
