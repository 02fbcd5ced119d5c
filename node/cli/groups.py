"""Groups of verbs about one kind of thing, of which the most usual two need not be said."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

_HELP = ("-h", "--help")


class Shorthand(TyperGroup):
    """``hansa agreement`` lists and ``hansa agreement ID`` shows, as if it were said; other groups alike, as far as
    they have these verbs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in _HELP):
            args = ["list", *args]
        elif args[0] not in self.commands and args[0] not in _HELP and "show" in self.commands:
            args = ["show", *args]
        return list(super().parse_args(ctx, args))
