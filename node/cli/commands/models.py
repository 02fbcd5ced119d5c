"""model describe, model try: from a function to a card, and a run of it at home, in the same cage as at a node.

What models may import, and their limits, are those of the node that is named or found here; without one, the standard
library and what is named by ``--library``.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import HansaError, InvalidInput
from node.base.plaintext import one_line, word
from node.cli.options import Node
from node.cli.output import Mode, block, complain, emit, line, remark, report_success, size, table

if TYPE_CHECKING:
    from node.cage.cage import Cage
    from node.cage.model import Limits
    from node.scenarios.model import Model, Rows
    from node.scenarios.models.code import CodeOutcome

SHOWN = 20
_MEDIA = {".csv": "text/csv", ".tsv": "text/tab-separated-values", ".geojson": "application/geo+json"}

_Libraries = Annotated[
    list[str] | None,
    typer.Option("--library", help="A module that the model may import, besides those that the node allows."),
]
_Folder = Annotated[
    Path | None, typer.Option("--library-folder", help="The folder with the libraries, instead of the node's.")
]
_Unconfined = Annotated[
    bool,
    typer.Option(
        "--unconfined",
        help="Run it even where the model cannot be kept from your files: only for code that you wrote or read.",
    ),
]
_File = Annotated[Path, typer.Argument(help="The Python file with the model's function.")]


def register(app: typer.Typer) -> None:
    models = typer.Typer(help="Write and try models before they are published.", no_args_is_help=True)
    models.command("describe")(describe)
    models.command("try")(try_)
    app.add_typer(models, name="model")


def describe(
    file: _File,
    libraries: _Libraries = None,
    library_folder: _Folder = None,
    unconfined: _Unconfined = False,
    node: Node = None,
) -> None:
    """Print a draft of the model's card. It is made from the annotations of the function."""
    code = _code(file)
    home = _home(node, libraries, library_folder, unconfined)

    async def ask() -> dict[str, Any]:
        from node.scenarios.models.code import describe_code

        with home.cage as cage:
            return await describe_code(cage, code, file.name)

    interface = asyncio.run(ask())
    if Mode.json:
        emit(interface)
    else:
        block(_draft(file, interface).rstrip())


def try_(
    file: _File,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="ROLE=FILE: rows of an input, as CSV, JSON or GeoJSON.")
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of a parameter.")] = None,
    libraries: _Libraries = None,
    library_folder: _Folder = None,
    unconfined: _Unconfined = False,
    node: Node = None,
) -> None:
    """Run a model on files of this machine. It runs in the cage, with the limits of a node."""
    code = _code(file)
    paths = {role: Path(path) for role, path in map(_pair, inputs or [])}
    values = {name: _value(text) for name, text in map(_pair, settings or [])}
    missing = next((path for path in paths.values() if not path.is_file()), None)
    if missing is not None:
        raise InvalidInput(f"{missing} is not a file", remedy="write --input ROLE=FILE")
    ran = asyncio.run(_run(file, code, paths, values, _home(node, libraries, library_folder, unconfined)))
    if Mode.json:
        emit(
            {
                "outputs": {role: list(rows) for role, rows in ran.outcome.outputs.items()},
                "caveats": [
                    {"code": caveat.code, "sentence": caveat.sentence, "facts": caveat.facts}
                    for caveat in ran.outcome.caveats
                ],
                "log": list(ran.log),
                "seconds": ran.seconds,
                "memory": ran.memory,
            }
        )
    else:
        _show(ran)


@dataclass(frozen=True, slots=True)
class _Home:
    """The environment of a model's trial: the cage and the limits of a node."""

    cage: Cage
    limits: Limits


def _home(node: str | None, names: Sequence[str] | None, folder: Path | None, unconfined: bool) -> _Home:
    from node.bootstrap.parts import model_libraries, model_limits
    from node.cage.cage import Cage
    from node.cage.libraries import Libraries
    from node.scenarios.models.code import MODEL
    from node.settings import load

    where, libraries, limits = _folder(node), Libraries(), MODEL
    if where is not None:
        settings = load(where)
        libraries, limits = model_libraries(settings), model_limits(settings)
    libraries = Libraries(
        names=tuple(dict.fromkeys((*libraries.names, *(names or ())))),
        folder=libraries.folder if folder is None else str(folder.resolve()),
    )
    cage = Cage(libraries=libraries, unconfined=unconfined)
    barriers = cage.barriers()
    if unconfined and barriers.lacking:
        deeds = "read everything that you can read" if barriers.seccomp else "do everything that you can do"
        complain(f"Warning: {barriers.lacking}. The model can {deeds}.")
    return _Home(cage, limits)


