"""settings.md: every setting, from ``node.settings``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference_pages.markdown import code, table

INTRO = """
# Settings

`hansa init` writes the file `hansa.toml` into the data folder of a node, with the settings from its options. To
change a setting, edit the file and restart the node. You can also set each setting in the environment: write `HANSA_`
and its name in capitals, such as `HANSA_LOG_FORMAT=json`. The environment takes precedence over the file, and the
file over the default. Write lists and tables in the environment as JSON, such as `HANSA_LANGUAGES='["nl", "en"]'`. If
the file contains a name that is not in this table, the node does not start, so a misspelt setting is never ignored.
"""

CLOSE = """
The command `hansa` reads three more variables, which are not settings of a node: `HANSA_NODE` (the folder or address
of the node to use), `HANSA_TOKEN` (the API token for an address; it also replaces the token in a folder) and
`HANSA_LANG` (the language of texts).
"""

FORMS: Mapping[str, str] = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "`true` or `false`",
    "tuple[str, ...]": "list of texts",
    "dict[str, str]": "table of texts",
    "dict[str, typing.Literal['vc20-bssl/jwt', 'vc11-sl2021/jwt']]": "table of `vc20-bssl/jwt` or `vc11-sl2021/jwt`",
    "dict[str, tuple[str, ...]]": "table of lists of texts",
    "pathlib.Path | None": "path",
    "dict[str, node.settings.providers.ProviderSettings]": "table of providers",
}


def settings() -> str:
    """The page."""
    from node.settings import Settings
    from node.settings.fields import fields_of

    rows = [
        [code(name), _form(field.annotation), _default(field), str(field.description)]
        for name, field in fields_of(Settings).items()
        if name != "folder"  # which is said on the command line, never in the file
    ]
    return INTRO + "\n" + table(["setting", "form", "default", "meaning"], rows) + CLOSE


def _default(field: Any) -> str:
    from node.settings.file import toml

    if field.make is None:
        return "(must be set)"
    value = field.make()
    return "(empty)" if value in ("", None) else code(toml(value))


def _form(annotation: Any) -> str:
    plain = isinstance(annotation, type) and not hasattr(annotation, "__args__")
    text = annotation.__name__ if plain else str(annotation)
    if text.startswith("typing.Literal"):
        return "one of " + ", ".join(code(value) for value in annotation.__args__)
    # Python 3.13 tells where it keeps Path.
    return FORMS[text.replace("pathlib._local.", "pathlib.")]
