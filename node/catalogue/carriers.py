"""What this node can deliver under an agreement: each data plane is asked, nothing is assumed.

An offer is a promise: who signs an agreement must get what it is about. An asset whose bytes lie behind a URL, in a
service or with a broker can be described here, but no data plane of this node delivers it under conditions. So such
an asset is not offered in the Dataspace Protocol's catalogue and not negotiated, and publishing it under conditions
is refused. An asset that is free for everybody may be published all the same: its description says where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from node.catalogue.access import AccessCode, access_code_of
from node.catalogue.findings import CATALOGUE, finding
from node.catalogue.model import Record
from node.catalogue.statements import Statements
from node.semantics.model import File, Finding
from node.vocab.dsp import EXECUTE, PULL, PUSH
from node.vocab.namespaces import HANSA_MODEL

NOT_DELIVERABLE: Final = "not-deliverable"
"""The code with which a negotiation about an asset ends that this node cannot deliver."""

WHY: Final = "this node describes the asset and has no bytes of it and no model to run: it cannot deliver it"


class Carrier(Protocol):
    """A data plane of this node, as the catalogue sees it."""

    def formats(self, record: Record) -> Sequence[str]:
        """The transfer formats in which it delivers ``record`` under an agreement; empty where it cannot."""


class RunsModels:
    """A model is called where it runs: with code of its own here, or with an end point that this node calls."""

    def formats(self, record: Record) -> Sequence[str]:
        return (EXECUTE,) if runnable(record) else ()


class StoredFiles:
    """Files whose bytes this node keeps are pulled or pushed; those of a model are pulled."""

    def formats(self, record: Record) -> Sequence[str]:
        if not stored_files(record):
            return ()
        return (PULL,) if record.kind == "model" else (PULL, PUSH)


class Carriers:
    """All data planes of a node."""

    def __init__(self, carriers: Sequence[Carrier]) -> None:
        self._carriers = tuple(carriers)

    def formats(self, record: Record) -> tuple[str, ...]:
        """The transfer formats of ``record``, each once; empty where no data plane delivers it."""
        forms = (form for carrier in self._carriers for form in carrier.formats(record))
        return tuple(dict.fromkeys(forms))

    def deliver(self, record: Record) -> bool:
        """Whether any data plane delivers ``record`` under an agreement."""
        return bool(self.formats(record))

    def breaks_promise(self, record: Record) -> bool:
        """Whether ``record`` is offered under conditions and cannot be delivered under them. What is free for
        everybody promises no delivery by this node."""
        if record.withdrawn or record.offer is None or self.deliver(record):
            return False
        return access_code_of(record) is not AccessCode.OPEN

    def findings(self, record: Record) -> tuple[Finding, ...]:
        """A violation where publishing ``record`` would offer what cannot be delivered."""
        if not self.breaks_promise(record):
            return ()
        return (
            finding(
                "conditions:not-deliverable",
                CATALOGUE.in_all("not-deliverable.message"),
                why=CATALOGUE.in_all("not-deliverable.why"),
                remedy=CATALOGUE.in_all("not-deliverable.remedy"),
                field="conditions",
                severity="violation",
            ),
        )


def runnable(record: Record) -> bool:
    """Whether a record describes a model that its node can run: one with code, or with an end point to call."""
    if record.kind != "model":
        return False
    stated = Statements(record)
    return any(stated.own(f"{HANSA_MODEL}{name}") for name in ("codeSha256", "endpoint"))


def stored_files(record: Record) -> tuple[File, ...]:
    """The files of ``record`` whose bytes its node keeps, in the order of the description."""
    return tuple(file for file in record.files if file.source is None)


OWN: Final = Carriers((RunsModels(), StoredFiles()))
"""The data planes that come with Hansa."""
