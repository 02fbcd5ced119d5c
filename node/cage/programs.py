"""Programs of this machine that read a stranger's data, such as a reasoner in Java: confined, but with processes.

A child of the cage may start no program. A process that has to gives up the rest by itself, before it reads the data:
the network, other processes, every file but the system's, the libraries and one folder, and time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from node.base.errors import LocalFault, Overloaded
from node.cage import landlock, seccomp
from node.cage.confine import be_first_when_memory_is_short, drop_capabilities

_ROOT: Final = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG: Final = 1
FILE: Final = 256 << 20
SPACE: Final = 16 << 30
"""Address space of each process. Java reserves much more than it uses; its own limit of memory is among its words."""


def give_up(
    folder: Path, readable: Sequence[str], *, seconds: int, file_size: int = FILE, space: int = SPACE
) -> None:
    """Confine this process and all that it starts: it writes below ``folder`` only, and reads the system's files and
    ``readable``; ``seconds`` of the processor for each process, files of ``file_size`` bytes at most, and ``space``
    bytes of addresses.

    Raises ``LocalFault`` where the system has no Landlock or no filter of system calls: the program could read and
    change whatever the node can.
    """
    be_first_when_memory_is_short()
    for which, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_AS, space),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (limit, limit))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    drop_capabilities(libc)
    readable_paths = [*landlock.readable(_ROOT), *readable]
    if not landlock.install_for_programs(libc, readable_paths, [str(folder), "/dev/null"]):
        raise LocalFault("this machine has no Landlock, which keeps programs from the files of the node")
    if not seccomp.install_offline(libc):
        raise LocalFault("this machine has no filter of system calls")


def keeps_from_files() -> bool:
    """Return whether this machine can keep a program from the files of the node: without that, none is run."""
    return landlock.version(ctypes.CDLL(None, use_errno=True)) > 0


def run_module(module: str, folder: Path, *, seconds: float, remedy: str = "check a smaller ontology") -> None:
    """Run one of our own modules on ``folder`` in a process of its own, and end it and all that it started after
    ``seconds``. It blocks. Raises ``Overloaded`` with ``remedy`` if it took too long, ``LocalFault`` if it failed."""
    process = subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
        [sys.executable, "-m", module, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(_ROOT),
            "PYTHONSAFEPATH": "1",
            "PYTHONNOUSERSITE": "1",
            "JAVA_TOOL_OPTIONS": f"-XX:-UsePerfData -Djava.io.tmpdir={folder} -XX:ActiveProcessorCount=1",
        },
        cwd=folder,
        start_new_session=True,
    )
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise Overloaded(f"it took more than {seconds:g} seconds", remedy=remedy, facts={"limit": "time"}) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if status:
        raise LocalFault(f"{module} ended with status {status}")
