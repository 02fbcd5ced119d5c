"""Sends the e-mails that are queued, and the port of the mail server."""

from __future__ import annotations

from typing import Protocol

from node.base.errors import InvalidInput, PeerUnreachable
from node.base.work import Task
from node.worker.outcomes import Again, Done, Never, Outcome


class MailServer(Protocol):
    """The server that passes messages on."""

    async def send(self, message: bytes, *, sender: str, recipient: str) -> None:
        """Hand over a message. Raises ``PeerUnreachable`` if it may work later, ``InvalidInput`` if it never will."""


class MailHandler:
    """Hands a queued message over. Without a mail server, which the operator may have removed,
    it is not sent."""

    def __init__(self, server: MailServer | None) -> None:
        self._server = server

    async def __call__(self, task: Task) -> Outcome:
        if self._server is None:
            return Never("this node has no mail server any more")
        try:
            await self._server.send(
                task.body, sender=str(task.headers["sender"]), recipient=str(task.headers["recipient"])
            )
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except InvalidInput as error:
            return Never(error.detail)
        return Done()
