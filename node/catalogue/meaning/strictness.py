"""The strictness that a schema asks for: to warn of changes and of data that break it, or to refuse them."""

from __future__ import annotations

from typing import Final

from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri
from node.catalogue.statements import Statements
from node.vocab.namespaces import HANSA

BREAKING_CHANGES: Final = f"{HANSA}onBreakingChange"
"""The property of a schema that says what happens to a new version that breaks data."""
WRONG_DATA: Final = f"{HANSA}onWrongData"
"""The property of a schema that says what happens to data that do not conform to it."""
WARN: Final = f"{HANSA}Warn"
REFUSE: Final = f"{HANSA}Refuse"


def strictness(schema: Record, property_: str, default: str = WARN) -> str:
    """Return ``WARN`` or ``REFUSE``: what ``schema`` says by ``property_``; ``default``, if it says nothing."""
    stated = {iri_of(term) for term in Statements(schema).own(property_) if is_iri(term)}
    return next((strictness for strictness in (REFUSE, WARN) if strictness in stated), default)
