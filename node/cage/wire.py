"""The format on the socket between a caller and its child: frames of JSON and bytes, and how a child ended.

A frame is a mark, two 32-bit numbers (length of the JSON header, number of blobs), one 64-bit length for each blob,
the header and the blobs. Nothing is pickled: a child's output is as untrusted as its input. Before its answer a child
may send *tellings*: frames with a mark of their own, one small JSON object each, bounded in number and size. If a
child ends without a complete answer, the fork server appends the wait status as a trailer, so that the caller can see
which limit was hit.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from node.base.errors import HansaError, InvalidDescription, LocalFault, Overloaded, RemoteFault, TooLarge
from node.cage.model import Limits

_PREFIX: Final = struct.Struct("!4sII")
_BEGIN: Final = b"says"
_TELLS: Final = b"tell"
_TRAILER: Final = struct.Struct("!4sI")
_DIED: Final = b"died"

_HEADER_LIMIT: Final = 64 << 20
_BLOBS_LIMIT: Final = 1 << 20

MOST_REPORTS: Final = 1000
LONGEST_REPORT: Final = 4096
"""The number of progress messages that a child may send, and the bytes of each."""

SMALLER: Final = "make the request smaller: a shorter document, fewer patterns, a LIMIT"


def frame(header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> list[bytes]:
    """Return the buffers of one frame, in order: the lengths and the header in one, then each blob as it is."""
    body = json.dumps(header, allow_nan=False, separators=(",", ":")).encode("ascii")
    lengths = struct.pack(f"!{len(blobs)}Q", *map(len, blobs))
    return [_PREFIX.pack(_BEGIN, len(body), len(blobs)) + lengths + body, *blobs]


def report_frame(body: bytes) -> bytes:
    """Return the frame of a progress message with the JSON ``body``."""
    return _PREFIX.pack(_TELLS, len(body), 0) + body


def receive_frame(connection: socket.socket) -> tuple[dict[str, Any], list[bytes]]:
    """Read one frame from a blocking socket: the child's side, which trusts its caller about lengths.

    Raises ``EOFError`` if the caller has closed the connection.
    """
    _, header_length, count = _PREFIX.unpack(_receive(connection, _PREFIX.size))
    lengths = struct.unpack(f"!{count}Q", _receive(connection, 8 * count))
    header = json.loads(_receive(connection, header_length))
    return header, [_receive(connection, length) for length in lengths]


def _receive(connection: socket.socket, length: int) -> bytes:
    # A catalogue may have 256 MB: in one piece, which is the rule, it is not copied.
    pieces, missing = [], length
    while missing:
        piece = connection.recv(missing, socket.MSG_WAITALL)
        if not piece:
            raise EOFError
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Answer:
    """Collects the output of a child, without doing any input itself: call ``feed`` until it returns True."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._needed: int | None = None
        self._lengths: tuple[int, ...] = ()
        self._start = 0
        self._messages: list[dict[str, Any]] = []
        self._count = 0

    def feed(self, data: bytes) -> bool:
        """Take in the next piece; return True when the answer is complete. ``tellings`` returns the messages so far.

        Raises ``TooLarge`` as soon as the announced size passes the limit: the content is never read.
        """
        self._buffer += data
        while self._needed is None and self._measure():
            pass
        return self._needed is not None and len(self._buffer) >= self._needed

    def is_exact(self) -> bool:
        """Return whether a complete answer has arrived, and no byte after it."""
        return len(self._buffer) == self._needed

    def tellings(self) -> list[dict[str, Any]]:
        """Return the progress messages that arrived since the last call."""
        messages, self._messages = self._messages, []
        return messages

    def _measure(self) -> bool:
        """Read the frame at the beginning of the buffer; return True if it was a telling, and another may follow."""
        if len(self._buffer) < _PREFIX.size:
            return False
        mark, header_length, count = _PREFIX.unpack_from(self._buffer)
        if mark == _TELLS:
            return self._take_telling(header_length, count)
        if mark != _BEGIN or header_length > _HEADER_LIMIT or count > _BLOBS_LIMIT:
            raise _nonsense()
        start = _PREFIX.size + 8 * count
        if len(self._buffer) < start:
            return False
        self._lengths = (header_length, *struct.unpack_from(f"!{count}Q", self._buffer, _PREFIX.size))
        if sum(self._lengths) > self._limits.answer:
            raise too_large(self._limits)
        self._start = start
        self._needed = start + sum(self._lengths)
        return False

    def _take_telling(self, length: int, count: int) -> bool:
        if count or length > LONGEST_REPORT:
            raise _nonsense()
        end = _PREFIX.size + length
        if len(self._buffer) < end:
            return False
        self._count += 1
        if self._count > MOST_REPORTS:
            raise Overloaded(
                f"it reported progress more than {MOST_REPORTS} times", remedy=SMALLER, facts={"limit": "progress"}
            )
        try:
            value = json.loads(self._buffer[_PREFIX.size : end])
        except (ValueError, RecursionError) as error:
            raise _nonsense() from error
        if not isinstance(value, dict):
            raise _nonsense()
        self._messages.append(value)
        del self._buffer[:end]
        return True

    def value(self) -> tuple[dict[str, Any], list[bytes]]:
        """Return the result of the target; raises the error that the target raised."""
        try:
            pieces = list(self._pieces())
            header = json.loads(pieces[0])
            fault = fault_from_json(header["fault"]) if "fault" in header else None
            if fault is None:
                value = header["value"]
                if not isinstance(value, dict):
                    raise _nonsense()
                return value, pieces[1:]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _nonsense() from error
        raise fault

    def _pieces(self) -> Iterator[bytes]:
        at = self._start
        with memoryview(self._buffer) as view:
            for length in self._lengths:
                yield bytes(view[at : at + length])
                at += length

    def status(self) -> int | None:
        """Return the wait status in the fork server's trailer; None without a trailer, because the fork server died
        too."""
        if len(self._buffer) >= _TRAILER.size:
            mark, status = _TRAILER.unpack_from(self._buffer, len(self._buffer) - _TRAILER.size)
            if mark == _DIED:
                return int(status)
        return None


