"""Partial files of a reception that remain if the transfer ended before all bytes had arrived."""

from __future__ import annotations

import logging
from dataclasses import replace

from node.exchange.arrival import Arrival
from node.exchange.offloop import off_loop
from node.transfer.receiving.file_names import local_id
from node.transfer.receiving.reception import DONE, FAILED, ReceiveBytes

log = logging.getLogger("hansa.reception")


async def discard_left(receive: ReceiveBytes, pid: str) -> None:
    """Discard the partial file of the ended transfer ``pid``, if it exists: the reception will not continue, and no
    agreement covers the file. A complete file stays."""

    def discard() -> None:
        with receive.work.begin() as tx:
            reception = receive.receptions.get(tx, pid)
            if reception is not None and reception.state == DONE:
                return
            if reception is not None and reception.state != FAILED:
                error = "the transfer ended before all bytes had arrived"
                receive.receptions.put(tx, replace(reception, state=FAILED, error=error, at=receive.clock.now()))
                log.info("the transfer has ended: the bytes received so far are deleted", extra={"transfer": pid})
        # The file is discarded last: a push that is just being accepted then finds that the transfer is over, and
        # records nothing.
        Arrival(receive.folder, local_id(pid)).remove()

    await off_loop(discard)
