"""What two nodes hold, compared: what kill storms and sweeps find lost, doubled and diverged.

Everything is read from the nodes' own databases, views and files, none of it asked of the nodes themselves. The
invariants are those of docs/explanation/durability.md.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from demo.nodes import Member
from node.adapters.graph.store import OxigraphGraph
from node.adapters.search import TantivyIndex
from node.adapters.sql.negotiation import SqlNegotiationStore
from node.adapters.sql.transfer import SqlTransferStore
from node.bootstrap.parts import Stores, open_stores, places
from node.cage.cage import Cage
from node.catalogue.views import GraphView, SearchView
from node.dialogue.process import Exchange, Process
from node.exchange.delivery import SEALED_ENDING
from node.identity.did import did_of
from node.ledger.model import EntryKind
from node.settings import load
from node.transfer.receiving.reception import DONE
from tests import view_updates
from tests.simulator.invariants import MOVES

ENDED: Final = frozenset({"FINALIZED", "TERMINATED", "COMPLETED"})
KINDS: Final = ("negotiations", "transfers")
TERMINATIONS: Final = frozenset({"ContractNegotiationTerminationMessage", "TransferTerminationMessage"})
LIMIT: Final = 1_000_000


@dataclass
class Findings:
    """What was found wrong, in sentences."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.lost) + len(self.doubled) + len(self.diverged)

    def lines(self) -> Iterator[str]:
        """A line for each, at most twenty of a sort."""
        for sort, sentences in (("lost", self.lost), ("doubled", self.doubled), ("diverged", self.diverged)):
            yield from (f"{sort}: {sentence}" for sentence in sentences[:20])

    def summary(self) -> str:
        """The end of a last line."""
        return f"lost {len(self.lost)}  doubled {len(self.doubled)}  diverged {len(self.diverged)}"


def records(findings: Findings, stores: Stores, acknowledged: Mapping[str, str]) -> None:
    """I5: each version that was acknowledged (``iri#v1`` → its SHA-256) is there."""
    with stores.uow.read() as tx:
        for name, sha256 in acknowledged.items():
            iri, _, version = name.partition("#v")
            record = stores.catalogue.records.get(tx, iri, version=int(version))
            if record is None or record.sha256 != sha256:
                findings.lost.append(f"record {name}")


def conversations(
    findings: Findings,
    provider: Stores,
    consumer: Stores,
    kind: str,
    acknowledged: Collection[str] = (),
    *,
    reasons: Collection[str],
    wished: Collection[str] = (),
) -> int:
    """I2, I3, I4, I5, I7 over everything of a ``kind``; ``acknowledged`` are pids that the consumer has told.

    Only what was terminated on purpose may end in TERMINATED: for one of ``reasons``, as one of both sides holds it,
    or because somebody has ``wished`` it, by the pid of either side; what follows from a wish may cross it on its way
    and end the conversation first, with a reason of its own. How many of both sides' conversations ended so.
    """
    with consumer.uow.read() as tx:
        ours: dict[str, Process] = {one.pid: one for one in processes(consumer, kind).select(tx, limit=LIMIT)}
    with provider.uow.read() as tx:
        theirs: list[Process] = list(processes(provider, kind).select(tx, limit=LIMIT))
    findings.lost += [f"{kind} {pid}" for pid in acknowledged if pid not in ours]
    by_consumer = Counter(one.peer_pid for one in theirs if one.peer_pid is not None)
    findings.doubled += [f"{kind} {pid} ×{count}" for pid, count in by_consumer.items() if count > 1]
    there = {one.peer_pid: one for one in theirs}
    terminated = 0
    for pid, process in ours.items():
        other = there.get(pid)
        if other is None:
            findings.lost.append(
                f"{kind} {pid}: {process.state} at the consumer, the provider has none ({_why(process)})"
            )
            messages_once(findings, consumer, kind, pid)
            continue
        if process.state not in ENDED or other.state != process.state:
            findings.diverged.append(
                f"{kind} {pid}: {process.state} ({_why(process)}) and {other.state} ({_why(other)})"
            )
        if process.peer_pid != other.pid:
            findings.diverged.append(
                f"{kind} {pid} and {other.pid} are not each other's: the first has {process.peer_pid}"
            )
        if process.state == "TERMINATED":
            terminated += 1
            told = any(reason in reasons for side in (process, other) for reason in side.reason)
            if not told and not {process.pid, other.pid} & set(wished):
                findings.lost.append(f"{kind} {pid}: ended by nobody's wish ({_why(process)}; {_why(other)})")
        same_messages(findings, kind, (consumer, pid), (provider, other.pid), crossing=True)
    for other in theirs:
        if other.peer_pid not in ours:
            findings.diverged.append(f"{kind} {other.pid} of the provider: {other.state}, and the consumer has none")
            messages_once(findings, provider, kind, other.pid)
    return terminated


