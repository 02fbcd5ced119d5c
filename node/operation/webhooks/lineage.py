"""Runs and exchanges as events of OpenLineage (specification 2-0-2, ``RunEvent``), for catalogues of lineage.

A job is a scenario, or the exchange of an asset; its run has the id of the run or transfer of this node. A dataset is
named by its address, in the name space of the participant that has it: so the data that an exchange brought here are
those that a run here reads. An event says what the ledger says: times, versions and states, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from node.base.clock import stamp
from node.base.jsons import canonical, read_object
from node.base.work import Transaction
from node.dialogue.process import Process, Role
from node.ledger.model import Entry, EntryKind
from node.transfer import machine as transferring

PREFIX: Final = "openlineage."
RUN: Final = f"{PREFIX}run"
EXCHANGE: Final = f"{PREFIX}exchange"
LINEAGE_KINDS: Final[Mapping[str, str]] = {
    RUN: "a run of a scenario started or ended, as an event of OpenLineage",
    EXCHANGE: "a transfer started or ended, as an event of OpenLineage",
}
"""The kinds of events of OpenLineage, with what they tell."""

CONTENT_TYPE: Final = "application/json"

_PRODUCER: Final = "https://w3id.org/hansa"
_SPECIFICATION: Final = "https://openlineage.io/spec"
_SCHEMA: Final = f"{_SPECIFICATION}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_URN: Final = "urn:uuid:"
_OF_RUN: Final = {"running": "START", "successful": "COMPLETE", "failed": "FAIL", "dismissed": "ABORT"}
_OF_TRANSFER: Final = {
    transferring.STARTED: "START",
    transferring.COMPLETED: "COMPLETE",
    transferring.TERMINATED: "ABORT",
}


class Transfers(Protocol):
    """Reads a transfer (``node.transfer.ports.TransferStore``)."""

    def get(self, tx: Transaction, pid: str) -> Process | None: ...


def is_lineage(kind: str) -> bool:
    """Return whether events of this kind are events of OpenLineage."""
    return kind.startswith(PREFIX)


def lineage_kind_of(entry: Entry) -> str | None:
    """Return the kind of the event of OpenLineage that an entry tells; None if it tells none."""
    if not entry.subject.startswith(_URN):
        return None
    body = read_object(entry.body)
    if entry.kind is EntryKind.RUN and "run" in body:
        return RUN if body.get("state") in _OF_RUN else None
    is_transfer = entry.kind is EntryKind.PROCESS and body.get("process") == transferring.TABLE.name
    return EXCHANGE if is_transfer and body.get("state") in _OF_TRANSFER else None


class LineageTexts:
    """Writes events of OpenLineage. ``me`` is the DID of this node, the name space of its jobs."""

    def __init__(self, me: str, transfers: Transfers) -> None:
        self._me = me
        self._transfers = transfers

    def text_of(self, tx: Transaction, entry: Entry, kind: str) -> bytes:
        """Return the event of this ``kind`` that ``entry`` tells."""
        body = read_object(entry.body)
        event = self._run(body) if kind == RUN else self._exchange(tx, entry, body)
        run = {"runId": entry.subject.removeprefix(_URN), "facets": event.pop("facets", {})}
        return self._text({"eventTime": stamp(entry.at), "run": run, **event})

    def test_text(self, event_id: str, name: str, at: str) -> bytes:
        """Return the event that a test of the webhook ``name`` sends: of a job that does nothing."""
        job = self._job(f"test of the webhook {name}", "TEST")
        run = {"runId": event_id.removeprefix(_URN)}
        return self._text(
            {"eventType": "OTHER", "eventTime": at, "run": run, "job": job, "inputs": [], "outputs": []}
        )

    def _text(self, event: Mapping[str, Any]) -> bytes:
        return canonical({**event, "producer": _PRODUCER, "schemaURL": _SCHEMA})

    def _run(self, body: Mapping[str, Any]) -> dict[str, Any]:
        inputs = [_dataset(self._me, entry["asset"], entry["version"]) for entry in body.get("inputs", ())]
        outputs = [_dataset(self._me, body["run"], body["result"])] if body.get("result") else []
        error = body.get("error")
        facets = {"errorMessage": _facet("1-0-1/ErrorMessageRunFacet", message=error, programmingLanguage="Python")}
        return {
            "eventType": _OF_RUN[body["state"]],
            "job": self._job(str(body["scenario"]), "RUN"),
            "inputs": [*inputs, _dataset(self._me, body["scenario"], body["version"])],
            "outputs": outputs,
            "facets": facets if error else {},
        }

    def _exchange(self, tx: Transaction, entry: Entry, body: Mapping[str, Any]) -> dict[str, Any]:
        transfer = self._transfers.get(tx, entry.subject)
        asset = str(getattr(transfer, "dataset", ""))
        is_provider = body["role"] == Role.PROVIDER
        ends = (self._me, str(body["peer"])) if is_provider else (str(body["peer"]), self._me)
        source, target = (_dataset(end, asset, getattr(transfer, "asset_version", None)) for end in ends)
        return {
            "eventType": _OF_TRANSFER[body["state"]],
            "job": self._job(f"exchange of {asset}", "EXCHANGE"),
            "inputs": [source] if asset else [],
            "outputs": [target] if asset else [],
        }

    def _job(self, name: str, kind: str) -> dict[str, Any]:
        facet = _facet("2-0-3/JobTypeJobFacet", processingType="BATCH", integration="HANSA", jobType=kind)
        return {"namespace": self._me, "name": name, "facets": {"jobType": facet}}


def _dataset(participant: str, asset: Any, version: Any) -> dict[str, Any]:
    dataset: dict[str, Any] = {"namespace": participant, "name": str(asset)}
    if version:
        dataset["facets"] = {"version": _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=str(version))}
    return dataset


def _facet(name: str, **members: Any) -> dict[str, Any]:
    path, _, facet = name.partition("/")
    schema = f"{_SPECIFICATION}/facets/{path}/{facet}.json#/$defs/{facet}"
    return {"_producer": _PRODUCER, "_schemaURL": schema, **members}
