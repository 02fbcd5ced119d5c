"""A run as JSON for programs: the form of the management API and the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from node.base.clock import stamp
from node.scenarios.findings import Bound
from node.scenarios.model import Binding, BoundWindow
from node.scenarios.run_model import Caveat, IndicatorValue, Run, StepRun


def run_json(run: Run, *, whole: bool = True) -> dict[str, Any]:
    """Return everything about a run; without ``whole`` only the members for a list."""
    members: dict[str, Any] = {
        "pid": run.pid,
        "scenario": run.template.iri,
        "scenarioVersion": run.template.version,
        "titles": dict(run.template.titles),
        "state": str(run.state),
        "progress": run.progress,
        "by": run.by,
        "created": stamp(run.created),
        "updated": stamp(run.updated),
        "key": run.binding.key,
        "result": run.result,
        "indicators": [measured_json(indicator) for indicator in run.indicators],
    }
    for name, value in (("repeats", run.repeats), ("published", run.published), ("error", run.error)):
        if value:
            members[name] = value
    if whole:
        members["goal"] = dict(run.template.goal)
        members["binding"] = binding_json(run.binding)
        members["steps"] = [step_json(step) for step in run.steps]
        members["caveats"] = [caveat_json(caveat) for caveat in run.caveats]
        members["log"] = list(run.log)
    return members


def binding_json(binding: Binding) -> dict[str, Any]:
    """Return a binding as JSON: the scenario, inputs, steps, parameters and layers of a run, with their versions."""
    return {
        "scenario": binding.template,
        "version": binding.version,
        "inputs": {
            bound.role: {
                "dataset": bound.iri,
                "version": bound.version,
                "file": bound.file,
                "sha256": bound.sha256,
                "origin": bound.origin,
                "inPlace": bound.in_place,
                **({"agreement": bound.agreement} if bound.agreement else {}),
                **({"window": window_json(bound.window)} if bound.window else {}),
            }
            for bound in binding.inputs
        },
        "steps": {
            step.name: {
                "uses": step.iri,
                "kind": step.kind,
                "version": step.version,
                "sha256": step.sha256,
                "origin": step.origin,
                **({"agreement": step.agreement} if step.agreement else {}),
            }
            for step in binding.steps
        },
        "parameters": dict(binding.parameters),
        "layers": list(binding.layers),
        "key": binding.key,
    }


def window_json(window: BoundWindow) -> dict[str, Any]:
    """Return a window; without ``count`` a request can name it so."""
    return {
        "from": stamp(window.start),
        "to": stamp(window.end),
        "position": window.position,
        "count": window.count,
    }


def step_json(step: StepRun) -> dict[str, Any]:
    """Return one step of one branch."""
    members: dict[str, Any] = {
        "branch": step.branch,
        "name": step.name,
        "state": str(step.state),
        "progress": step.progress,
        "outputs": {role: {"sha256": sha256, "rows": step.rows.get(role)} for role, sha256 in step.outputs.items()},
        "caveats": [caveat_json(caveat) for caveat in step.caveats],
    }
    for name, value in (("started", _moment(step.started)), ("finished", _moment(step.finished))):
        if value:
            members[name] = value
    members |= {name: known for name, known in (("job", step.job), ("agreement", step.agreement)) if known}
    return members


def measured_json(indicator: IndicatorValue) -> dict[str, Any]:
    """Return an indicator."""
    return {"name": indicator.name, "before": indicator.before, "after": indicator.after, "unit": indicator.unit}


def caveat_json(caveat: Caveat) -> dict[str, Any]:
    """Return the caveats and conditions that go with a result."""
    return {"code": caveat.code, "sentence": caveat.sentence, "step": caveat.step, "facts": dict(caveat.facts)}


def bound_json(bound: Bound) -> dict[str, Any]:
    """Return the result of checking a binding."""
    return {
        "scenario": bound.template.iri,
        "fits": bound.binding is not None,
        "findings": [finding.to_json() for finding in bound.findings],
        "binding": binding_json(bound.binding) if bound.binding else None,
    }


def _moment(at: datetime | None) -> str:
    return stamp(at) if at else ""
