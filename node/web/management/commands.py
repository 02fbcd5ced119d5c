"""Commands of a person for a negotiation or a transfer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyio.to_thread import run_sync

from node.base.errors import Conflict, LocalProtocolError
from node.dialogue.process import Process
from node.web.management.json_forms import process_json


async def carry_out(command: Callable[[], Process]) -> dict[str, Any]:
    """Carry out a person's command. Raises ``Conflict`` if it comes too late or too early."""
    try:
        return process_json(await run_sync(command))
    except LocalProtocolError as untimely:
        raise Conflict(untimely.detail, remedy=untimely.remedy) from untimely
