"""Proofs for others: their JSON form, and their verification against checkpoints."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from node.base.errors import InvalidInput
from node.ledger import merkle
from node.ledger.model import Checkpoint, ConsistencyProof, InclusionProof

MAX_PATH = 128
"""The most hashes in a proof: no tree is so high that a proof needs more."""


def check_inclusion(proof: InclusionProof, checkpoint: Checkpoint) -> None:
    """Check that the checkpoint's tree contains the leaf of ``proof`` (RFC 9162 §2.1.3.2).

    The checkpoint must have been opened with a trusted key, and the caller must have computed
    ``proof.leaf_hash`` from the entry itself. Raises ``InvalidInput`` if the proof is not valid.
    """
    if proof.size != checkpoint.size:
        raise InvalidInput(f"the proof is for size {proof.size}, the checkpoint for size {checkpoint.size}")
    merkle.verify_inclusion(proof.leaf_hash, proof.index, proof.size, proof.path, checkpoint.root)


def check_consistency(proof: ConsistencyProof, old: Checkpoint, new: Checkpoint) -> None:
    """Check that the ledger at ``new`` begins with what it was at ``old`` (RFC 9162 §2.1.4.2).

    Both checkpoints must have been opened with trusted keys. Raises ``InvalidInput`` if the proof is not valid.
    """
    if old.origin != new.origin:
        raise InvalidInput("the checkpoints are of two different ledgers")
    if (proof.old, proof.new) != (old.size, new.size):
        raise InvalidInput(
            f"the proof leads from size {proof.old} to {proof.new}, the checkpoints from {old.size} to {new.size}"
        )
    merkle.verify_consistency(old.size, new.size, proof.path, old.root, new.root)


def inclusion_to_json(proof: InclusionProof) -> dict[str, Any]:
    """Return ``{index, size, leafHash, path}`` with hashes in Base64."""
    return {
        "index": proof.index,
        "size": proof.size,
        "leafHash": _encode(proof.leaf_hash),
        "path": [_encode(hashed) for hashed in proof.path],
    }


def inclusion_from_json(members: Mapping[str, Any]) -> InclusionProof:
    """Read the result of ``inclusion_to_json``, without verifying the proof. Raises ``InvalidInput``."""
    return InclusionProof(
        index=_number(members, "index"),
        size=_number(members, "size"),
        leaf_hash=_hash(members.get("leafHash")),
        path=_path(members),
    )


def consistency_to_json(proof: ConsistencyProof) -> dict[str, Any]:
    """Return ``{old, new, path}`` with hashes in Base64."""
    return {"old": proof.old, "new": proof.new, "path": [_encode(hashed) for hashed in proof.path]}


def consistency_from_json(members: Mapping[str, Any]) -> ConsistencyProof:
    """Read the result of ``consistency_to_json``, without verifying the proof. Raises ``InvalidInput``."""
    return ConsistencyProof(old=_number(members, "old"), new=_number(members, "new"), path=_path(members))


def _encode(hash_: bytes) -> str:
    return base64.b64encode(hash_).decode("ascii")


def _number(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidInput(f"the proof lacks the number {name!r}")
    return value


def read_hash(value: object, what: str = "a hash") -> bytes:
    """Return a hash of a Merkle tree from its Base64. Raises ``InvalidInput``, which names ``what``, otherwise."""
    try:
        digest = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{what} is not Base64") from error
    if len(digest) != merkle.HASH_SIZE:
        raise InvalidInput(f"{what} has {merkle.HASH_SIZE} bytes in Base64")
    return digest


def _hash(value: Any) -> bytes:
    return read_hash(value, "a hash of the proof")


def _path(members: Mapping[str, Any]) -> tuple[bytes, ...]:
    path = members.get("path")
    if not isinstance(path, list) or len(path) > MAX_PATH:
        raise InvalidInput(f"the proof lacks its path, a list of at most {MAX_PATH} hashes")
    return tuple(_hash(hashed) for hashed in path)
