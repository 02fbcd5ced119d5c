"""Find which imports of an ontology its readers will miss, before it is published.

Findings are shown with the record. So they are about what its readers may see: an ontology that is hidden from them
is missing like one that is not here, and what it imports is not named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from node.catalogue.meaning.imports import Imports, ImportState
from node.catalogue.model import Record
from node.semantics.findings.files import file_finding
from node.semantics.model import Finding

_NAMED: Final = 10


def import_gaps(draft: Record, imports: Imports) -> Iterator[Finding]:
    """Yield a warning for each import of a draft that its readers do not find in the catalogue, or that is beyond the
    limits; ten of each kind at most."""
    counts: Counter[str] = Counter()
    for entry in imports.for_readers(draft).imports:
        if entry.state is ImportState.FOUND:
            continue
        key = "import-too-many" if entry.state is ImportState.TOO_MANY else "import-missing"
        counts[key] += 1
        if counts[key] <= _NAMED:
            yield file_finding(key, f"ontology:{key}", field="imports", value=entry.name, name=entry.name)
