"""Groups of verbs about one kind of thing, in which the two most usual verbs may be left out; and verbs like
groups."""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from node.base.plaintext import word

_HELP = ("-h", "--help")


class Shorthand(TyperGroup):
    """``hansa agreement`` lists and ``hansa agreement ID`` shows, as if it were said; other groups alike, as far as
    they have these verbs."""

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
"""What other verbs of other programs are called: no person or region has such a name."""


class Listing(TyperCommand):
    """A verb that lists where nothing is named: ``hansa user list`` lists the accounts, and does not create one
    called ``list``. A word that looks like a verb is refused with what may be typed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] == "list":
            args = args[1:]
        elif args and args[0] in OTHER_VERBS:
            raise _no_verb(ctx.command_path, args[0])
        return list(super().parse_args(ctx, args))


def _no_verb(name: str, typed: str) -> typer.BadParameter:
    return typer.BadParameter(
        f"{word(typed)} is not a command of {name}: {name} list shows all, {name} --help what else"
    )
