"""Ask HermiT about an ontology, in a confined process."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from node.base.errors import LocalFault, Overloaded
from node.cage.programs import keeps_from_files, run_module
from node.semantics.ontologies.axioms import Axioms
from node.semantics.ontologies.consistency import MOST_AXIOMS, Consistency, Justification, Verdict

SECONDS: Final = 90.0
MEGABYTES: Final = 1024
QUESTIONS: Final = 40
EXPLAINED: Final = 3
"""Classes without members that are explained; all are listed."""
_MODULE: Final = "node.adapters.reasoner.process"
_READABLE: Final = ("/etc", "/proc", "/sys/fs/cgroup", "/dev/random")
"""Further places that Java reads: its settings, and how much memory there is."""


class HermitReasoner:
    """Checks ontologies with HermiT, which needs Java. It blocks."""

    def __init__(self, *, seconds: float = SECONDS, java: str | None = None) -> None:
        """``seconds``: the most for one ontology. ``java``: the program; by default it is looked for."""
        self._seconds = seconds
        self._java = java

    def __call__(self, nquads: bytes, iri: str) -> Consistency:
        """Return the verdict about the ontology in ``nquads``; ``iri`` is the address of its record."""
        axioms = Axioms(nquads, iri)
        java = _java() if self._java is None else self._java
        if not java:
            return _without(Verdict.NO_JAVA, axioms)
        if find_spec("owlready2") is None:
            return _without(Verdict.NO_LIBRARY, axioms)
        if len(axioms.axioms) > MOST_AXIOMS:
            return _without(Verdict.TOO_LARGE, axioms)
        if not keeps_from_files():
            return _without(Verdict.NOT_CONFINED, axioms)
        with tempfile.TemporaryDirectory(prefix="hansa-reasoner-") as name:
            folder = Path(name)
            (folder / "request.json").write_text(json.dumps(self._request(axioms, java)), "utf-8")
            try:
                run_module(_MODULE, folder, seconds=self._seconds)
                report = json.loads((folder / "report.json").read_bytes())
            except Overloaded:
                return _without(Verdict.TOO_LONG, axioms)
            except (LocalFault, OSError, ValueError):
                return _without(Verdict.FAILED, axioms)
        return _consistency(report, axioms)

    def _request(self, axioms: Axioms, java: str) -> dict[str, Any]:
        return {
            "declarations": axioms.declarations,
            "axioms": [axiom.lines for axiom in axioms.axioms],
            "terms": [sorted(axiom.terms) for axiom in axioms.axioms],
            "java": java,
            "megabytes": MEGABYTES,
            "readable": list(_READABLE),
            "questions": QUESTIONS,
            "explained": EXPLAINED,
            # The whole has to be answered; the time for reasons ends before the process does.
            "seconds": self._seconds * 0.6,
            "processor": int(self._seconds) + 1,
        }


@cache
def _java() -> str:
    """Return the Java of this machine; empty if there is none."""
    path = shutil.which("java", path=os.defpath) or shutil.which("java")
    return os.path.realpath(path) if path else ""


def _consistency(report: dict[str, Any], axioms: Axioms) -> Consistency:
    reasons = {
        iri: Justification(axioms=tuple(reason["axioms"]), minimal=reason["minimal"])
        for iri, reason in report["reasons"].items()
    }
    verdict = Verdict.CONSISTENT if report["consistent"] else Verdict.INCONSISTENT
    return Consistency(
        verdict=Verdict.EMPTY_CLASSES if report["empty"] else verdict,
        axioms=axioms,
        empty=tuple(report["empty"]),
        below=tuple((name, above) for name, above in report["below"]),
        reasons=reasons,
    )


def _without(verdict: Verdict, axioms: Axioms) -> Consistency:
    return Consistency(verdict=verdict, axioms=axioms, reasons={})
