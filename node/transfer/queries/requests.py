"""The consumer's side of asking a table or a graph: a question of our people, sent to the provider under contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from anyio.to_thread import run_sync

from node.base.errors import HansaError, RemoteFault
from node.base.ids import new_urn
from node.base.work import UnitOfWork
from node.identity.model import Caller
from node.negotiation.uses import Uses, limits_uses
from node.semantics.profiles.feature_queries_client import FeatureQuestion
from node.semantics.profiles.graph_queries_client import GraphQuestion
from node.semantics.profiles.table_queries_client import TableQuestion
from node.transfer.live.access import LiveAccess, OpenAddress
from node.transfer.model import Transfer
from node.transfer.openings import OpenData, Openings, TransferReader
from node.transfer.requests import TransferRequests
from node.vocab.dsp import GRAPH_QUERY, QUERY

VERSION_HEADER: Final = "Hansa-Version"
"""The header of an answer with the number of the version of the asset that it is about."""

PATIENCE: Final = 20.0
"""Seconds in which the provider has to open the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerAnswer:
    """The answer of a provider: its bytes, how many rows it has (None: unknown), whether there are more, and the
    version of the asset that it is about, as the provider states it (None: it states none)."""

    body: bytes = field(repr=False)
    media_type: str
    count: int | None = None
    more: bool = False
    partial: bool = False
    version: int | None = None


class OtherVersion(RemoteFault):
    """The provider answered about another version than was asked for, or does not say about which one."""

    code = "other-version"
    status = 502
    title = "The provider did not answer about this version"


Question = TableQuestion | GraphQuestion | FeatureQuestion
Send = Callable[[str, str, Question], Awaitable[PartnerAnswer]]
"""Sends a question to an address, with the value of the Authorization header; returns the answer."""


class AskPartner:
    """Asks tables and graphs of others, and opens what it needs for it."""

    def __init__(
        self,
        work: UnitOfWork,
        *,
        overview: TransferReader,
        requests: TransferRequests,
        access: LiveAccess,
        send: Send,
        uses: Uses,
        openings: Openings,
    ) -> None:
        self._work = work
        self._uses = uses
        self._overview = overview
        self._access = access
        self._send = send
        self._tables = OpenData(overview=overview, requests=requests, openings=openings, form=QUERY, name="table")
        self._graphs = OpenData(
            overview=overview, requests=requests, openings=openings, form=GRAPH_QUERY, name="graph"
        )

    async def __call__(
        self,
        agreement_id: str,
        question: Question,
        by: Caller,
        *,
        file: str | None = None,
        version: int | None = None,
    ) -> PartnerAnswer:
        """Return the provider's answer under an agreement of ours. ``file`` names the table or the RDF file, if there
        are several, and ``version`` the version of the asset; None for the newest one.

        Raises ``NotAllowed``, ``NotFound``, ``Conflict`` if the provider does not open it,
        ``PeerUnreachable``, ``OtherVersion``, and the provider's refusal of the question.
        """
        self.require_role(by)
        opening = self._graphs if isinstance(question, GraphQuestion) else self._tables
        transfer = await opening.open(agreement_id, by, file, version=version)
        try:
            answer = await self._send_to(transfer, question, by)
        except HansaError as error:
            if error.facts.get("use") is True:
                await run_sync(self._count_use, agreement_id)
            raise
        await run_sync(self._count_use, agreement_id)
        if version not in (None, answer.version):
            raise _other_version(version, answer.version)
        return answer

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` unless ``by`` may open a transfer and read what it brings: an answer is received data,
        and a transfer that nobody may read is not opened."""
        self._tables.require_role(by)

    async def _send_to(self, transfer: Transfer, question: Question, by: Caller) -> PartnerAnswer:
        async def send(address: OpenAddress) -> PartnerAnswer:
            return await self._send(address.endpoint, address.authorization, question)

        return await self._access.use(transfer.pid, by, send)

    def _count_use(self, agreement_id: str) -> None:
        """Count a question as the provider counts it. Its count decides; this one shows how many uses are left."""
        agreement = self._overview.agreement(agreement_id)
        if limits_uses(agreement.body):
            with self._work.begin() as tx:
                self._uses.note(tx, agreement.id, new_urn())


def _other_version(version: int | None, other: int | None) -> OtherVersion:
    answer = "does not say which one it answered about" if other is None else f"answered about version {other}"
    return OtherVersion(
        f"version {version} was asked for, and the provider {answer}",
        remedy="ask without a version, or get the file: its signed manifest names the version",
        facts={"version": other},
    )
