"""What only tests call is not in the product: the name of a function or method occurs where the program uses it."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEFINING = ("node", "federation", "demo")
USING = (*DEFINING, "scripts", "deploy", "docker", "docs/notebooks")
TEXTS = ("", ".ipynb", ".html", ".toml", ".sh", ".service")

CALLED_FROM_OUTSIDE = {
    "column types, by SQLAlchemy": {"load_dialect_impl", "process_bind_param", "process_result_value"},
    "the authenticator of a connection to Kafka, by aiokafka": {"authenticator_scram"},
    "streams, by the standard library": {"readinto", "writable"},
    "the finder of modules, by the import system": {"find_spec"},
}
_OUTSIDE = frozenset[str]().union(*CALLED_FROM_OUTSIDE.values())

Function = ast.FunctionDef | ast.AsyncFunctionDef


def words(source: str) -> Counter[str]:
    """The names in a module, and the words in its texts; not in comments and docstrings."""
    module = ast.parse(source)
    docstrings = {
        first.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | Function)
        and node.body
        and isinstance(first := node.body[0], ast.Expr)
        and isinstance(first.value, ast.Constant)
    }
    counted: Counter[str] = Counter()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            counted[token.string] += 1
        elif token.type in _TEXTS and token.start[0] not in docstrings:
            counted.update(_named_in(token.string))
    return counted


_TEXTS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def _named_in(text: str) -> list[str]:
    return "".join(character if character.isidentifier() else " " for character in text).split()


def functions(source: str) -> list[str]:
    """The functions and methods that a module defines for others, but for those that a decorator hands on."""
    return [
        node.name
        for outer in ast.walk(ast.parse(source))
        if isinstance(outer, ast.Module | ast.ClassDef)
        for node in outer.body
        if isinstance(node, Function) and not node.name.startswith("_") and not _is_handed_on(node)
    ]


def _is_handed_on(node: Function) -> bool:
    plain = {"property", "classmethod", "staticmethod", "contextmanager", "cached_property", "cache", "lru_cache"}
    names = {ast.unparse(each).partition("(")[0].rpartition(".")[2] for each in node.decorator_list}
    return not names <= plain


def unused(sources: dict[str, str], others: Counter[str]) -> list[str]:
    """The functions of ``sources`` whose name occurs only where they are defined."""
    occurring = Counter(others)
    for source in sources.values():
        occurring.update(words(source))
    defined = Counter(name for source in sources.values() for name in functions(source))
    return sorted(name for name, times in defined.items() if occurring[name] <= times and name not in _OUTSIDE)


def test_the_product_calls_its_functions_itself() -> None:
    sources = {
        str(path): path.read_text("utf-8") for folder in DEFINING for path in sorted((ROOT / folder).rglob("*.py"))
    }
    others: Counter[str] = Counter()
    for folder in USING:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and str(path) not in sources and path.suffix in TEXTS:
                others.update(_named_in(path.read_text("utf-8", "replace")))
    others.update(_named_in((ROOT / "pyproject.toml").read_text("utf-8")))
    assert unused(sources, others) == [], "delete them; tests use what users use"


@pytest.mark.parametrize(
    "source",
    [
        "def left():\n    '''Nobody calls ``left``.'''\n",
        "class A:\n    @property\n    def left(self):\n        return 1  # left\n",
        "class A:\n    def left(self): ...\nclass B:\n    def left(self): ...\n",
    ],
)
def test_what_nobody_calls_would_be_found(source: str) -> None:
    assert unused({"a": source}, Counter()) == ["left"]


def test_what_is_called_is_used() -> None:
    assert unused({"a": "def used(): ...\nused()", "b": "@app.get('/')\ndef page(): ..."}, Counter()) == []
