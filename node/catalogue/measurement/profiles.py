"""The profiles of DCAT-AP that a node can check, and a check of the files of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.base.errors import InvalidInput, LocalFault, NotAllowed, NotFound
from node.identity.model import Caller
from node.semantics.validation.profiles import (
    Gap,
    ProfileUse,
    gaps,
    names,
    references,
    shapes_for,
    unreadable_text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCheck:
    """The result of a check: the number of shapes, and what is passed over in them (``gaps``).

    ``error`` says why the files are not understood; it is empty if they are.
    """

    name: str
    shapes: int = 0
    gaps: tuple[Gap, ...] = ()
    error: str = ""

    def to_json(self, language: str) -> dict[str, Any]:
        """Return the check as JSON, with its sentences in ``language``."""
        return {
            "name": self.name,
            "shapes": self.shapes,
            "gaps": [gap.text(language) for gap in self.gaps],
            "error": unreadable_text(language, self.error) if self.error else "",
        }


class ProfileOverview:
    """Lists the profiles, and checks the files of one. Synchronous: call ``check`` in a thread."""

    def __init__(self, folder: Path, uses: Sequence[ProfileUse]) -> None:
        """``folder`` is the data folder of the node; ``uses`` are the profiles that there were when it started."""
        self._folder = folder
        self.uses = uses

    def check(self, name: str, by: Caller) -> ProfileCheck:
        """Return whether the shapes of a profile can be understood, as its files are now.

        Raises ``NotAllowed`` for others than people of this node, ``NotFound`` with the names for a profile that
        does not exist.
        """
        if not by.is_person:
            raise NotAllowed("only people of this node see its profiles", remedy="sign in with an account here")
        known = names(self._folder)
        if name not in known:
            raise NotFound(f"there is no profile {name!r}", remedy=f"the profiles are: {', '.join(known)}")
        try:
            (reference,) = references([name], self._folder)
            return ProfileCheck(name=name, shapes=shapes_for(reference).count, gaps=tuple(gaps(reference)))
        except (InvalidInput, LocalFault) as error:
            # Where a node keeps its files is not for all its people to know.
            return ProfileCheck(name=name, error=error.detail.replace(f"{self._folder}/", ""))
