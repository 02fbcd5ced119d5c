"""The system-call filter of a child (seccomp mode 2, classic BPF), built by hand for x86-64 and AArch64.

A child uses the one socket that it was given, reads files, allocates memory and starts threads. Calls that it does
not need fail with EPERM: opening sockets, running programs, touching other processes, changing anything on disk,
timers, memory that no limit counts (pipes, memory files, descriptors on their way), and the kernel's larger
interfaces (mount, bpf, keyrings, io_uring, user faults). Calls newer than this table fail with ENOSYS, as on an older
kernel, so that new calls stay closed. ``clone3`` and ``openat2`` keep their arguments in memory where a filter cannot
look: ENOSYS makes libc fall back to ``clone`` and ``openat``, and their flags are checked here.

If a child that runs a stranger's code cannot have its own root, a second filter makes every call that names a path
wait for the answer of ``node.cage.path_supervisor``.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_KILL_PROCESS: Final = 0x80000000
_ASK: Final = 0x7FC00000  # SECCOMP_RET_USER_NOTIF

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ABOVE: Final = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

# Offsets in struct seccomp_data: nr, arch, instruction pointer, six 64-bit arguments (little endian).
_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = 16

_X32_BIT: Final = 0x40000000
_CLONE_THREAD: Final = 0x00010000
_WRITING: Final = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC: equal on both machines

_ALARM: Final = 14
_EXCEEDED: Final = 24  # SIGXCPU; the two by which the kernel ends a child that takes too long
_PRCTL: Final = (15, 16, 0x53564D41)  # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: what libraries do to their threads
# Duplicating, the two kinds of flags, asking for locks: nothing that sends signals, leases files or sizes pipes.
_FCNTL: Final = (0, 1, 2, 3, 4, 5, 1030)
_IOCTL: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # is it a terminal; bytes waiting; blocking, cloexec

_NEWEST: Final = 462  # mseal; the numbers from 424 on are the same on every machine

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_SET_MODE_FILTER: Final = 1  # of the call seccomp
_NEW_LISTENER: Final = 1 << 3


@dataclass(frozen=True, slots=True)
class Machine:
    """The calls of one architecture: calls that are refused outright, and calls that depend on their arguments."""

    audit: int
    refusals: frozenset[int]
    offline: frozenset[int]
    """Calls that are refused to a program that starts others: sockets, tracing, mounts, kernel interfaces."""
    clone: int
    kill: tuple[int, ...]
    prlimit: int
    open: tuple[tuple[int, int], ...]
    """(number, which argument holds the flags)."""
    sigaction: int
    prctl: int
    fcntl: int
    ioctl: int
    seccomp: int
    statx: int
    paths: Mapping[int, tuple[str, bool]]
    """Other calls that reveal a path: the question, and whether a folder's descriptor comes before the path."""

    @property
    def asking(self) -> dict[int, tuple[str, bool]]:
        """All calls that name a path and are not refused."""
        return {number: ("open", place == 2) for number, place in self.open} | dict(self.paths)


_REFUSED_EVERYWHERE: Final = frozenset(
    {
        424,  # pidfd_send_signal
        *(425, 426, 427),  # io_uring: opens sockets and files behind a filter's back
        *(428, 429, 430, 431, 432, 433, 442),  # open_tree … fspick, mount_setattr
        *(434, 438),  # pidfd_open, pidfd_getfd
        *(440, 448),  # process_madvise, process_mrelease
        443,  # quotactl_fd
        *(447, 451, 452),  # memfd_secret, cachestat, fchmodat2
        *(457, 458, 459, 460, 461),  # statmount, listmount, lsm_*
    }
)

