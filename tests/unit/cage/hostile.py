"""Targets that a test runs in the cage: each tries what the cage must stop, or breaks in its own way."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.base.errors import Conflict, InvalidDescription
from node.cage import reports
from node.cage.reports import tell as tell_caller
from node.cage.wire import frame

Answer = tuple[dict[str, Any], list[bytes]]


def echo(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    return message, blobs


def spin(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    while True:
        pass


def sleep(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    time.sleep(message["seconds"])
    return {}, []


def swallow(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))


def reserve(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Ask for memory as an engine in Rust does: one that aborts where there is none."""
    os.abort()


def overrun(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    ctypes.string_at(8)
    return {}, []


def leave(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    os._exit(3)


def recurse(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    return recurse(message, blobs)


def refuse(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    raise Conflict("it is so already", remedy="do nothing", facts={"iri": "urn:x"})


def find_fault(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    raise InvalidDescription("two things to mend", findings=[{"path": "urn:p"}], remedy="mend them")


def stumble(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    raise ZeroDivisionError("a particular that is nobody's business")


def babble(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    return {"object": object()}, []


def flood(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    return {}, [bytes(message["size"])]


def tell(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """What a child can see of the world."""
    status = Path("/proc/self/status").read_text().splitlines()
    return {
        "environment": dict(os.environ),
        "files": sorted(int(name) for name in os.listdir("/proc/self/fd")),
        "parent": os.getppid(),
        "pid": os.getpid(),
        "threads": int(next(line for line in status if line.startswith("Threads")).split()[1]),
        "capabilities": [line.split()[1] for line in status if line.startswith("Cap")][:3],
    }, []


def attempt(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Do each thing that is forbidden; answer the names of those that worked."""
    folder, secret, victim = message["folder"], message["secret"], message["victim"]
    deeds: dict[str, Callable[[], Any]] = {
        "socket": socket.socket,
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
        "socket pair": socket.socketpair,
        "resolve": lambda: socket.getaddrinfo("localhost", 80),
        "connect": lambda: socket.create_connection(("127.0.0.1", message["port"]), timeout=1),
        "fork": lambda: os.fork() or os._exit(0),
        "program": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "kill the fork server": lambda: os.kill(os.getppid(), signal.SIGTERM),
        "kill another": lambda: os.kill(victim, 0),
        "read a secret": lambda: Path(secret).read_bytes(),
        "list a folder": lambda: os.listdir(folder),
        "read memory": lambda: os.open(f"/proc/{victim}/mem", os.O_RDONLY),
        "read an environment": lambda: Path(f"/proc/{victim}/environ").read_bytes(),
        "write": lambda: Path(folder, "new").write_bytes(b"x"),
        "append": lambda: os.open(secret, os.O_WRONLY | os.O_APPEND),
        "remove": lambda: os.unlink(secret),
        "rename": lambda: os.rename(secret, secret + "2"),
        "make a folder": lambda: os.mkdir(os.path.join(folder, "new")),
        "link": lambda: os.symlink("/etc", os.path.join(folder, "link")),
        "change a mode": lambda: os.chmod(secret, 0o777),
        "raise a limit": lambda: resource.setrlimit(
            resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        ),
        "trace": lambda: _call("ptrace", 16, victim, 0, 0),
        "unshare": lambda: _call("unshare", 0x10000000),
        "mount": lambda: _call("mount", b"none", b"/tmp", b"tmpfs", 0, 0),
        "io_uring": lambda: _syscall(425, 1, ctypes.create_string_buffer(120)),
        "bpf": lambda: _syscall({"x86_64": 321, "aarch64": 280}[os.uname().machine], 0, 0, 0),
        "open another process": lambda: _syscall(434, victim, 0),
        "new system call": lambda: _syscall(463, 0),
    }
    done = []
    for name, deed in deeds.items():
        try:
            deed()
        except (OSError, ValueError):
            continue
        done.append(name)
    return {"done": done, "tried": len(deeds)}, []


def think(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """What is allowed: threads, memory, reading our own code and what the call names."""
    results: list[int] = []
    threads = [threading.Thread(target=results.append, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    import html.entities  # a module of the standard library that nobody needs: read from disk, in the child

    named = Path(message["named"]).read_text()
    return {"threads": sorted(results), "entities": len(html.entities.html5), "named": named}, []


def _call(name: str, *arguments: Any) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def _syscall(number: int, *arguments: Any) -> None:
    _call("syscall", number, *arguments)


def report(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Tell how far it is, ``count`` times, then answer."""
    for number in range(message["count"]):
        tell_caller({"n": number})
        if number == 0:
            time.sleep(message.get("pause", 0))
    return {"done": True}, []


def report_at_length(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    tell_caller({"text": "x" * 5000})
    tell_caller({"text": "short"})
    return {}, []


def forge(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Write to the socket by itself, so many times."""
    with socket.socket(fileno=os.dup(3)) as connection:
        for _ in range(message["count"]):
            connection.sendall(bytes.fromhex(message["bytes"]))
    return {}, []


_seen: list[Any] = []


def remember(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Which process this is, and what it was asked before."""
    before = list(_seen)
    _seen.append(message.get("word"))
    return {"pid": os.getpid(), "before": before}, []


def spin_when_asked_again(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Answer the first call, and never a second one."""
    _seen.append(None)
    while len(_seen) > 1:
        pass
    return {"pid": os.getpid()}, []


def hoard(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Keep more and more."""
    _seen.append(bytes(message["size"]))
    return {"pid": os.getpid(), "calls": len(_seen)}, []


def refuse_by_name(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    raise Conflict(str(os.getpid()))


def promise_too_much(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Announce an answer that no call may give, by itself."""
    with socket.socket(fileno=os.dup(3)) as connection:
        connection.sendall(b"says" + struct.pack("!II", 1 << 20, 1) + struct.pack("!Q", 1 << 40))
    return {}, []


def answer_for_the_next(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Answer this call, and later, when nobody has asked, another one."""
    _seen.append(None)
    if len(_seen) > 1:
        return {"pid": os.getpid()}, []
    forged = b"".join(frame({"value": {"pid": 0}}))

    def write_later() -> None:
        voice = reports._voice
        assert voice is not None
        while not voice._done:
            time.sleep(0.001)
        with voice._lock, socket.socket(fileno=os.dup(3)) as connection:
            connection.sendall(forged)

    threading.Thread(target=write_later).start()
    return {"pid": os.getpid()}, []


def examine_poisoned(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Examine the words of a batch as if they were records: ``poison`` ends the process."""
    words = blobs[0].split()
    chosen = words if message["only"] is None else [words[place] for place in message["only"]]
    if b"poison" in chosen:
        os.abort()
    _seen.append(None)
    facts = [{"iri": word.decode(), "pid": os.getpid(), "calls": len(_seen)} for word in chosen]
    return {"records": facts}, [b""] * len(chosen)
