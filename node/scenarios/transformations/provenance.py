"""The provenance of a file that transformations made, as statements of PROV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from node.vocab.namespaces import PREFIXES


def provenance(
    source: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], name: str, sha256: str
) -> dict[str, Any]:
    """Return the statements (JSON-LD) about the file ``name`` with this hash: each step, the rows that it took and
    those it made.

    ``source`` is the file that there was before: ``name`` and ``sha256``. Each of ``steps`` has the address
    ``transformation`` or the name of a file, ``output`` (the hash of the rows in canonical form), and possibly its
    ``version`` and ``sha256``. Rows are named by the SHA-256 of their canonical form, files by that of their bytes.
    """
    before = str(source["sha256"])
    graph: list[dict[str, Any]] = [{"@id": _hash(before), "@type": "prov:Entity", "dct:title": source["name"]}]
    for number, step in enumerate(steps, 1):
        after, plan = str(step["output"]), str(step["transformation"])
        particulars = {"@id": plan if ":" in plan else f"urn:file:{quote(plan)}"}
        if "version" in step:
            particulars["dcat:version"] = str(step["version"])
        if "sha256" in step:
            particulars["dct:identifier"] = _hash(str(step["sha256"]))
        graph += [
            {
                "@id": f"_:step{number}",
                "@type": "prov:Activity",
                "prov:used": {"@id": _hash(before)},
                "prov:qualifiedAssociation": {"@type": "prov:Association", "prov:hadPlan": particulars},
            },
            {
                "@id": _hash(after),
                "@type": "prov:Entity",
                "prov:wasGeneratedBy": {"@id": f"_:step{number}"},
                "prov:wasDerivedFrom": {"@id": _hash(before)},
            },
        ]
        before = after
    file = {"@id": _hash(sha256), "@type": "prov:Entity", "dct:title": name}
    graph.append(file if sha256 == before else {**file, "prov:alternateOf": {"@id": _hash(before)}})
    return {"@context": {prefix: PREFIXES[prefix] for prefix in ("prov", "dct", "dcat")}, "@graph": graph}


def _hash(sha256: str) -> str:
    return f"urn:sha256:{sha256}"
