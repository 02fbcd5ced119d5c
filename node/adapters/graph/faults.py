"""Errors of the graph store, in words."""

from __future__ import annotations

from pathlib import Path

from node.base.errors import Damaged, LocalFault, NoRoom, is_full


def unusable(folder: Path, error: Exception) -> LocalFault:
    """Return the fault for an ``error`` of the engine at the store in ``folder``."""
    reason = str(error)
    # Not every "lock" means a lock: a damaged file is reported as "block checksum mismatch".
    if f"{folder}/LOCK:" in reason:
        return LocalFault(
            f"the graph store in {folder} is in use by another process",
            remedy="stop the other process; one data folder belongs to one node",
        )
    if is_full(reason):
        return NoRoom(
            "the disk of the SPARQL store is full", remedy="free disk space: the store then catches up by itself"
        )
    return damage_fault(f"the graph store in {folder} cannot be used: {reason}")


def damage_fault(particulars: str) -> Damaged:
    """Return the fault for a damaged store; ``particulars`` are for the log."""
    fault = Damaged(
        "the graph store is damaged", remedy="try again in a moment: the node rebuilds it from the ledger"
    )
    fault.add_note(particulars)
    return fault
