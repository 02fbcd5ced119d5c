"""profile: further profiles of DCAT-AP that a node can check, also a national one from its official SHACL files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import Conflict, InvalidInput, LocalFault
from node.base.plaintext import word
from node.cli.groups import Shorthand
from node.cli.options import Node, connect
from node.cli.output import Mode, count_of, emit, line, remark, report_success, table

if TYPE_CHECKING:
    from node.settings.model import Settings

group = typer.Typer(
    cls=Shorthand,
    help="Profiles that this node can check: list, check, add.",
    no_args_is_help=False,
)

SHOWN = 20
"""Faults of the files that a terminal shows."""
_REMEDY = "correct the files, or leave out the rule"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="profile")


@group.command("list")
def list_(node: Node = None) -> None:
    """List the profiles, and whether the node uses them."""
    from node.client import locate
    from node.semantics.validation.profiles import overview
    from node.settings.file import load

    if (folder := locate(node).folder) is None:
        with connect(node) as client:
            rows = client.profiles()
    else:
        settings = load(folder)
        uses = overview(settings.folder, settings.advised_profiles, settings.enforced_profiles)
        rows = [use.to_json() for use in uses]
    if Mode.json:
        emit({"profiles": rows})
        return
    table(
        [(row["name"], row["title"] or count_of(len(row["files"]), "file"), row["use"]) for row in rows],
        ("profile", "rules", "use"),
    )
    remark("to use one, name it in advised_profiles or enforced_profiles of hansa.toml, and restart the node")


@group.command("check")
def check(
    name: Annotated[str, typer.Argument(help="Name of the profile.")],
    node: Node = None,
) -> None:
    """Check whether the shapes of a profile can be understood."""
    from node.client import locate
    from node.semantics.validation.profiles import names, references

    if locate(node).folder is None:
        with connect(node) as client:
            answer = client.check_profile(name)
        if answer["error"]:
            raise InvalidInput(answer["error"], remedy=_REMEDY)
        _show_check(answer)
        return
    settings = _settings(node)
    known = names(settings.folder)
    if name not in known:
        raise InvalidInput(f"there is no profile {name!r}", remedy=f"the profiles are: {', '.join(known)}")
    (reference,) = references([name], settings.folder)
    _understand(name, reference)


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name for the settings, such as dcat-ap-nl.")],
    files: Annotated[
        list[Path],
        typer.Argument(help="The official SHACL files (.ttl, .nt, .rdf, .xml, .jsonld), or a folder that has them."),
    ],
    node: Node = None,
) -> None:
    """Add a profile from its official SHACL files. They are checked first, and copied into the node's folder."""
    from node.semantics.validation.profiles import FOLDER, gaps, names, references

    settings = _settings(node)
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} cannot name a profile", remedy="use small letters, digits, dots and hyphens")
    if name in names(settings.folder):
        raise Conflict(f"there is a profile {name} already", remedy="choose another name, or remove its folder first")
    copies = _copies(files)
    place = settings.folder / FOLDER / name
    place.mkdir(parents=True)
    try:
        for copy, file in copies.items():
            (place / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place / copy)
        (reference,) = references([name], settings.folder)
        if any(gap.case == "empty" for gap in gaps(reference)):
            raise InvalidInput(
                "the files have no rules of SHACL",
                remedy="give the files with the shapes: the vocabulary of a profile demands nothing",
            )
        _understand(name, reference)
    except BaseException:
        shutil.rmtree(place)
        raise
    line("folder", str(place))
    remark(f'to use it: advised_profiles = ["{name}"] in {word(str(settings.folder / "hansa.toml"))}, and restart')


def _copies(paths: list[Path]) -> dict[Path, Path]:
    """Return the files of shapes that ``paths`` name, by their place in the folder of the profile: those of a folder
    keep their subfolders. Raises ``InvalidInput`` for a path without any, and for two files with one place."""
    from node.semantics.documents import GRAPH_FILES
    from node.semantics.validation.profiles import files_in

    remedy = f"supported: {', '.join(GRAPH_FILES)}"
    copies: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            files = {file.relative_to(path): file for file in files_in(path)}
            if not files:
                raise InvalidInput(f"{path} has no files of shapes", remedy=remedy)
        elif path.suffix.lower() in GRAPH_FILES and path.is_file():
            files = {Path(path.name): path}
        else:
            raise InvalidInput(f"{path} is not a file of shapes", remedy=remedy)
        if twice := sorted(files.keys() & copies.keys()):
            raise InvalidInput(f"two of the files have the same name: {twice[0]}", remedy="rename one of them")
        copies.update(files)
    return copies


def _understand(name: str, reference: str) -> None:
    from node.semantics.validation.profiles import gaps, shapes_for

    try:
        shapes = shapes_for(reference)
    except LocalFault as error:
        raise InvalidInput(
            f"the shapes of {name} are not understood: {error.detail}",
            remedy=_REMEDY,
        ) from error
    _show_check({"name": name, "shapes": shapes.count, "gaps": [gap.text("en") for gap in gaps(reference)]})


def _show_check(check: Mapping[str, Any]) -> None:
    faults = check["gaps"]
    if Mode.json:
        emit(check)
    report_success(check["name"], detail=count_of(check["shapes"], "shape"))
    for fault in faults[:SHOWN]:
        remark(fault)
    if len(faults) > SHOWN:
        remark(f"and {len(faults) - SHOWN} more")


def _settings(node: str | None) -> Settings:
    from node.client import locate
    from node.settings.file import load

    folder = locate(node).folder
    if folder is None:
        raise InvalidInput("name the node's folder: its profiles are on its own machine", remedy="--node FOLDER")
    return load(folder)
