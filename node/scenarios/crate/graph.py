"""The metadata of a crate: entities that describe what ran, with what, by whom, and with what result.

The parts of the binding are entities that are examples of the plan's formal parameters
(``node.scenarios.crate.plan``). The run is a CreateAction, and so is each step of each branch, with the ControlAction
and OrganizeAction that the Provenance Run Crate profile 0.5 requires.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from node import __version__
from node.scenarios.chain.wiring import bound_step
from node.scenarios.crate.plan import FORMAL, WORKFLOW, WORKFLOW_PROFILE, Agents, Entity, Graph, Plan, formal, ids_of
from node.scenarios.crate.readme import english
from node.scenarios.model import AFTER, Layer, Step, Transformation
from node.scenarios.run_model import Run, StepRun

PROFILES: Final = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
_NODE, _PERSON, _ENGINE = "#node", "#person", "#hansa"
_MEDIA: Final = {
    "json": "application/json",
    "csv": "text/csv",
    "geojson": "application/geo+json",
    "md": "text/markdown",
    "txt": "text/plain",
}


def graph_of(run: Run, layers: Sequence[Layer], files: Mapping[str, bytes], *, name: str, licence: str) -> Graph:
    """Return the graph of a run whose ``files`` (path → bytes) are bundled."""
    return _Maker(run, layers, files, name, licence).make()


class _Maker:
    """Builds one graph."""

    def __init__(
        self, run: Run, layers: Sequence[Layer], files: Mapping[str, bytes], name: str, licence: str
    ) -> None:
        self.run, self.layers, self.files, self.name = run, layers, files, name
        self.licence = licence or "#conditions"
        self.graph = Graph(files=files)
        self.agents = Agents(self.graph)
        self.examples: dict[str, list[str]] = {}
        """Formal parameter → the entities that are examples of it."""
        self.parts: list[str] = list(files)

    def make(self) -> Graph:
        outputs = self._outputs()
        self._people()
        objects = self._inputs() + self._values() + self._layers()
        results = [path for paths in outputs.values() for path in paths] + self._indicators()
        self._other_files()
        controls = [self._step_action(step, outputs) for step in self.run.steps]
        main = self._main_action(objects, results)
        self._add_organize_action(controls, main)
        Plan(self.run, self.graph, self.examples, self.agents, self.licence).add()
        self._root(main)
        return Graph([_single(entity) for entity in self._head() + self.graph.entities], self.files)

    # ---- what there is -----------------------------------------------------------------------------------------

    def _outputs(self) -> dict[str, list[str]]:
        """Return ``branch/step.output`` → the files that hold it, each described."""
        paths: dict[str, list[str]] = {}
        for step in self.run.steps:
            for role in sorted(step.outputs):
                place = f"{step.branch}/{step.name}.{role}"
                paths[place] = [path for path in self.files if path.rpartition(".")[0] == f"outputs/{place}"]
                ends = [formal("output", f"{step.name}.{role}"), formal("tool", f"{step.name}/{role}")]
                ends += self._fed_by(f"{step.name}.{role}")
                for path in paths[place]:
                    self._file(path, f"{step.name}.{role}, {step.branch}", ends)
        return paths

    def _inputs(self) -> list[str]:
        ids = []
        for bound in self.run.binding.inputs:
            ends = [formal("input", bound.role), *self._fed_by(bound.role)]
            id_ = bound.file_iri
            self._example(ends, id_)
            if id_ in ids:
                known = next(entity for entity in self.graph.entities if entity["@id"] == id_)
                known["exampleOfWork"] += [{"@id": end} for end in ends]
                continue
            where = f"The data stayed with {bound.origin}; the model visited them." if bound.in_place else ""
            self.graph.add(
                id_,
                "File",
                name=f"{english(bound.titles, bound.iri)}, version {bound.version}: {bound.file}"
                + (f", observations of {bound.period}" if bound.window else ""),
                temporalCoverage=bound.period or None,
                description=f"Not in this bundle: its owner decides who may have it. {where}".rstrip(),
                encodingFormat=bound.media_type,
                sha256=bound.sha256,
                sdDatePublished=_time(self.run.created),
                exampleOfWork=[{"@id": end} for end in ends],
                provider=self.agents.agent(bound.origin),
                usageInfo=self.agents.agreement(bound.agreement),
            )
            ids.append(id_)
            self.parts.append(id_)
        return ids

    def _values(self) -> list[str]:
        ids = []
        for name, value in self.run.binding.parameters.items():
            ends = [formal("parameter", name)]
            id_ = self.graph.add(
                f"#value-{name}",
                "PropertyValue",
                name=name,
                value=value if isinstance(value, int | float | str) and not isinstance(value, bool) else str(value),
                exampleOfWork=[{"@id": end} for end in ends],
            )
            self._example(ends, id_)
            ids.append(id_)
        return ids

    def _layers(self) -> list[str]:
        paths = []
        for layer in self.layers:
            path = f"layers/{layer.sha256}.json"
            self._file(path, f"Change layer: {layer.title}", [formal("input", "layers")], description=layer.reason)
            paths.append(path)
        return paths

    def _indicators(self) -> list[str]:
        ids = []
        for indicator in self.run.indicators:
            ends = [formal("indicator", indicator.name)]
            for branch, value in (("before", indicator.before), (AFTER, indicator.after)):
                if value is None:
                    continue
                id_ = self.graph.add(
                    f"#indicator-{indicator.name}-{branch}",
                    "PropertyValue",
                    name=f"{indicator.name}, {branch}",
                    value=value,
                    unitText=indicator.unit,
                    exampleOfWork=[{"@id": end} for end in ends],
                )
                self._example(ends, id_)
                ids.append(id_)
        return ids

    def _other_files(self) -> None:
        for path, title in (
            ("binding.json", "The binding: pinned versions of everything that determines the result"),
            ("run.json", "The run: states, steps, indicators, caveats"),
            ("indicators.csv", "Indicators"),
            ("log.txt", "Log"),
            ("README.md", "A readable description of this crate"),
        ):
            self._file(path, title, [], about="./" if path == "README.md" else "")

    def _file(self, path: str, title: str, ends: Sequence[str], *, description: str = "", about: str = "") -> None:
        body = self.files[path]
        self._example(ends, path)
        self.graph.add(
            path,
            "File",
            name=title,
            description=description,
            about={"@id": about} if about else None,
            encodingFormat=_MEDIA[path.rpartition(".")[2]],
            contentSize=str(len(body)),
            sha256=hashlib.sha256(body).hexdigest(),
            exampleOfWork=[{"@id": end} for end in ends],
        )

    # ---- what happened -----------------------------------------------------------------------------------------

    def _main_action(self, objects: Sequence[str], results: Sequence[str]) -> str:
        end = max((step.finished for step in self.run.steps if step.finished), default=self.run.updated)
        return self.graph.add(
            self.run.pid,
            "CreateAction",
            name=f"Run of {english(self.run.template.titles, self.run.template.iri)}",
            description=f"Result hash {self.run.result}; binding {self.run.binding.key}",
            instrument={"@id": WORKFLOW},
            object=ids_of(objects),
            result=ids_of(results),
            agent={"@id": _PERSON},
            startTime=_time(self.run.created),
            endTime=_time(end),
            actionStatus="http://schema.org/CompletedActionStatus",
        )

    def _step_action(self, step: StepRun, outputs: Mapping[str, Sequence[str]]) -> str:
        """Add the action of a step, and the action that controlled it; return the latter's id."""
        bound = bound_step(self.run.binding, step.name)
        objects = [
            one for source in self._step(step.name).wiring.values() for one in self._sources(source, step, outputs)
        ]
        if not isinstance(bound.card, Transformation):
            names = {parameter.name for parameter in bound.card.parameters}
            objects += [f"#value-{name}" for name in self.run.binding.parameters if name in names]
        title = english(bound.card.titles, bound.iri)
        sentences = [
            f"{title}, version {bound.version}, at {bound.origin}.",
            *(caveat.sentence for caveat in step.caveats),
        ]
        action = self.graph.add(
            f"#{step.branch}-{step.name}",
            "CreateAction",
            name=f"{step.name}, {step.branch}",
            description=" ".join(sentences),
            instrument={"@id": bound.version_iri},
            object=ids_of(list(dict.fromkeys(objects))),
            result=ids_of(
                [path for role in sorted(step.outputs) for path in outputs[f"{step.branch}/{step.name}.{role}"]]
            ),
            agent=self.agents.agent(bound.origin),
            startTime=_time(step.started),
            endTime=_time(step.finished),
            usageInfo=self.agents.agreement(step.agreement or bound.agreement),
            actionStatus="http://schema.org/CompletedActionStatus",
        )
        return self.graph.add(
            f"#control-{step.branch}-{step.name}",
            "ControlAction",
            name=f"control of {step.name}, {step.branch}",
            instrument={"@id": f"#step-{step.name}"},
            object={"@id": action},
        )

    def _sources(self, source: str, step: StepRun, outputs: Mapping[str, Sequence[str]]) -> list[str]:
        if "." in source:
            return list(outputs.get(f"{step.branch}/{source}", ()))
        bound = next((one for one in self.run.binding.inputs if one.role == source), None)
        if bound is None:
            return []
        rows_with_changes = [
            f"layers/{layer.sha256}.json"
            for layer in self.layers
            if step.branch == AFTER and (layer.target, layer.file) == (bound.iri, bound.file)
        ]
        return [bound.file_iri, *rows_with_changes]

    def _add_organize_action(self, controls: Sequence[str], main: str) -> None:
        self.graph.add(
            _ENGINE, "SoftwareApplication", name="Hansa", softwareVersion=__version__, url="https://w3id.org/hansa"
        )
        self.graph.add(
            "#organised",
            "OrganizeAction",
            name="Carrying out the steps",
            instrument={"@id": _ENGINE},
            object=ids_of(controls),
            result={"@id": main},
            agent={"@id": _NODE},
            startTime=_time(self.run.created),
        )

    def _fed_by(self, role: str) -> list[str]:
        return [
            formal("tool", f"{step.name}/{end}")
            for step in self.run.template.steps
            for end, source in step.wiring.items()
            if source == role
        ]

    # ---- who, and the crate itself ----------------------------------------------------------------------

    def _people(self) -> None:
        self.graph.add(_NODE, "Organization", name=self.name)
        self.graph.add(_PERSON, "Person", name=self.run.by, affiliation={"@id": _NODE})

    def _root(self, main: str) -> None:
        if self.licence == "#conditions":
            self.graph.add(
                "#conditions",
                "CreativeWork",
                name="Conditions of the inputs",
                description="What may be done with the results follows from the licences and agreements of all that "
                "they were computed from; each is named in this crate.",
            )
        else:
            self.graph.add(self.licence, "CreativeWork", name=self.licence)
        for iri, title, version in PROFILES:
            self.graph.add(iri, "CreativeWork", name=title, version=version)
        for iri in (FORMAL, WORKFLOW_PROFILE):
            self.graph.add(iri, "CreativeWork", name=iri.rsplit("/", 2)[1], version="1.0-RELEASE")
        self.main = main

    def _head(self) -> list[Entity]:
        title = english(self.run.template.titles, self.run.template.iri)
        return [
            {
                "@id": "ro-crate-metadata.json",
                "@type": "CreativeWork",
                "about": {"@id": "./"},
                "conformsTo": [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": PROFILES[-1][0]}],
            },
            {
                "@id": "./",
                "@type": "Dataset",
                "name": f"Run of {title}",
                "description": english(self.run.template.goal, title),
                "datePublished": _time(self.run.updated),
                "license": {"@id": self.licence},
                "author": {"@id": _NODE},
                "publisher": {"@id": _NODE},
                "conformsTo": [{"@id": iri} for iri, _, _ in PROFILES],
                "mainEntity": {"@id": WORKFLOW},
                "mentions": ids_of(
                    [self.main, "#organised", *(f"#{step.branch}-{step.name}" for step in self.run.steps)]
                ),
                "hasPart": ids_of(self.parts),
            },
        ]

    def _step(self, name: str) -> Step:
        return next(step for step in self.run.template.steps if step.name == name)

    def _example(self, ends: Sequence[str], id_: str) -> None:
        for end in ends:
            self.examples.setdefault(end, []).append(id_)


def _single(entity: Entity) -> Entity:
    """Replace lists of one item by the item: RO-Crate 1.1 requires flat, compact JSON-LD."""
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in entity.items()
    }


def _time(at: datetime | None) -> str | None:
    """Return a time with an offset, as validators of the profiles require: they do not accept Z as one."""
    return None if at is None else at.astimezone(UTC).isoformat()