_X86_64: Final = Machine(
    audit=0xC000003E,
    refusals=_REFUSED_EVERYWHERE
    | {
        *(41, 42, 43, 49, 50, 53, 288),  # socket connect accept bind listen socketpair accept4
        *(59, 322, 57, 58),  # execve execveat fork vfork
        *(101, 310, 311, 312),  # ptrace process_vm_readv process_vm_writev kcmp
        *(200, 129, 297),  # tkill rt_sigqueueinfo rt_tgsigqueueinfo
        *(165, 166, 155, 161, 308, 272),  # mount umount2 pivot_root chroot setns unshare
        *(321, 248, 249, 250, 298, 323),  # bpf add_key request_key keyctl perf_event_open userfaultfd
        *(303, 304, 300, 253, 294),  # name_to_handle_at open_by_handle_at fanotify_init inotify_init*
        *(246, 320, 175, 313, 176, 169, 167, 168, 163, 179),  # kexec, modules, reboot, swap, acct, quotactl
        *(164, 227, 159, 305, 170, 171, 103, 172, 173, 154, 134, 153, 135),  # clocks, host name, ports, …
        *(29, 30, 64, 68, 240),  # shmget shmat semget msgget mq_open
        *(105, 106, 113, 114, 117, 119, 126),  # setuid … setresgid, capset
        *(160, 141, 203, 256, 279),  # setrlimit setpriority sched_setaffinity migrate_pages move_pages
        *(85, 76, 77, 82, 264, 316),  # creat truncate ftruncate rename*
        *(83, 258, 84, 87, 263, 86, 265, 88, 266, 133, 259),  # mkdir … mknodat
        *(90, 91, 268, 92, 93, 94, 260),  # chmod … fchownat
        *(132, 235, 280, 261, 188, 189, 190, 197, 198, 199),  # utime*, setxattr*, removexattr*
        *(22, 293, 275, 276, 278, 319),  # pipe pipe2 splice tee vmsplice memfd_create
        *(46, 47, 307, 299),  # sendmsg recvmsg sendmmsg recvmmsg
        *(38, 37, 222, 223, 226, 283, 286),  # setitimer alarm timer_create timer_settime timer_delete timerfd_*
        *(80, 81, 137, 191, 192, 194, 195),  # chdir fchdir statfs getxattr lgetxattr listxattr llistxattr
        *(317, 162, 306, 285, 73),  # seccomp sync syncfs fallocate flock
    },
    offline=frozenset(
        {
            *(41, 42, 43, 49, 50, 53, 288),  # socket connect accept bind listen socketpair accept4
            *(101, 310, 311, 312),  # ptrace process_vm_readv process_vm_writev kcmp
            *(165, 166, 155, 161, 308, 272),  # mount umount2 pivot_root chroot setns unshare
            *(321, 248, 249, 250, 298, 323),  # bpf add_key request_key keyctl perf_event_open userfaultfd
            *(303, 304, 300, 246, 320, 175, 313, 176, 169),  # handles, fanotify, kexec, modules, reboot
        }
    ),
    clone=56,
    kill=(62, 234),
    prlimit=302,
    open=((2, 1), (257, 2)),
    sigaction=13,
    prctl=157,
    fcntl=72,
    ioctl=16,
    seccomp=317,
    statx=332,
    paths={
        4: ("stat", False),
        6: ("stat", False),
        262: ("stat", True),  # stat lstat newfstatat
        21: ("access", False),
        269: ("access", True),
        439: ("access", True),  # access faccessat faccessat2
        89: ("link", False),
        267: ("link", True),  # readlink readlinkat
    },
)

