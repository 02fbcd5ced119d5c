"""A run as an RO-Crate: a zip that anybody can open, read and check without any of our software.

RO-Crate 1.1 with the profiles Workflow RO-Crate 1.0 and Process, Workflow and Provenance Run Crate 0.5
(https://www.researchobject.org/workflow-run-crate/): the newest that validate together. It contains the scenario's
template and binding, change layers, the outputs of each step (as a table or a map, and in the canonical form that has
the hash), indicators, the log, and a README in words. It does not contain input data: their conditions decide who may
have them, so the crate names them by version and hash.

The same run gives the same bytes on any machine: members are in one order, without times, and uncompressed, since
compressors differ.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.base.errors import LocalFault
from node.scenarios.chain.wiring import bound_step, output_port
from node.scenarios.crate.graph import graph_of
from node.scenarios.crate.plan import Graph
from node.scenarios.crate.readme import indicators_csv, readme
from node.scenarios.layers.serialization import layer_to_json
from node.scenarios.model import GEOMETRY, Layer
from node.scenarios.run_model import Run
from node.scenarios.run_view import binding_json, run_json
from node.scenarios.serialization import to_json
from node.scenarios.tables.rows import canonical_csv, canonical_geojson, read_canonical

METADATA: Final = "ro-crate-metadata.json"
_FIRST: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can store."""

_CONTEXT: Final = (
    "https://w3id.org/ro/crate/1.1/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
)


def write_crate(
    run: Run, outputs: Mapping[str, bytes], layers: Sequence[Layer], name: str, *, licence: str = ""
) -> bytes:
    """Return the crate of ``run``, which has ended.

    ``outputs`` are the canonical rows of each output, by ``branch/step.output``; ``layers`` are those of the run's
    binding; ``name`` is that of the node's organisation; ``licence`` is the IRI of the result's licence; without one,
    the crate states that the conditions of the inputs bind the result. Raises ``LocalFault`` if bytes are missing or
    differ from those that the run gave.
    """
    _check_outputs(run, outputs)
    files = _files(run, outputs, layers)
    files["README.md"] = readme(run, layers, name).encode()
    graph = graph_of(run, layers, files, name=name, licence=licence)
    document = {"@context": list(_CONTEXT), "@graph": graph.entities}
    faults = faults_of(graph)
    if faults:
        raise LocalFault(f"the bundle contradicts itself: {faults[0]}")
    return _zip({METADATA: _pretty(document), **files})


def faults_of(graph: Graph) -> list[str]:
    """Return the faults of a graph and of the files that it describes, in sentences; empty if there are none.

    It checks what validators of the profiles ignore: references without a target, files that are missing or not
    described, and hashes and sizes that differ from those of the files.
    """
    faults: list[str] = []
    ids = [str(thing.get("@id")) for thing in graph.entities]
    faults += [f"{thing} is described twice" for thing in sorted({thing for thing in ids if ids.count(thing) > 1})]
    known_ids = set(ids)
    for entity in graph.entities:
        for property_, to in _references(entity):
            if to not in known_ids and property_ not in _OUTWARD:
                faults.append(f"{property_} of {entity.get('@id')} leads to {to}, which is not described")
    entities = {str(thing["@id"]): thing for thing in graph.entities if "@id" in thing}
    for path, body in graph.files.items():
        if path not in entities:
            faults.append(f"{path} is not described")
            continue
        entity = entities[path]
        if entity.get("sha256") != hashlib.sha256(body).hexdigest():
            faults.append(f"{path} does not have the stated hash")
        if entity.get("contentSize") != str(len(body)):
            faults.append(f"{path} does not have the stated size")
    for entity in graph.entities:
        path = str(entity.get("@id"))
        local = "File" in _as_list(entity.get("@type")) and ":" not in path.partition("/")[0]
        if local and path not in graph.files:
            faults.append(f"{path} is described, but missing")
    return faults


_OUTWARD: Final = frozenset({"conformsTo"})
"""Properties whose values may be web addresses that the crate does not describe."""


def _references(entity: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (property_, str(reference["@id"]))
        for property_, value in entity.items()
        for reference in _as_list(value)
        if isinstance(reference, Mapping) and "@id" in reference
    ]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check_outputs(run: Run, outputs: Mapping[str, bytes]) -> None:
    for step in run.steps:
        for role, sha256 in step.outputs.items():
            place = f"{step.branch}/{step.name}.{role}"
            if place not in outputs:
                raise LocalFault(f"the bytes of {place} are missing")
            if hashlib.sha256(outputs[place]).hexdigest() != sha256:
                raise LocalFault(f"the bytes of {place} differ from the output of the run")


def _files(run: Run, outputs: Mapping[str, bytes], layers: Sequence[Layer]) -> dict[str, bytes]:
    """Return path → bytes, in the order of the zip."""
    files = {
        "scenario.json": _pretty(to_json(run.template)),
        "binding.json": _pretty(binding_json(run.binding)),
        "run.json": _pretty(run_json(run)),
    }
    for layer in layers:
        files[f"layers/{layer.sha256}.json"] = _pretty(layer_to_json(layer))
    for step in run.steps:
        wiring = next(one.wiring for one in run.template.steps if one.name == step.name)
        for role in sorted(step.outputs):
            body = outputs[f"{step.branch}/{step.name}.{role}"]
            rows = read_canonical(body)
            port = output_port(bound_step(run.binding, step.name).card, wiring, role)
            stem = f"outputs/{step.branch}/{step.name}.{role}"
            if any(row.get(GEOMETRY) for row in rows):
                files[f"{stem}.geojson"] = canonical_geojson(rows, port)
            else:
                files[f"{stem}.csv"] = canonical_csv(rows, port)
            files[f"{stem}.json"] = body
    files["indicators.csv"] = indicators_csv(run).encode()
    files["log.txt"] = "".join(f"{entry}\n" for entry in run.log).encode()
    return files


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def _zip(files: Mapping[str, bytes]) -> bytes:
    sheet = io.BytesIO()
    with zipfile.ZipFile(sheet, "w", zipfile.ZIP_STORED) as archive:
        for path, body in files.items():
            entry = zipfile.ZipInfo(path, _FIRST)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body)
    return sheet.getvalue()