def _why(process: Process) -> str:
    return f"{process.code}: {process.reason}" if process.code or process.reason else "no code"


def processes(stores: Stores, kind: str) -> SqlNegotiationStore | SqlTransferStore:
    """The store of ``kind``: "negotiations" or "transfers"."""
    return stores.negotiation.negotiations if kind == "negotiations" else stores.transfer.transfers


def messages_once(findings: Findings, stores: Stores, kind: str, pid: str) -> None:
    """I7: each message of the peer was taken once."""
    with stores.uow.read() as tx:
        kept = processes(stores, kind).exchanges(tx, pid)
    taken = Counter(one.message_id for one in kept if not one.outgoing and one.is_accepted)
    findings.doubled += [f"message {name} ×{count}" for name, count in taken.items() if count > 1]


def same_messages(
    findings: Findings, kind: str, side: tuple[Stores, str], other: tuple[Stores, str], *, crossing: bool = False
) -> None:
    """I2, I4, I7 of one conversation, as (database, pid) of each side: what one side counts as said, the other counts
    as heard, and each message has one entry in each ledger, all of them together a walk of the standard's table.

    ``crossing``: messages may have crossed. What crosses a termination, or the same word of the peer, was taken by
    its receiver and counts for nothing at its sender, who may even have died before it read the answer.
    """
    sides: list[list[Exchange]] = []
    for stores, pid in (side, other):
        messages_once(findings, stores, kind, pid)
        with stores.uow.read() as tx:
            exchanges = list(processes(stores, kind).exchanges(tx, pid))
            bodies = [json.loads(entry.body) for entry in stores.ledger.history(tx, pid, EntryKind.PROCESS)]
        accepted = [said for said in exchanges if said.is_accepted]
        trail = [(body["message"], body["state"]) for body in bodies]
        if accepted and accepted[0].outgoing and trail[:1] == trail[1:2]:
            trail = trail[1:]  # Whoever opens notes that twice: when it is decided, and when the peer has taken it.
        if Counter(said.message for said in accepted) != Counter(message for message, _ in trail):
            findings.doubled.append(f"{kind} {pid}: taken {[said.message for said in accepted]}, noted {trail}")
        state = ""
        for message, entered in trail:
            move = MOVES[kind].get((state, message))
            if move is None or move[0] != entered:
                findings.diverged.append(
                    f"{kind} {pid}: no legal path from {state or 'nothing'} by {message} to {entered}"
                )
            state = entered
        sides.append(exchanges)
    first, second = sides
    if not (_arrived_as_said(first, second, crossing) and _arrived_as_said(second, first, crossing)):
        told = [[("says" if x.outgoing else "hears", x.message, x.answer_status) for x in kept] for kept in sides]
        findings.diverged.append(f"{kind} {side[1]} and {other[1]}: not the same messages: {told[0]} and {told[1]}")


def _arrived_as_said(sender: list[Exchange], receiver: list[Exchange], crossing: bool) -> bool:
    sent = Counter(one.message_id for one in sender if one.outgoing and (one.is_accepted or (crossing and one.void)))
    heard = Counter(one.message_id for one in receiver if not one.outgoing and one.is_accepted)
    if not crossing:
        return sent == heard
    words = {one.message for one in sender if not one.outgoing and one.is_accepted}
    ended = any(one.message in TERMINATIONS and one.is_accepted for one in sender)
    crossed = {one.message_id for one in receiver if not one.outgoing and (ended or one.message in words)}
    return not sent - heard and (heard - sent).keys() <= crossed