_AARCH64: Final = Machine(
    audit=0xC00000B7,
    refusals=_REFUSED_EVERYWHERE
    | {
        *(198, 199, 200, 201, 202, 203, 242),  # socket socketpair bind listen accept connect accept4
        *(221, 281),  # execve execveat
        *(117, 270, 271, 272),  # ptrace process_vm_readv process_vm_writev kcmp
        *(130, 138, 240),  # tkill rt_sigqueueinfo rt_tgsigqueueinfo
        *(40, 39, 41, 51, 268, 97),  # mount umount2 pivot_root chroot setns unshare
        *(280, 217, 218, 219, 241, 282),  # bpf add_key request_key keyctl perf_event_open userfaultfd
        *(264, 265, 262, 26),  # name_to_handle_at open_by_handle_at fanotify_init inotify_init1
        *(104, 294, 105, 273, 106, 142, 224, 225, 89, 60),  # kexec, modules, reboot, swap, acct, quotactl
        *(170, 112, 171, 266, 161, 162, 116, 58, 92),  # clocks, host name, syslog, vhangup, personality
        *(194, 196, 190, 186, 180),  # shmget shmat semget msgget mq_open
        *(146, 144, 145, 143, 147, 149, 91),  # setuid … setresgid, capset
        *(164, 140, 122, 238, 239),  # setrlimit setpriority sched_setaffinity migrate_pages move_pages
        *(45, 46, 38, 276),  # truncate ftruncate renameat renameat2
        *(34, 35, 37, 36, 33),  # mkdirat unlinkat linkat symlinkat mknodat
        *(52, 53, 54, 55),  # fchmod fchmodat fchownat fchown
        *(88, 5, 6, 7, 14, 15, 16),  # utimensat setxattr* removexattr*
        *(59, 76, 77, 75, 279),  # pipe2 splice tee vmsplice memfd_create
        *(211, 212, 269, 243),  # sendmsg recvmsg sendmmsg recvmmsg
        *(103, 107, 110, 111, 85, 86),  # setitimer timer_create timer_settime timer_delete timerfd_*
        *(49, 50, 43, 8, 9, 11, 12),  # chdir fchdir statfs getxattr lgetxattr listxattr llistxattr
        *(277, 81, 267, 47, 32),  # seccomp sync syncfs fallocate flock
    },
    offline=frozenset(
        {
            *(198, 199, 200, 201, 202, 203, 242),  # socket socketpair bind listen accept connect accept4
            *(117, 270, 271, 272),  # ptrace process_vm_readv process_vm_writev kcmp
            *(40, 39, 41, 51, 268, 97),  # mount umount2 pivot_root chroot setns unshare
            *(280, 217, 218, 219, 241, 282),  # bpf add_key request_key keyctl perf_event_open userfaultfd
            *(264, 265, 262, 104, 294, 105, 273, 106, 142),  # handles, fanotify, kexec, modules, reboot
        }
    ),
    clone=220,
    kill=(129, 131),
    prlimit=261,
    open=((56, 2),),
    sigaction=134,
    prctl=167,
    fcntl=25,
    ioctl=29,
    seccomp=277,
    statx=291,
    # newfstatat faccessat faccessat2 readlinkat
    paths={79: ("stat", True), 48: ("access", True), 439: ("access", True), 78: ("link", True)},
)

MACHINES: Final = {"x86_64": _X86_64, "aarch64": _AARCH64}

_CLONE3: Final = 435
_OPENAT2: Final = 437


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of consecutive numbers: the filter, run at every call, is shorter."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _among(number: int, argument: int, values: tuple[int, ...], otherwise: bytes) -> list[bytes]:
    """Return steps that allow the call ``number`` if the low half of its argument is one of ``values``."""
    steps = [_step(_EQUAL, number, 0, len(values) + 3), _step(_LOAD, _ARGUMENTS + 8 * argument)]
    for place, value in enumerate(values):
        steps.append(_step(_EQUAL, value, len(values) - place, 0))
    return [*steps, otherwise, _step(_RETURN, _ALLOW)]


