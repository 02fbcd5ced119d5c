"""I14: each message that went over the wire and was answered is in the time line, with that answer, on either side.

The receiver keeps what it refuses before anybody reads the answer. The sender keeps the answer that it has read,
unless it dies before it has written it down: then it sends the message again, and keeps what is answered to that.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from node.base.work import Task
from node.dialogue.process import Exchange
from node.dialogue.timeline import KEPT
from tests.simulator.invariants import OPENINGS, require

if TYPE_CHECKING:
    from tests.simulator.company import Company
    from tests.simulator.nodes import SimNode


def refused(node: SimNode, status: int, body: bytes) -> None:
    """``node`` has answered a message of a party with a refusal."""
    message = json.loads(body)
    if message["@type"] in OPENINGS and message.get("providerPid") is None:
        return  # There is no process that it could belong to.
    pids = {message.get("providerPid"), message.get("consumerPid")}
    own = [pid for kind in ("negotiations", "transfers") for pid in node.uow.peek(kind) if pid in pids]
    digest = hashlib.sha256(body).hexdigest()
    for pid in own:
        kept = [one for one in node.exchanges(pid) if not one.outgoing and one.answer_status >= 300]
        known = any((one.body_sha256, one.answer_status) == (digest, status) for one in kept)
        full = len(kept) >= KEPT
        require(known or full, "I14", f"{node.name} refused {message['@type']} with {status}, and has not kept it")


class Heard:
    """The answers that workers have read and written down."""

    def __init__(self) -> None:
        self._heard: set[tuple[str, str, str, int]] = set()

    def concluded(self, node: SimNode, task: Task, status: int) -> None:
        """A worker of ``node`` has concluded ``task``, to which the peer had answered so."""
        if task.topic == "dsp":
            self._heard.add((node.name, task.subject, task.id, status))

    def check(self, world: Company) -> None:
        """At rest, each of them is in its time line."""
        for name, pid, message, status in sorted(self._heard):
            node = world.by_name[name]
            ours = [one for one in node.exchanges(pid) if one.outgoing]
            listed = any(one.message_id == message and _is(one, status) for one in ours)
            full = sum(one.answer_status >= 300 for one in ours) >= KEPT
            say = f"{name} has read {status} to {message} of {world.label(pid)}, and has not kept it"
            require(listed or full, "I14", say)


def _is(exchange: Exchange, status: int) -> bool:
    if 200 <= status < 300:
        return exchange.is_accepted or exchange.void
    return exchange.answer_status == status
