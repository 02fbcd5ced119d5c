"""The filter's tables: the numbers are those of the kernel's own headers, where those are installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.cage.seccomp import MACHINES, program

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
cachestat
"""
OLD = """
fork vfork inotify_init iopl ioperm modify_ldt uselib creat rename mkdir rmdir unlink link symlink mknod chmod chown
lchown utime utimes futimesat
"""


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
    assert known <= table.refused
    assert {number for number in table.refused if number <= max(kernel.values())} <= known
    assert table.clone == kernel["clone"]
    assert set(table.kill) == {kernel["kill"], kernel["tgkill"]}
    assert table.prlimit == kernel["prlimit64"]
    assert {number for number, _ in table.open} == {kernel[name] for name in ("open", "openat") if name in kernel}


@pytest.mark.parametrize("machine", MACHINES)
def test_no_call_that_decides_by_argument_is_refused_before(machine: str) -> None:
    table = MACHINES[machine]
    deciding = {table.clone, table.prlimit, *table.kill, *(number for number, _ in table.open)}
    assert not deciding & table.refused


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_fits_the_kernel(machine: str) -> None:
    steps = program(MACHINES[machine], 4711)
    assert len(steps) % 8 == 0
    assert len(steps) // 8 < 4096, "BPF_MAXINSNS"
