"""The barriers around children that this machine offers, and whether they are enough for a stranger's code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

SECCOMP: Final = 1
LANDLOCK: Final = 2
ROOT: Final = 4
PATH_SUPERVISOR: Final = 8


@dataclass(frozen=True, slots=True)
class Barriers:
    """The barriers that really hold around a child: found by trying, in a child that runs nothing.

    A stranger's code runs only if it can neither read our files (Landlock, or a separate root folder), nor learn
    which files exist (a separate root folder, or a path supervisor that answers for each path).
    """

    seccomp: bool = False
    landlock: bool = False
    root: bool = False
    path_supervisor: bool = False

    @classmethod
    def of(cls, number: int) -> Self:
        """Return the barriers from the sum of the constants above."""
        return cls(
            bool(number & SECCOMP), bool(number & LANDLOCK), bool(number & ROOT), bool(number & PATH_SUPERVISOR)
        )

    @property
    def number(self) -> int:
        """Return the sum of the constants above."""
        return (
            self.seccomp * SECCOMP
            + self.landlock * LANDLOCK
            + self.root * ROOT
            + self.path_supervisor * PATH_SUPERVISOR
        )

    @property
    def lacking(self) -> str:
        """Return why no stranger's code runs here, as a sentence; empty if it does."""
        if not self.seccomp:
            return "the system offers no filter of system calls (seccomp)"
        if not (self.landlock or self.root):
            return "the system offers neither Landlock nor namespaces to keep the files of this node from models"
        if not (self.root or self.path_supervisor):
            return "the system offers neither namespaces nor answers to calls to hide from models which files exist"
        return ""

    @property
    def summary(self) -> str:
        """Return the barriers that are in place, for people."""
        words = (
            (self.seccomp, "a filter of system calls"),
            (self.landlock, "Landlock"),
            (self.root, "a separate root folder"),
            (self.path_supervisor and not self.root, "a check of each path"),
        )
        return ", ".join(word for there, word in words if there) or "nothing"

    def to_json(self) -> dict[str, Any]:
        """Return the barriers for pages and programs."""
        return {"seccomp": self.seccomp, "landlock": self.landlock, "root": self.root, "usher": self.path_supervisor}


PARSED_WITHOUT_LANDLOCK: Final = (
    "the system has no Landlock: processes that read descriptions or answer queries cannot use the network or "
    "change files, but they can read every file that the node can read; the reasoner for ontologies, which is a "
    "program in Java, does not run"
)
REMEDY: Final = (
    "run the node on Linux 5.13 or later with Landlock among its security modules, or let it make user namespaces"
)
