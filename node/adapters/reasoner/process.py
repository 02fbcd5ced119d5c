"""The process that asks HermiT through owlready2; it gives up network and files before it reads the ontology.

``python -m node.adapters.reasoner.process FOLDER``: reads ``request.json`` in the folder and writes ``report.json``.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node.adapters.reasoner.justification import OutOfQuestions, justify
from node.cage.programs import give_up

_RINGS = 6


class Questions:
    """Questions to the reasoner about some of the axioms, up to a number and a time."""

    def __init__(
        self, declarations: Sequence[str], axioms: Sequence[Sequence[str]], *, most: int, until: float
    ) -> None:
        self._declarations = declarations
        self._axioms = axioms
        self._left = most
        self._until = until

    def ask(self, numbers: Sequence[int]) -> dict[str, Any]:
        """Return whether these axioms are consistent, the classes without members, and the classes above each."""
        import owlready2

        if self._left <= 0 or time.monotonic() > self._until:
            raise OutOfQuestions
        self._left -= 1
        lines = [*self._declarations, *(line for number in numbers for line in self._axioms[number])]
        world = owlready2.World()
        ontology = world.get_ontology("urn:hansa:ontology").load(fileobj=io.BytesIO("\n".join(lines).encode()))
        statements = {
            (name.iri, above.iri) for name in world.classes() for above in name.is_a if hasattr(above, "iri")
        }
        try:
            with ontology:
                owlready2.sync_reasoner_hermit(world, debug=0, ignore_unsupported_datatypes=True)
        except owlready2.OwlReadyInconsistentOntologyError:
            return {"consistent": False, "empty": [], "below": []}
        nothing = owlready2.Nothing
        empty = sorted(name.iri for name in world.inconsistent_classes() if name is not nothing)
        pairs = {
            (name.iri, above.iri)
            for name in world.classes()
            for above in name.is_a
            if isinstance(above, owlready2.ThingClass) and above not in (nothing, owlready2.Thing)
        }
        return {"consistent": True, "empty": empty, "below": sorted(pairs - statements)}


def report(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answers to a request: the whole ontology first, then a justification for what is wrong."""
    axioms = request["axioms"]
    terms = [frozenset(words) for words in request["terms"]]
    until = time.monotonic() + request["seconds"]
    questions = Questions(request["declarations"], axioms, most=request["questions"], until=until)
    everything = range(len(axioms))
    answer = questions.ask(everything)
    reasons: dict[str, Any] = {}
    if not answer["consistent"]:
        numbers, minimal = justify(everything, (), lambda some: not questions.ask(some)["consistent"])
        reasons[""] = {"axioms": numbers, "minimal": minimal}
    for iri in answer["empty"][: request["explained"]]:
        rings = _rings(iri, terms)
        numbers, minimal = justify(everything, rings, lambda some, iri=iri: iri in questions.ask(some)["empty"])  # type: ignore[misc]
        reasons[iri] = {"axioms": numbers, "minimal": minimal}
    return {**answer, "reasons": reasons}


def _rings(iri: str, terms: Sequence[frozenset[str]]) -> list[list[int]]:
    """Return the axioms within one, two … steps of a term: an axiom is a step between its terms."""
    rings: list[list[int]] = []
    near = {iri}
    for _ in range(_RINGS):
        ring = [number for number, words in enumerate(terms) if words & near]
        if rings and len(ring) == len(rings[-1]):
            break
        rings.append(ring)
        near |= {word for number in ring for word in terms[number]}
    return rings


def main() -> None:
    folder = Path(sys.argv[1])
    request = json.loads((folder / "request.json").read_bytes())
    # The libraries are loaded before; what comes after sees only this folder.
    import owlready2
    from owlready2 import reasoning

    owlready2.JAVA_EXE = request["java"]
    reasoning.JAVA_MEMORY = request["megabytes"]
    tempfile.tempdir = str(folder)
    give_up(folder, [request["java"], *request["readable"]], seconds=request["processor"])
    (folder / "report.json").write_text(json.dumps(report(request)), "utf-8")


if __name__ == "__main__":
    main()
