"""A service of models by script: ``OgcProcessPlane`` without a network, with the refusals of real services."""

from __future__ import annotations

import json

from node.base.errors import HansaError, PeerUnreachable, Unauthenticated
from node.scenarios.models.remote import PostedJob, Status
from node.scenarios.run_model import State


class ScriptedOgcProcesses:
    """``OgcProcessPlane`` that takes the token ``valid``, None for none. Each look at a job gives the next of
    ``looks``, in the end success; what is an error among them is raised. ``refusals`` are raised first, each once."""

    def __init__(self, *looks: Status | HansaError, base: str, valid: str | None = None) -> None:
        self.looks = list(looks)
        self.base = base
        self.valid = valid
        self.outcome: bytes | HansaError = b"{}"
        self.at_once = False
        self.address = b"{}"
        self.refusals: list[HansaError] = []
        self.unreachable = 0
        self.executed: list[tuple[str, str, bytes]] = []
        self.dismissed: list[str] = []
        self.renewals: list[tuple[str, str]] = []

    async def execute(self, url: str, body: bytes, *, authorization: str | None, key: str) -> PostedJob:
        self._check(authorization)
        self.executed.append((url, key, body))
        if self.at_once:
            return PostedJob(result=self._results())
        keys = list(dict.fromkeys(key for _, key, _ in self.executed))
        return PostedJob(job=f"{self.base}/jobs/{keys.index(key) + 1}")

    async def status(self, url: str, *, authorization: str | None) -> Status:
        self._check(authorization)
        look = self.looks.pop(0) if self.looks else status(State.SUCCESSFUL, url, progress=100)
        if isinstance(look, HansaError):
            raise look
        return look

    async def results(self, url: str, *, authorization: str | None) -> bytes:
        self._check(authorization)
        return self._results()

    async def dismiss(self, url: str, *, authorization: str | None) -> None:
        self._check(authorization)
        self.dismissed.append(url)

    async def renew(self, url: str, *, authorization: str) -> bytes:
        if self.refusals:
            raise self.refusals.pop(0)
        self.renewals.append((url, authorization))
        return self.address

    def _results(self) -> bytes:
        if isinstance(self.outcome, HansaError):
            raise self.outcome
        return self.outcome

    def _check(self, authorization: str | None) -> None:
        if self.unreachable:
            self.unreachable -= 1
            raise PeerUnreachable("away")
        if self.refusals:
            raise self.refusals.pop(0)
        if authorization != (None if self.valid is None else f"Bearer {self.valid}"):
            raise Unauthenticated("the token has expired")


def status(state: State, job: str, *, progress: int = 50, message: str = "") -> Status:
    """Return the status document of the job at ``job``."""
    return Status(state=state, progress=progress, message=message, results=f"{job}/results")


def results(**outputs: object) -> bytes:
    """A document of results."""
    return json.dumps(outputs).encode()
