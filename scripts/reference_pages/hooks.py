"""hooks.md: every hook, from ``node.hookspecs``."""

from __future__ import annotations

import inspect

from reference_pages.markdown import code, paragraphs, table

EXAMPLE = """
```python
import pluggy
from fastapi import APIRouter

hookimpl = pluggy.HookimplMarker("hansa")


@hookimpl
def hansa_routes(host):
    routes = APIRouter()

    @routes.get("/greeting")
    async def greeting():
        return {"from": host.did}

    return [routes]
```
"""


def hooks() -> str:
    """The page."""
    from node import hookspecs
    from node.plugins import GROUP, Host, load

    plugins = load()
    parts = [
        "# Hooks\n",
        paragraphs(hookspecs.__doc__),
        EXAMPLE,
        f"An installed package names its module in the entry point group `{GROUP}`. To try a module without "
        "installing it as a package, name it in the setting `plugins`. If a module implements a hook that does not "
        "exist, the node does not start. Use only `node.api` and `node.hookspecs` in a plug-in: everything else in "
        "`node` may change.\n",
    ]
    for name, hook in vars(hookspecs).items():
        if not name.startswith("hansa_"):
            continue
        users = [plugin_name for plugin_name, plugin in plugins.list_name_plugin() if hasattr(plugin, name)]
        if not users:
            raise SystemExit(f"nothing in this repository uses the hook {name}")
        parts += [
            f"## {name}({', '.join(inspect.signature(hook).parameters)})\n",
            paragraphs(hook.__doc__) + "\n",
            f"Used in this repository by: {', '.join(code(user) for user in users)}.\n",
        ]
    rows = [[code(name), code(kind)] for name, kind in Host.__annotations__.items()]
    parts += ["## The host\n", paragraphs(Host.__doc__) + "\n", table(["member", "type"], rows)]
    return "\n".join(parts)
