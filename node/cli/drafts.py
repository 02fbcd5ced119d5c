"""Drafts at the terminal: the description of a data file, as far as the file determines it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from node.base.errors import HansaError, InvalidInput, Overloaded, TooLarge
from node.base.plaintext import word
from node.cage.cage import Cage
from node.cli.output import Mode, emit, line, remark, report_success, say
from node.semantics.profiles.cage_client import profile_sync
from node.semantics.profiles.description import description_of

if TYPE_CHECKING:
    from node.semantics.profiles.model import Profile
    from node.semantics.sheets import Survey


def profile_file(path: Path) -> Profile:
    """Return the profile of a data file, read in a cage of this command's own. Raises the errors of the reader."""
    with Cage(width=1) as cage:
        return profile_sync(cage, path, path.name)


def write_draft(path: Path, target: Path, survey: Survey | None = None, *, any_format: bool = False) -> None:
    """Write the draft of the description of ``path`` to ``target``.

    ``survey``: the form of a table that was confirmed before. ``any_format``: a file that cannot be profiled
    gets a draft without columns; else the errors of ``profile_file`` are raised. Raises ``InvalidInput`` if
    ``target`` exists.
    """
    if target.exists():
        raise InvalidInput(
            f"{target.name} is there already: a draft would overwrite it",
            remedy=f"if it describes {path.name}: hansa publish {word(target)}; else remove or rename one of the two",
        )
    profile: Profile | None = None
    refusal: HansaError | None = None
    try:
        profile = profile_file(path)
    except (InvalidInput, TooLarge, Overloaded) as error:
        if not any_format:
            raise
        refusal = error
    name = os.path.relpath(path, target.parent)
    target.write_text(description_of(profile, name, command=f"hansa publish {word(Path(target.name))}"), "utf-8")
    if Mode.json:
        emit({"description": str(target), "profile": profile and profile.to_json()})
    if survey is not None:
        line(path.name, survey.words())
    elif profile is not None:
        line(path.name, ", ".join(filter(None, (profile.format, profile.words()))))
    report_success(f"{target} written", detail="a draft of the description")
    if refusal is not None:
        remark(f"without columns: {refusal.detail}")
    for note in profile.notes if profile and survey is None else ():
        remark(note)
    if profile and profile.suspects:
        columns = ", ".join(column.name for _, column in profile.suspects[:5])
        remark(f"may hold personal data: {columns}. Answer personal_data in the draft with yes or no")
    say(f"Next: fill in the description, then: hansa publish {word(target)}")
