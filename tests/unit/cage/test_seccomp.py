"""The filter's tables: the numbers are those of the kernel's own headers, where those are installed."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from node.cage.seccomp import MACHINES, asking_program, program

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
EVERYWHERE = """
socket connect accept accept4 bind listen socketpair execve execveat ptrace process_vm_readv process_vm_writev kcmp
tkill rt_sigqueueinfo rt_tgsigqueueinfo mount umount2 pivot_root chroot setns unshare bpf add_key request_key keyctl
perf_event_open userfaultfd name_to_handle_at open_by_handle_at fanotify_init inotify_init1 kexec_load
kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct quotactl settimeofday
clock_settime adjtimex clock_adjtime sethostname setdomainname syslog vhangup personality shmget shmat semget msgget
mq_open setuid setgid setreuid setregid setresuid setresgid capset setrlimit setpriority sched_setaffinity
migrate_pages move_pages truncate ftruncate renameat renameat2 mkdirat unlinkat linkat symlinkat mknodat fchmod
fchmodat fchown fchownat utimensat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount fspick
mount_setattr pidfd_open pidfd_getfd process_madvise process_mrelease quotactl_fd memfd_secret
cachestat pipe2 splice tee vmsplice memfd_create sendmsg recvmsg sendmmsg recvmmsg setitimer timer_create
timer_settime timer_delete timerfd_create timerfd_settime chdir fchdir statfs getxattr lgetxattr listxattr llistxattr
seccomp sync syncfs fallocate flock
"""
OLD = """
fork vfork inotify_init iopl ioperm modify_ldt uselib creat rename mkdir rmdir unlink link symlink mknod chmod chown
lchown utime utimes futimesat pipe alarm
"""

ASKING = "open openat stat lstat newfstatat access faccessat faccessat2 readlink readlinkat"
"""The calls that name a path and tell of it, beside statx, which is refused where paths are answered."""
BEHIND_A_FOLDER = ("openat", "newfstatat", "faccessat", "faccessat2", "readlinkat")
SUBJECTS = {
    **dict.fromkeys(("open", "openat"), "open"),
    **dict.fromkeys(("stat", "lstat", "newfstatat"), "stat"),
    **dict.fromkeys(("access", "faccessat"), "access"),
    **dict.fromkeys(("readlink", "readlinkat"), "link"),
}


def numbers(machine: str) -> dict[str, int]:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not installed")
    found = re.finditer(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    return {match[1]: int(match[2]) for match in found if match[1] != "syscalls"}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_tables_agree_with_the_kernel(machine: str) -> None:
    kernel, table = numbers(machine), MACHINES[machine]
    wanted = (EVERYWHERE + (OLD if machine == "x86_64" else "")).split()
    known = {kernel[name] for name in wanted if name in kernel}
    assert known <= table.refusals
    assert {number for number in table.refusals if number <= max(kernel.values())} <= known
    assert table.clone == kernel["clone"]
    assert set(table.kill) == {kernel["kill"], kernel["tgkill"]}
    assert table.prlimit == kernel["prlimit64"]
    assert {number for number, _ in table.open} == {kernel[name] for name in ("open", "openat") if name in kernel}
    for ours, theirs in (
        ("sigaction", "rt_sigaction"),
        ("prctl", "prctl"),
        ("seccomp", "seccomp"),
        ("statx", "statx"),
    ):
        assert getattr(table, ours) == kernel[theirs]
    assert table.ioctl == kernel["ioctl"]
    assert table.fcntl == kernel["fcntl"]
    asking = {name: kernel[name] for name in ASKING.split() if name in kernel}
    asking |= {"newfstatat": kernel["fstatat"]} if "fstatat" in kernel else {}
    assert table.asking == {
        number: (SUBJECTS[name.removesuffix("2")], name in BEHIND_A_FOLDER) for name, number in asking.items()
    }


@pytest.mark.parametrize("machine", MACHINES)
def test_no_call_that_decides_by_argument_is_refused_before(machine: str) -> None:
    table = MACHINES[machine]
    deciding = {table.clone, table.prlimit, *table.kill, *table.asking, table.statx}
    deciding |= {table.sigaction, table.prctl, table.fcntl, table.ioctl}
    assert not deciding & table.refusals


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_fits_the_kernel(machine: str) -> None:
    steps = program(MACHINES[machine], 4711)
    assert len(steps) % 8 == 0
    assert len(steps) // 8 < 4096, "BPF_MAXINSNS"
    assert len(asking_program(MACHINES[machine])) % 8 == 0


def evaluated(steps: bytes, number: int, arguments: tuple[int, ...] = (), audit: int = 0) -> int:
    """What the filter says of a call, as the kernel reads it."""
    memory = {0: number, 4: audit}
    for place, value in enumerate(arguments):
        memory |= {16 + 8 * place: value & 0xFFFFFFFF, 20 + 8 * place: value >> 32}
    at, register = 0, 0
    while True:
        code, yes, no, value = struct.unpack_from("=HBBI", steps, 8 * at)
        at += 1
        if code == 0x20:
            register = memory.get(value, 0)
        elif code == 0x06:
            return int(value)
        else:
            holds = {
                0x15: register == value,
                0x35: register >= value,
                0x25: register > value,
                0x45: bool(register & value),
            }[code]
            at += yes if holds else no


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_is_answered_as_its_table_says(machine: str) -> None:
    table = MACHINES[machine]
    steps = program(table, 4711)
    allowed, refused, missing = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS

    def verdict(number: int, *arguments: int) -> int:
        return evaluated(steps, number, arguments, table.audit)

    deciding = {table.clone, table.prlimit, *table.kill, *(number for number, _ in table.open)}
    deciding |= {table.sigaction, table.prctl, table.fcntl, table.ioctl}
    for number in set(range(463)) - deciding - {435, 437}:
        assert verdict(number) == (refused if number in table.refusals else allowed), number
    assert {verdict(435), verdict(437), verdict(463), verdict(9999)} == {missing}
    assert evaluated(steps, 0, (), 0x40000003) == 0x80000000, "the calls of another machine end the process"
    assert verdict(table.clone, 0x10000) == allowed
    assert verdict(table.clone, 0) == refused
    for number in table.kill:
        assert verdict(number, 4711) == allowed
        assert verdict(number, 4712) == refused
    assert [verdict(table.sigaction, signal) for signal in (2, 14, 24)] == [allowed, refused, refused]
    assert [verdict(table.prctl, option) for option in (15, 16, 1, 2, 4, 22, 36, 38)] == [allowed] * 2 + [refused] * 6
    assert [verdict(table.fcntl, 3, command) for command in (0, 3, 4, 1030)] == [allowed] * 4
    assert [verdict(table.fcntl, 3, command) for command in (8, 10, 15, 1024, 1026, 1031, 1033)] == [refused] * 7
    assert verdict(table.ioctl, 3, 0x5421) == allowed
    assert [verdict(table.ioctl, 3, command) for command in (0x8901, 0x5452, 0x5412)] == [
        0x00050000 | errno.ENOTTY
    ] * 3
    asking = asking_program(table)
    for number in range(463):
        wanted = 0x7FC00000 if number in table.asking else missing if number == table.statx else allowed
        assert evaluated(asking, number, (), table.audit) == wanted
