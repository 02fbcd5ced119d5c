"""Read a steward's YAML with the line of each field, so that a report can point at it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.base.errors import InvalidInput

if TYPE_CHECKING:
    # Loaded only when a file is read: most commands read none, and loading the library takes longer than they do.
    import yaml


def read_description(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the fields of a description, and dotted field name → line. Dates stay texts.

    Raises ``InvalidInput``, with the line, if the file is not YAML or has no fields.
    """
    import yaml

    lines: dict[str, int] = {}
    try:
        loader = _loader()(path.read_text("utf-8"))
        tree = loader.get_single_node()
        if isinstance(tree, yaml.MappingNode):
            _walk(tree, "", lines)
        fields = None if tree is None else loader.construct_document(tree)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text: {error}", remedy="save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise InvalidInput(
            f"{path}{where}: {problem}", remedy="check indentation, quotes and colons around that line"
        ) from error
    if not isinstance(fields, dict) or not isinstance(tree, yaml.MappingNode):
        raise InvalidInput(f"{path} holds no fields", remedy="write fields such as: title: Bicycle counters")
    return {str(name): value for name, value in fields.items()}, lines


def read_conditions(text_or_path: str) -> dict[str, Any] | str:
    """Read conditions from the command line: a template's name, YAML, or a file with either.

    Raises ``InvalidInput`` for any other text.
    """
    import yaml

    path = Path(text_or_path)
    try:
        text = (
            path.read_text("utf-8")
            if "\n" not in text_or_path and len(text_or_path) < 1024 and path.is_file()
            else text_or_path
        )
        conditions = _loader()(text).get_single_data()
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(
            f"these conditions cannot be read: {text_or_path[:200]}",
            remedy="write a template such as members, or '{template: members, until: 2027-12-31}'",
        ) from error
    if isinstance(conditions, dict) and isinstance(conditions.get("conditions"), dict | str) and len(conditions) == 1:
        conditions = conditions["conditions"]
    if not isinstance(conditions, dict | str):
        raise InvalidInput(
            f"these are not conditions: {text_or_path[:200]}", remedy="write a template such as members"
        )
    return conditions


@cache
def _loader() -> type[yaml.SafeLoader]:
    """Return the safe loader, which leaves dates as texts and refuses aliases (YAML bombs need them).

    It uses the compiled parser where there is one: many descriptions are read ten times as fast.
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def get_single_node(self) -> Any:
            node = super().get_single_node()
            _refuse_aliases(node, set())
            return node

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


def _refuse_aliases(node: yaml.Node | None, node_ids: set[int]) -> None:
    """Raise ``MarkedYAMLError`` if a part of ``node`` is in it more than once: an alias is the node that it names."""
    import yaml

    if node is None:
        return
    if id(node) in node_ids:
        raise yaml.MarkedYAMLError(None, None, "aliases (*name) are not read here", None)
    node_ids.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _refuse_aliases(key, node_ids)
            _refuse_aliases(value, node_ids)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_aliases(value, node_ids)


def _walk(node: yaml.Node, prefix: str, lines: dict[str, int]) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            lines[name] = key.start_mark.line + 1
            _walk(value, f"{name}.", lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[f"{prefix}{index}"] = value.start_mark.line + 1
            _walk(value, f"{prefix}{index}.", lines)
