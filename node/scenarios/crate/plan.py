"""The plan of a crate: the scenario's template as a workflow, with its steps, tools and formal parameters.

The template is the main workflow (Workflow RO-Crate 1.0), the models and transformations of its steps are tools, its
roles, parameters and indicators are formal parameters. Only formal parameters with an example are listed: the
Workflow Run Crate profile 0.5 requires an example of each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.scenarios.chain.wiring import bound_step, step_inputs, step_outputs
from node.scenarios.crate.readme import english
from node.scenarios.model import Port, Transformation
from node.scenarios.run_model import Run

FORMAL: Final = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
WORKFLOW_PROFILE: Final = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
WORKFLOW: Final = "scenario.json"
_LANGUAGE: Final = "#scenario-template"

Entity = dict[str, Any]


@dataclass(slots=True)
class Graph:
    """Entities, and the files that they describe."""

    entities: list[Entity] = field(default_factory=list)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def add(self, id_: str, type_: str | list[str], **properties: Any) -> str:
        """Add an entity, without empty properties; return its id."""
        told = {name: value for name, value in properties.items() if value not in (None, "", [], {})}
        self.entities.append({"@id": id_, "@type": type_, **told})
        return id_


class Agents:
    """Nodes and agreements, each described once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def agent(self, did: str) -> dict[str, str]:
        """Return a reference to a node."""
        self._once(did, "Organization", name=did)
        return {"@id": did}

    def agreement(self, agreement: str | None) -> dict[str, str] | None:
        """Return a reference to an agreement."""
        if agreement is None:
            return None
        self._once(agreement, "CreativeWork", name=f"Agreement {agreement}", identifier=agreement)
        return {"@id": agreement}

    def _once(self, id_: str, type_: str, **properties: Any) -> None:
        if not any(entity["@id"] == id_ for entity in self.graph.entities):
            self.graph.add(id_, type_, **properties)


class Plan:
    """The plan of one run. ``examples``: formal parameter → the entities that are examples of it."""

    def __init__(
        self, run: Run, graph: Graph, examples: Mapping[str, Sequence[str]], agents: Agents, licence: str
    ) -> None:
        self.run, self.graph, self.examples, self.agents, self.licence = run, graph, examples, agents, licence

    def add(self) -> None:
        """Add its entities to the graph."""
        self._tools()
        self._workflow()
        self._formal()

    def _workflow(self) -> None:
        body = self.graph.files[WORKFLOW]
        template = self.run.template
        steps = sorted(template.steps, key=lambda one: one.position)
        for number, step in enumerate(steps):
            self.graph.add(
                f"#step-{step.name}",
                "HowToStep",
                name=english(step.titles, step.name),
                position=str(number),
                workExample={"@id": bound_step(self.run.binding, step.name).version_iri},
            )
        sources = [end for end in self.examples if end.startswith(("#input-", "#parameter-"))]
        gave = [end for end in self.examples if end.startswith(("#output-", "#indicator-"))]
        self.graph.add(
            _LANGUAGE, "ComputerLanguage", name="Hansa scenario template", url="https://w3id.org/hansa/ns#Scenario"
        )
        self.graph.add(
            WORKFLOW,
            ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            name=english(template.titles, template.iri),
            description=english(template.goal, ""),
            identifier=f"{template.iri}#v{template.version}",
            url=template.iri,
            conformsTo={"@id": WORKFLOW_PROFILE},
            version=str(template.version),
            encodingFormat="application/json",
            contentSize=str(len(body)),
            sha256=hashlib.sha256(body).hexdigest(),
            programmingLanguage={"@id": _LANGUAGE},
            license={"@id": self.licence},
            creator=self.agents.agent(template.origin),
            input=ids_of(sources),
            output=ids_of(gave),
            step=ids_of([f"#step-{step.name}" for step in steps]),
            hasPart=ids_of(sorted({iri.version_iri for iri in self.run.binding.steps})),
        )

    def _tools(self) -> None:
        descriptions: set[str] = set()
        for step in self.run.template.steps:
            bound = bound_step(self.run.binding, step.name)
            if bound.version_iri in descriptions:
                continue
            descriptions.add(bound.version_iri)
            card = bound.card
            ins = [formal("tool", f"{step.name}/{part.role}") for part in step_inputs(card, step.wiring)]
            outs = [
                formal("tool", f"{step.name}/{step_output.role}") for step_output in step_outputs(card, step.wiring)
            ]
            self.graph.add(
                bound.version_iri,
                "SoftwareSourceCode" if isinstance(card, Transformation) else "SoftwareApplication",
                name=english(card.titles, bound.iri),
                version=str(bound.version),
                url=bound.iri,
                sha256=bound.sha256,
                provider=self.agents.agent(bound.origin),
                usageInfo=self.agents.agreement(bound.agreement),
                input=ids_of([part for part in ins if part in self.examples]),
                output=ids_of([out for out in outs if out in self.examples]),
            )

    def _formal(self) -> None:
        """Add the formal parameters that have an example, as the profile requires."""
        template = self.run.template
        descriptions = {
            **{formal("input", one.role): _of_port(one, f"Input: {one.role}") for one in template.inputs},
            **{
                formal("parameter", parameter.name): {
                    "name": parameter.name,
                    "description": english(parameter.description, ""),
                    "additionalType": _kind(self.run.binding.parameters.get(parameter.name, parameter.default)),
                    "defaultValue": None if parameter.default is None else str(parameter.default),
                }
                for parameter in template.parameters
            },
            **{
                formal("indicator", indicator.name): {
                    "name": indicator.name,
                    "description": english(indicator.titles, indicator.name),
                    "additionalType": "Number",
                }
                for indicator in template.indicators
            },
        }
        for end in sorted(self.examples):
            more = descriptions.get(end) or {"name": end.partition("-")[2], "additionalType": "File"}
            if end.startswith("#parameter-") and end not in descriptions:
                more = {"name": end.partition("-")[2], "additionalType": "Text"}
            self.graph.add(
                end,
                "FormalParameter",
                **more,
                conformsTo={"@id": FORMAL},
                workExample=ids_of(self.examples[end]),
            )


def _of_port(port: Port, otherwise: str) -> dict[str, Any]:
    return {
        "name": port.role,
        "description": english(port.titles, otherwise),
        "additionalType": "File",
        "valueRequired": str(port.required),
    }


def formal(kind: str, name: str) -> str:
    """Return the id of a formal parameter."""
    return f"#{kind}-{name}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "Boolean"
    return "Number" if isinstance(value, int | float) else "Text"


def ids_of(ids: Sequence[str]) -> list[dict[str, str]]:
    """Return references to entities."""
    return [{"@id": one} for one in ids]