def _folder(node: str | None) -> Path | None:
    """The folder of the node that is meant; without one named, of the one that is here, if any."""
    from node.client import locate

    try:
        return locate(node).folder
    except InvalidInput:
        if node is not None or os.environ.get("HANSA_NODE"):
            raise
        return None


async def _run(
    file: Path, code: bytes, paths: Mapping[str, Path], values: Mapping[str, Any], home: _Home
) -> CodeOutcome:
    from node.scenarios.models.code import describe_code, run_code
    from node.scenarios.models.draft import model_of

    def tell(percent: int, text: str) -> None:
        remark(f"{percent:3} %  {text}")

    with home.cage as cage:
        model = model_of(await describe_code(cage, code, file.name), f"models/{file.stem}")
        rows = {role: _rows(model, role, path) for role, path in paths.items()}
        return await run_code(cage, code, model, rows, values, limits=home.limits, on_progress=tell)


def _code(file: Path) -> bytes:
    if not file.is_file():
        raise InvalidInput(f"{file} is not a file", remedy="name the Python file of the model")
    return file.read_bytes()


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name.strip(), value


def _value(text: str) -> Any:
    """A value as a person types it: JSON where it is some, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _rows(model: Model, role: str, path: Path) -> Rows:
    from node.scenarios.tables.rows import read_rows

    port = next((one for one in model.inputs if one.role == role), None)
    media_type = _MEDIA.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    try:
        return read_rows(path.read_bytes(), media_type, port)
    except HansaError as error:
        raise type(error)(f"{path}: {error.detail}", remedy=error.remedy) from error


def _show(ran: CodeOutcome) -> None:
    for role, rows in ran.outcome.outputs.items():
        report_success(role, detail=f"{len(rows)} rows")
        names = list(dict.fromkeys(name for row in rows[:SHOWN] for name in row))
        if names:
            table([[_cell(row.get(name)) for name in names] for row in rows[:SHOWN]], names)
        if len(rows) > SHOWN:
            remark(f"and {len(rows) - SHOWN} more; hansa --json model try prints all")
    for caveat in ran.outcome.caveats:
        complain(f"Warning: {caveat.sentence}")
    line("took", f"{ran.seconds:.2f} s, {size(ran.memory)} of memory")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:60]
    return json.dumps(value, ensure_ascii=False)[:60]


def _draft(file: Path, interface: Mapping[str, Any]) -> str:
    """The card as YAML: first what only a person can say, then what the code says."""
    import yaml

    from node.scenarios.models.draft import filled_in

    filled = filled_in({}, interface)
    facts = {name: _plain(filled[name]) for name in ("parameters", "inputs", "outputs") if name in filled}
    title = interface.get("title") or file.stem.replace("_", " ").capitalize()
    text = interface.get("description") or "# one or two sentences: what it computes, from what, for whom"
    card = Path(f"{file.stem}.yaml")
    name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")
    card_text = yaml.safe_dump(
        facts, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110, indent=2
    )
    return (
        f"# The card of {one_line(file.name)}. Lines with # are hints; publish with: hansa publish {word(card)}\n"
        "kind: model\n"
        f"id: {name}\n"
        f"code: {file.name}\n"
        f"title: {_quote(title)}\n"
        f"description: {_quote(text)}\n"
        f'version: "{interface["version"]}"\n'
        f"deterministic: {'true' if interface['deterministic'] else 'false'}\n"
        "method:                 # how it computes, in words\n"
        "intended_use:           # which questions it is for\n"
        "limits:                 # what it does not know\n"
        "# validity: {text: where, when and for which values its answers hold}\n"
        "# guideline: how to read its answers\n"
        "# contact: {name: Mobility department, email: mobility@example.org}\n"
        "license: CC-BY-4.0\n"
        "conditions: members     # who may have it run; hansa publish --choices conditions\n"
        "\n"
        "# What the code says. It may be left out: publishing fills it in. Add titles and other languages here.\n"
        f"{card_text}"
    )


def _quote(text: str) -> str:
    return text if text.startswith("#") else json.dumps(text, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Texts of one language as texts."""
    if isinstance(value, Mapping):
        return value["en"] if set(value) == {"en"} else {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
