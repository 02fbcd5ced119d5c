"""Groups of verbs about one kind of thing, where the two most usual verbs may be left out; and verbs that behave like
groups."""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from node.base.plaintext import word

_HELP = ("-h", "--help")


class Shorthand(TyperGroup):
    """A group with implied verbs: ``hansa agreement`` lists and ``hansa agreement ID`` shows; other groups likewise,
    if they have these verbs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in _HELP):
            args = ["list", *args]
        elif args[0] not in self.commands and args[0] not in _HELP and "show" in self.commands:
            args = ["show", *args]
        elif args[0] not in self.commands and args[0] in OTHER_VERBS:
            raise _no_verb(ctx.command_path, args[0])
        return list(super().parse_args(ctx, args))


OTHER_VERBS: Final = frozenset(
    {"add", "create", "delete", "edit", "help", "ls", "new", "remove", "rm", "set", "show", "status"}
)
"""Names of verbs in other programs: no person or region has such a name."""


VALUES: Final = {
    "str": "TEXT",
    "int": "NUMBER",
    "int range": "NUMBER",
    "float": "NUMBER",
    "float range": "NUMBER",
    "path": "PATH",
    "file": "FILE",
}
"""Type of an option, as typer calls it → the name that the help shows for the value."""


class Verb(TyperCommand):
    """A verb with a help that names values as the documentation does: ``hansa show IRI``, ``--limit NUMBER``."""

    def __init__(self, *args: Any, **names: Any) -> None:
        super().__init__(*args, **names)
        params: list[Any] = list(self.params)
        for param in params:
            if param.param_type_name == "argument":
                param.metavar = param.metavar or param.name.upper()
                param.display_type_rich = _no_type
            elif param.metavar is None and not param.is_flag:
                param.metavar = VALUES.get(
                    param.display_type(None).lower().strip("<>").removeprefix("list[").rstrip("]")
                )

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


def _no_type(ctx: object) -> str:
    """Return no type: the help of an argument describes it, so its type adds nothing."""
    return ""


def name_values(app: typer.Typer) -> None:
    """Make each verb of ``app`` and of its groups a ``Verb``, unless it has a class of its own."""
    for verb in app.registered_commands:
        verb.cls = Verb if verb.cls is None or verb.cls is TyperCommand else verb.cls
    for group in app.registered_groups:
        if group.typer_instance is not None:
            name_values(group.typer_instance)


class Listing(Verb):
    """A verb that lists if nothing is named: ``hansa user list`` lists the accounts, and does not create an account
    called ``list``. A word that looks like a verb is refused with a hint of what may be typed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] == "list":
            args = args[1:]
        elif args and args[0] in OTHER_VERBS:
            raise _no_verb(ctx.command_path, args[0])
        return list(super().parse_args(ctx, args))


def _no_verb(name: str, text: str) -> typer.BadParameter:
    return typer.BadParameter(
        f"{word(text)} is not a command of {name}: {name} list shows all, {name} --help what else"
    )
