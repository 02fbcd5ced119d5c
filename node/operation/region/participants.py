"""Block participants: what a block stops is shown first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from node.identity.blocks import Block, Blocks, Suspend
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement
from node.transfer.overview import Overview


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementInForce:
    """An agreement in force with a participant, and how many of its transfers have not ended."""

    agreement: Agreement
    transfers: int

    @property
    def titles(self) -> dict[str, str]:
        """Return the title of its asset, as the agreement states it."""
        return dict(((self.agreement.body.get(TERMS) or {}).get("asset") or {}).get("title") or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantStatus:
    """A participant as the people see it who may block it: its block, if it is blocked, and the agreements in force
    with it, whose uses a block stops."""

    did: str
    name: str
    block: Block | None
    agreements: tuple[AgreementInForce, ...]

    @property
    def transfers(self) -> int:
        """Return how many transfers under these agreements have not ended."""
        return sum(use.transfers for use in self.agreements)

    def to_json(self) -> dict[str, Any]:
        return {
            "did": self.did,
            "name": self.name,
            "block": self.block.to_json() if self.block else None,
            "agreements": [
                {
                    "id": use.agreement.id,
                    "dataset": use.agreement.dataset,
                    "titles": use.titles,
                    "transfers": use.transfers,
                }
                for use in self.agreements
            ],
            "transfers": self.transfers,
        }


class BlockParticipants:
    """Shows what a block stops, blocks and unblocks."""

    def __init__(
        self, blocks: Blocks, suspend: Suspend, overview: Overview, names: Callable[[], Mapping[str, str]]
    ) -> None:
        """``suspend`` pauses all transfers with a participant; ``names`` returns names of participants, by DID."""
        self._blocks = blocks
        self._suspend = suspend
        self._overview = overview
        self._names = names

    async def foresee(self, did: str, by: Caller) -> ParticipantStatus:
        """Return what a block of ``did`` stops, or its block. Raises ``NotAllowed``."""
        require(by, UseCase.BLOCK)
        return await run_sync(self._foresee, did)

    async def block(self, did: str, reason: str, by: Caller) -> tuple[Block, int]:
        """Block ``did``; return the block and how many transfers were suspended. Raises as ``Blocks.block``."""
        return await run_sync(lambda: self._blocks.block(did, reason, by, self._suspend))

    async def unblock(self, did: str, by: Caller) -> Block:
        """Unblock ``did``. Raises as ``Blocks.unblock``."""
        return await run_sync(lambda: self._blocks.unblock(did, by))

    async def all(self) -> Sequence[Block]:
        """Return all blocks, ordered by DID."""
        return await run_sync(self._blocks.all)

    def _foresee(self, did: str) -> ParticipantStatus:
        block = next((block for block in self._blocks.all() if block.did == did), None)
        agreements = [
            agreement
            for agreement in self._overview.agreements()
            if agreement.in_force and did in (agreement.provider, agreement.consumer)
        ]
        return ParticipantStatus(
            did=did,
            name=self._names().get(did, ""),
            block=block,
            agreements=tuple(
                AgreementInForce(
                    agreement=agreement,
                    transfers=len(self._overview.transfers_under(agreement, ended=False)),
                )
                for agreement in agreements
            ),
        )
