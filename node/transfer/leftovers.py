"""Remains of a reception where the transfer ended before all bytes had come."""

from __future__ import annotations

import logging
from dataclasses import replace

from node.exchange.arrival import Arrival
from node.exchange.offloop import off_loop
from node.transfer.reception import DONE, FAILED, ReceiveBytes, local_id

log = logging.getLogger("hansa.reception")


async def discard_left(receive: ReceiveBytes, pid: str) -> None:
    """Throw away the beginning that the ended transfer ``pid`` has left, if it has: the reception will not
    continue, and no agreement covers the file. What was received as a whole stays."""

    def discard() -> None:
        with receive.work.begin() as tx:
            known = receive.receptions.get(tx, pid)
            if known is not None and known.state == DONE:
                return
            if known is not None and known.state != FAILED:
                error = "the transfer ended before all bytes had arrived"
                receive.receptions.put(tx, replace(known, state=FAILED, error=error, at=receive.clock.now()))
                log.info("the transfer has ended: the bytes received so far are deleted", extra={"transfer": pid})
        # Only now: a push that is just being accepted finds that it is not wanted any more, and records nothing.
        Arrival(receive.folder, local_id(pid)).remove()

    await off_loop(discard)
