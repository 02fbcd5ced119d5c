"""Files that are made before they are published: of another file, through transformations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.base.errors import InvalidInput
from node.cli.commands.meaning.transformations import carry_out_here, write_rows
from node.cli.descriptions import RDF
from node.cli.yamls import read_description

if TYPE_CHECKING:
    from node.client import HansaClient

_MOST = 4 << 20
_REMEDY = "write path: hours.csv, made_from: quarters.csv and made_by: transformation/hourly"


def make_files(client: HansaClient, description: Path) -> None:
    """Make the files of a description (YAML) whose entries say ``made_from`` and ``made_by``, with their provenance
    beside them. Transformations are descriptions on this machine, carried out here in the cage, or those of the
    catalogue. Raises ``InvalidInput``, and what a transformation that does not work raises."""
    entries = () if description.suffix.lower() in RDF else _entries(read_description(description)[0])
    for entry in entries:
        source = description.parent / str(entry.get("made_from", ""))
        steps = entry.get("made_by", [])
        steps = [str(step) for step in (steps if isinstance(steps, list) else [steps])]
        if not source.is_file() or not steps or "path" not in entry:
            raise InvalidInput(f"{source} is no file, or made_by or path is missing", remedy=_REMEDY)
        target = description.parent / str(entry["path"])
        if target.resolve() == source.resolve():
            raise InvalidInput(f"{target} would be made of itself", remedy=_REMEDY)
        paths = [description.parent / step for step in steps]
        if all(path.is_file() for path in paths):
            answer = carry_out_here(paths, source, whole=True)
        elif source.stat().st_size > _MOST:
            raise InvalidInput(
                f"{source} has more than {_MOST >> 20} MB",
                remedy="save the description of the transformation on this machine, and name that file",
            )
        else:
            answer = client.try_transformation(steps, source, whole=True)
        write_rows(answer, target)


def state_origins(submission: Mapping[str, Any], folder: Path) -> None:
    """Say in a submission of what its files were made, unless it says something about its provenance already."""
    fields = submission.get("fields") or {}
    texts = [_statement(folder / str(entry["path"])) for entry in _entries(fields)]
    if texts and "provenance" not in fields and "origin" not in fields:
        fields["provenance"] = " ".join(texts)


def _entries(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    files = fields.get("files")
    entries = files if isinstance(files, list) else []
    return [entry for entry in entries if isinstance(entry, Mapping) and ("made_from" in entry or "made_by" in entry)]


def _statement(path: Path) -> str:
    """Return the provenance of a file in one sentence, of the statements beside it."""
    graph = json.loads(path.with_name(f"{path.name}.prov.jsonld").read_text("utf-8"))["@graph"]
    source, plans = graph[0], []
    for node in graph:
        plan = node.get("prov:qualifiedAssociation", {}).get("prov:hadPlan")
        if plan is not None:
            version = f" (version {plan['dcat:version']})" if "dcat:version" in plan else ""
            plans.append(f"{plan['@id'].removeprefix('urn:file:')}{version}")
    return f"{path.name}: {source['dct:title']} ({source['@id'].removeprefix('urn:')}) → {' → '.join(plans)}."