def agreements(findings: Findings, provider: Stores, consumer: Stores) -> int:
    """I1, I3: both hold the same final agreements, with the same text and signatures, one for each negotiation that
    is FINALIZED, and none besides.

    How many both hold.
    """
    hashes: list[dict[str, Any]] = []
    for name, stores in (("provider", provider), ("consumer", consumer)):
        with stores.uow.read() as tx:
            final = [one for one in stores.negotiation.agreements.select(tx, limit=LIMIT) if one.finalized]
            finalized = {
                one.pid for one in stores.negotiation.negotiations.select(tx, state="FINALIZED", limit=LIMIT)
            }
        per_negotiation = Counter(one.negotiation for one in final)
        findings.doubled += [f"agreement of {pid}" for pid, count in per_negotiation.items() if count > 1]
        findings.lost += [f"the {name}'s agreement of {pid}" for pid in sorted(finalized - per_negotiation.keys())]
        unfounded = sorted(per_negotiation.keys() - finalized)
        findings.diverged += [f"the {name}'s agreement of {pid}, which is not FINALIZED" for pid in unfounded]
        hashes.append({one.id: (one.sha256, frozenset(one.signatures.items())) for one in final})
    different = {key for key in hashes[0].keys() | hashes[1].keys() if hashes[0].get(key) != hashes[1].get(key)}
    findings.diverged += [f"agreement {key}" for key in sorted(different)]
    return len(hashes[0].keys() & hashes[1].keys())


def files(findings: Findings, consumer: Stores, folder: Path, sha256: str) -> None:
    """I6: each completed transfer has the bytes of that hash, and below ``folder`` is nothing but what receptions
    that are done have named: no beginning of one that is over has been left behind."""
    named: set[Path] = set()
    with consumer.uow.read() as tx:
        for transfer in consumer.transfer.transfers.select(tx, limit=LIMIT):
            reception = consumer.transfer.receptions.get(tx, transfer.pid)
            path = folder / reception.path if reception and reception.path else None
            if reception is not None and path is not None and reception.state == DONE:
                named |= {path, path.with_name(path.name + SEALED_ENDING)} if reception.sealed else {path}
            if transfer.state != "COMPLETED":
                continue
            if path is None or not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                findings.lost.append(f"bytes of transfer {transfer.pid}")
    there = {path for path in folder.rglob("*") if not path.is_dir()}
    findings.diverged += [f"left behind: received/{path.relative_to(folder)}" for path in sorted(there - named)]


def catch_up(stores: Stores, graph: OxigraphGraph, index: TantivyIndex, me: str) -> None:
    """Have the views take what the ledger holds beyond their positions, as the node's worker does."""
    both = (
        GraphView(uow=stores.uow, records=stores.catalogue.records, graph=graph),
        SearchView(uow=stores.uow, records=stores.catalogue.records, index=index, me=me),
    )
    view_updates.catch_up(stores.uow, stores.ledger, both)


def views(findings: Findings, member: Member) -> None:
    """I8: graph and search of a node that is down equal what a replay of its ledger gives."""
    stores = open_stores(load(member.folder))
    where, fresh = places(member.folder), member.home / f"{member.key}-replay"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    cage = Cage()
    live = (OxigraphGraph(where.graph, cage), TantivyIndex(where.search))
    replayed = (OxigraphGraph(fresh / "graph", cage), TantivyIndex(fresh / "search"))
    try:
        for graph, index in (live, replayed):
            catch_up(stores, graph, index, did_of(load(member.folder).public_url))
        for name, one, other in (("graph", live[0], replayed[0]), ("search", live[1], replayed[1])):
            if one.digest() != other.digest():
                findings.diverged.append(f"{member.name}'s {name} view is not what a replay gives")
    finally:
        for graph, index in (live, replayed):
            graph.close()
            index.close()
        stores.uow.close()


def ledger(findings: Findings, member: Member) -> None:
    """I9: ``hansa verify`` finds the ledger sound."""
    checked = member.hansa("verify", str(member.folder))
    if checked.returncode != 0:
        findings.diverged.append(f"{member.name}'s ledger: {checked.stdout.strip()[-300:]}")


def make_database(url: str, name: str) -> str:
    """A new PostgreSQL database beside that of ``url``; its URL."""
    engine = create_engine(make_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)