def program(machine: Machine, pid: int) -> bytes:
    """Return the filter for the process ``pid``, as an array of ``struct sock_filter``."""
    allow, perm, missing = _step(_RETURN, _ALLOW), _refuse(errno.EPERM), _refuse(errno.ENOSYS)
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.audit, 1, 0),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32_BIT, 0, 1),
        perm,
        _step(_AT_LEAST, _NEWEST + 1, 0, 1),
        missing,
    ]
    for number in (_CLONE3, _OPENAT2):
        steps += [_step(_EQUAL, number, 0, 1), missing]
    for first, last in _runs(machine.refusals):
        if first == last:
            steps += [_step(_EQUAL, first, 0, 1), perm]
        else:
            steps += [_step(_AT_LEAST, first, 0, 2), _step(_ABOVE, last, 1, 0), perm]
    # Threads are allowed, processes are not.
    steps += [
        _step(_EQUAL, machine.clone, 0, 4),
        _step(_LOAD, _ARGUMENTS),
        _step(_ANY_BIT, _CLONE_THREAD, 0, 1),
        allow,
        perm,
    ]
    # A signal to oneself is how abort() works; to anyone else it is an attack.
    for number in machine.kill:
        steps += [
            _step(_EQUAL, number, 0, 4),
            _step(_LOAD, _ARGUMENTS),
            _step(_EQUAL, pid, 0, 1),
            allow,
            perm,
        ]
    # Limits may be read (no new limit in the third argument), never set.
    steps += [
        _step(_EQUAL, machine.prlimit, 0, 6),
        _step(_LOAD, _ARGUMENTS + 16),
        _step(_EQUAL, 0, 0, 3),
        _step(_LOAD, _ARGUMENTS + 20),
        _step(_EQUAL, 0, 0, 1),
        allow,
        perm,
    ]
    for number, argument in machine.open:
        steps += [
            _step(_EQUAL, number, 0, 4),
            _step(_LOAD, _ARGUMENTS + 8 * argument),
            _step(_ANY_BIT, _WRITING, 0, 1),
            perm,
            allow,
        ]
    # A process that blocks these two signals would outlive its time; the kernel uses them to end it.
    steps += [
        _step(_EQUAL, machine.sigaction, 0, 5),
        _step(_LOAD, _ARGUMENTS),
        _step(_EQUAL, _ALARM, 2, 0),
        _step(_EQUAL, _EXCEEDED, 1, 0),
        allow,
        perm,
    ]
    # Above all, a child cannot undo that it dies with its parent.
    steps += _among(machine.prctl, 0, _PRCTL, perm)
    steps += _among(machine.fcntl, 1, _FCNTL, perm)
    steps += _among(machine.ioctl, 1, _IOCTL, _refuse(errno.ENOTTY))
    steps.append(allow)
    return b"".join(steps)


def offline_program(machine: Machine) -> bytes:
    """Return the filter for a program that starts others: no sockets, no other processes, none of the kernel's larger
    interfaces. The files are left to Landlock."""
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.audit, 1, 0),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32_BIT, 0, 1),
        _refuse(errno.EPERM),
    ]
    for first, last in _runs(_REFUSED_EVERYWHERE | machine.offline):
        steps += [_step(_AT_LEAST, first, 0, 2), _step(_ABOVE, last, 1, 0), _refuse(errno.EPERM)]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def asking_program(machine: Machine) -> bytes:
    """Return the filter that makes every call that names a path wait for an answer, and allows all other calls."""
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.audit, 1, 0),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
        # Libraries fall back to the older calls, for which there are answers.
        _step(_EQUAL, machine.statx, 0, 1),
        _refuse(errno.ENOSYS),
    ]
    for number in sorted(machine.asking):
        steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ASK)]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(libc: ctypes.CDLL, pid: int) -> bool:
    """Apply the filter to this thread and all that it starts; return False if this machine has none."""
    machine = _machine(libc)
    if machine is None:
        return False
    steps = program(machine, pid)
    prepared = _Program(len(steps) // 8, steps)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(prepared), 0, 0) == 0)


def install_offline(libc: ctypes.CDLL) -> bool:
    """Apply ``offline_program`` to this process and all that it starts; return False if this machine has none."""
    machine = _machine(libc)
    if machine is None:
        return False
    steps = offline_program(machine)
    prepared = _Program(len(steps) // 8, steps)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(prepared), 0, 0) == 0)


def install_asking(libc: ctypes.CDLL) -> int | None:
    """Apply ``asking_program`` to this process, to be followed by ``install``; return the descriptor on which to
    answer, or None if this kernel (before Linux 5.9) or this machine has none."""
    machine = _machine(libc)
    if machine is None:
        return None
    steps = asking_program(machine)
    prepared = _Program(len(steps) // 8, steps)
    listener = libc.syscall(machine.seccomp, _SET_MODE_FILTER, ctypes.c_ulong(_NEW_LISTENER), ctypes.byref(prepared))
    return int(listener) if listener >= 0 else None


def _machine(libc: ctypes.CDLL) -> Machine | None:
    machine = MACHINES.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None or sys.byteorder != "little":
        return None
    return machine if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 else None
