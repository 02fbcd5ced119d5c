"""A member that signed two histories: the evidence, and a person's decision about it.

The evidence consists of two contradicting heads that the member signed, the keys that verify them and, if the member
was asked for a proof, its answer. It stays in the ledger for ever, and with the member as long as the member is
followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from node.api import moment, stamp

SAME_SIZE: Final = "same-size"
NO_PROOF: Final = "no-proof"
SHRUNK: Final = "shrunk"
NOT_ANNOUNCED: Final = "epoch-not-announced"
FALSE_CLAIM: Final = "epoch-not-proven"
EPOCH_BACK: Final = "epoch-back"

KINDS: Final[Mapping[str, str]] = {
    SAME_SIZE: "it signed two different histories of the same length",
    NO_PROOF: "it could not prove that the history it shows now continues the one it had signed before",
    SHRUNK: "it signed a shorter history after a longer one",
    NOT_ANNOUNCED: "it started a new epoch without stating which entries it kept",
    FALSE_CLAIM: "it cannot prove which entries it kept in its new epoch",
    EPOCH_BACK: "it signed an earlier epoch after a later one",
}
"""A description of each kind of fork; it follows the name of a member."""

TWO_HEADS_SUFFICE: Final = frozenset({SAME_SIZE, SHRUNK, EPOCH_BACK})
"""Kinds that anyone can check from the two heads alone. For the others, the missing proof is only our statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two signed heads of one chain that contradict each other.

    ``first`` is the head that was kept, ``second`` the head that does not continue it; ``witness`` is the DID of the
    node that had seen one of them, if this node had not. ``proof`` is the question to the member and its answer.
    ``decision`` records a person's decision and its moment; it is empty before the decision.
    """

    audience: str
    kind: str
    first: str
    second: str
    found_at: datetime
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    proof: Mapping[str, Any] = field(default_factory=dict)
    witness: str = ""
    decision: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return KINDS.get(self.kind, self.kind)

    def to_json(self) -> dict[str, Any]:
        return {
            "audience": self.audience,
            "kind": self.kind,
            "text": self.sentence,
            "shownByHeads": self.kind in TWO_HEADS_SUFFICE,
            "first": self.first,
            "second": self.second,
            "found": stamp(self.found_at),
            "keys": {kid: dict(key) for kid, key in self.keys.items()},
            "proof": dict(self.proof),
            "witness": self.witness,
            "decided": dict(self.decision),
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Fork:
        return cls(
            audience=members["audience"],
            kind=members["kind"],
            first=members["first"],
            second=members["second"],
            found_at=moment(members["found"]),
            keys=dict(members.get("keys", {})),
            proof=dict(members.get("proof", {})),
            witness=members.get("witness", ""),
            decision=dict(members.get("decided", {})),
        )