UNBELIEVED: Final = {"child": "nonsense"}
"""The facts of a fault that only the child attributes to the node."""


def _nonsense() -> LocalFault:
    return LocalFault("a child of the cage sent an invalid answer", facts=dict(UNBELIEVED))


def trailer(status: int) -> bytes:
    """Return the trailer that the fork server appends for a child that ended with this wait status."""
    return _TRAILER.pack(_DIED, status)


def too_large(limits: Limits) -> TooLarge:
    return TooLarge(f"the answer is larger than {_size(limits.answer)}", remedy=SMALLER, facts={"limit": "answer"})


def timed_out(limits: Limits) -> Overloaded:
    return Overloaded(f"it was stopped after {limits.wall:g} seconds", remedy=SMALLER, facts={"limit": "time"})


def death(status: int, limits: Limits) -> HansaError:
    """Return the fault to raise for a child that ended without an answer."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGALRM:
            return timed_out(limits)
        if number == signal.SIGXCPU:
            return Overloaded(
                f"it was stopped for using more than {limits.cpu} seconds of processor time",
                remedy=SMALLER,
                facts={"limit": "processor"},
            )
        if number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP):
            return Overloaded(
                f"its structure is nested too deeply, or it needs more than {_size(limits.memory)} of memory",
                remedy=SMALLER,
                facts={"limit": "memory"},
            )
        if number == signal.SIGKILL:
            return Overloaded(
                "it was stopped because the machine ran short of memory",
                remedy=SMALLER,
                facts={"limit": "machine"},
            )
        return Overloaded(f"it was stopped by signal {number}", remedy=SMALLER)
    code = os.waitstatus_to_exitcode(status)
    return LocalFault(f"a child of the cage ended with status {code} and without an answer", facts={"status": code})


def out_of_memory(limits: Limits) -> Overloaded:
    return Overloaded(
        f"it needs more than {_size(limits.memory)} of memory", remedy=SMALLER, facts={"limit": "memory"}
    )


def fault_to_json(fault: HansaError) -> dict[str, Any]:
    return {"code": fault.code, "detail": fault.detail, "remedy": fault.remedy, "facts": fault.facts}


def fault_from_json(members: Mapping[str, Any]) -> HansaError:
    """Return the fault that a child reported, as the class with that code among the remote faults; else local."""
    detail, remedy, facts = members["detail"], members["remedy"], members["facts"]
    kind = _remote_faults().get(members["code"])
    if kind is None:
        return LocalFault(detail, remedy=remedy, facts=facts)
    if issubclass(kind, InvalidDescription):
        return kind(detail, findings=facts.get("findings", ()), remedy=remedy)
    return kind(detail, remedy=remedy, facts=facts)


def _remote_faults() -> dict[str, type[RemoteFault]]:
    faults: dict[str, type[RemoteFault]] = {}
    waiting: list[type[RemoteFault]] = [RemoteFault]
    while waiting:
        kind = waiting.pop()
        faults.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return faults


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count} bytes"
