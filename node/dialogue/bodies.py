"""The parts that the bodies of both protocols' messages share (DSP 2025-1 §7.2, §9.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.base.ids import new_urn
from node.dialogue.process import Process
from node.dialogue.wire import in_version
from node.vocab.dsp import VERSIONS, DspVersion


def head(process: Process, kind: str) -> dict[str, Any]:
    """Return the first members of a message of type ``kind``, with an id of its own."""
    return {"@context": [VERSIONS[process.version].context], "@type": kind, "@id": new_urn()}


def pids(process: Process) -> dict[str, Any]:
    """Return the ids of both sides; ours stands for the peer's while that is unknown."""
    ours, theirs = process.pid, process.peer_pid or process.pid
    if process.role == "provider":
        return {"providerPid": ours, "consumerPid": theirs}
    return {"providerPid": theirs, "consumerPid": ours}


def error(
    kind: str, version: DspVersion, *, provider_pid: str, consumer_pid: str, code: str, reason: Sequence[Any]
) -> dict[str, Any]:
    """Return an error of type ``kind``: ``ContractNegotiationError`` or ``TransferError``."""
    body = {
        "@context": [version.context],
        "@type": kind,
        "providerPid": provider_pid,
        "consumerPid": consumer_pid,
        "code": code,
        "reason": list(reason) or [code],
    }
    return in_version(body)


def refusal(kind: str, process: Process, code: str, reason: Sequence[Any]) -> dict[str, Any]:
    """Return the error of type ``kind`` for a message of ``process`` that is refused."""
    ids = pids(process)
    return error(
        kind,
        VERSIONS[process.version],
        provider_pid=ids["providerPid"],
        consumer_pid=ids["consumerPid"],
        code=code,
        reason=reason,
    )
