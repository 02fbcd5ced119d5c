"""Connections between the fork server's children and ``node.cage.path_supervisor``, which answers their questions
about paths."""

from __future__ import annotations

import os
import select
import socket

from node.cage.libraries import CodeAccess
from node.cage.path_supervisor import PathSupervisor


class Channel:
    """A socket over which a new child sends the descriptor on which its calls are answered."""

    def __init__(self, supervisor_channels: SupervisorChannels) -> None:
        self._supervisor_channels = supervisor_channels
        self.ours, self._theirs = socket.socketpair()

    @property
    def theirs(self) -> int:
        """Return the child's end."""
        return self._theirs.fileno()

    def belongs_to(self, pid: int) -> None:
        """Listen for the child ``pid``, which has just been forked."""
        self._theirs.close()
        self._supervisor_channels.listen(pid, self.ours)

    def close(self) -> None:
        """Close both ends: no child was forked."""
        self.ours.close()
        self._theirs.close()


class SupervisorChannels:
    """All channels and listeners of one fork server, on its ``poll``."""

    def __init__(self, poll: select.poll, access: CodeAccess) -> None:
        self._poll = poll
        self._supervisor = PathSupervisor(access.paths, access.folder_names)
        self._channels: dict[int, tuple[int, socket.socket]] = {}
        self._listeners: dict[int, int] = {}

    def channel(self) -> Channel:
        """Return a channel for a child that is about to be forked."""
        return Channel(self)

    def listen(self, pid: int, ours: socket.socket) -> None:
        self._channels[ours.fileno()] = (pid, ours)
        self._poll.register(ours, select.POLLIN)

    def attend(self, place: int, events: int) -> bool:
        """Handle the events of the descriptor ``place``; return False if it is none of ours."""
        if place in self._channels:
            pid, ours = self._channels.pop(place)
            self._poll.unregister(ours)
            with ours:
                _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
            for listener in descriptors:
                self._listeners[listener] = pid
                self._poll.register(listener, select.POLLIN)
            return True
        if place not in self._listeners:
            return False
        if events & select.POLLIN:
            self._supervisor.answer(place)
        else:
            self._drop(place)
        return True

    def close(self, pid: int) -> None:
        """Close the descriptors of the child, which has ended."""
        for place in [place for place, (owner, _) in self._channels.items() if owner == pid]:
            _, ours = self._channels.pop(place)
            self._poll.unregister(ours)
            ours.close()
        for place in [place for place, owner in self._listeners.items() if owner == pid]:
            self._drop(place)

    def _drop(self, place: int) -> None:
        del self._listeners[place]
        self._poll.unregister(place)
        os.close(place)
