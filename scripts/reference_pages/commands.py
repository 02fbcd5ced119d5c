"""cli.md: every verb, from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reference_pages.markdown import code, paragraphs, table

JSON_ERRORS = """
With `--json` an error is a document too: `{"error": {"code", "detail", "remedy"}}`. The codes are in
[errors.md](errors.md).
"""


def cli() -> str:
    """The page."""
    import typer

    from node.cli import exits
    from node.cli.app import app_for

    command: Any = typer.main.get_command(app_for())
    parts = [
        "# Commands\n",
        paragraphs(command.help) + "\n",
        "## Options before the verb\n",
        _options(command.params),
        "## Exit statuses\n",
        table(["status", "meaning"], _statuses(exits.__doc__ or "")),
        JSON_ERRORS,
    ]
    for name, verb in _verbs(command.commands):
        arguments = [one for one in verb.params if one.param_type_name == "argument"]
        synopsis = " ".join(["hansa", name, *(_argument(one) for one in arguments), "[options]"])
        parts += [f"## {name}\n", f"```\n{synopsis}\n```\n", paragraphs(verb.help) + "\n"]
        if arguments:
            parts.append(table(["argument", "meaning"], [[code(_name(one)), one.help or ""] for one in arguments]))
        parts.append(_options(verb.params))
    return "\n".join(parts)


def _verbs(commands: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb by what is typed; one that has verbs of its own (``model try``) by each of them."""
    for name, verb in commands.items():
        inner = getattr(verb, "commands", None)
        if inner:
            yield from _verbs(inner, f"{before}{name} ")
        else:
            yield f"{before}{name}", verb


def _statuses(docstring: str) -> list[list[str]]:
    """The statuses as the docstring of ``node.cli.exits`` lists them: ``0 done · 1 refused …``."""
    match = re.search(r"command\.(.*)", " ".join(docstring.split()))
    if match is None:
        raise SystemExit("the docstring of node.cli.exits names no exit statuses")
    return [one.strip(" .").split(" ", 1) for one in match[1].split("·")]


def _name(argument: Any) -> str:
    return argument.name.upper() + ("…" if argument.nargs == -1 else "")


def _argument(argument: Any) -> str:
    required = argument.required or "[required]" in str(argument.help) or _must(argument)
    return _name(argument) if required else f"[{_name(argument)}]"


def _must(argument: Any) -> bool:
    """Whether an argument must be given: its own default is a marker, not a value."""
    return argument.default is not None and not isinstance(argument.default, str | int | list | tuple)


def _options(params: Sequence[Any]) -> str:
    rows = []
    for param in params:
        if param.param_type_name != "option" or param.name in ("install_completion", "show_completion"):
            continue
        names = ", ".join(code(name) for name in sorted([*param.opts, *param.secondary_opts], key=len))
        several = " May be repeated." if param.multiple and "repeated" not in (param.help or "") else ""
        shown = isinstance(param.default, str | int) and not isinstance(param.default, bool)
        rows.append([names, (param.help or "") + several, code(param.default) if shown else ""])
    return table(["option", "meaning", "default"], rows) if rows else ""
