"""Classes are named by nouns, and a docstring begins with what the thing does or is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for folder in ("node", "federation", "demo")
    for path in sorted((ROOT / folder).rglob("*.py"))
}

NOUNS = frozenset(
    {"Binding", "Drawing", "Feed", "Finding", "Listing", "Mapping", "Need", "Ring", "Setting", "Speed", "Thing"}
    | {"Timing"}
)
"""Nouns of the dictionary that end as participles do."""

IRREGULAR = frozenset(
    {"Begun", "Broken", "Drawn", "Given", "Held", "Kept", "Known", "Laid", "Made", "Sent", "Shown", "Taken"}
)

EVENTS = "node/dialogue/machine.py"
"""Its events have the names of events: what has happened, in the past."""

STILL_NAMED_SO = {"node/catalogue/model.py: Followed"}  # plug-ins import it from node.api

QUESTION = re.compile(r"(?:How|Until|What|Whatever|When|Where|Whether|Which|Who|Whose|Why)\b")


def participles(sources: Mapping[str, str]) -> set[str]:
    """Return ``path: class`` for each class that is named by an action or a state.

    Errors may be named by what has happened: ``Contended``.
    """
    trees = {path: [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
             for path, text in sources.items()}  # fmt: skip
    errors = _errors(node for classes in trees.values() for node in classes)
    return {
        f"{path}: {node.name}"
        for path, classes in trees.items()
        if path != EVENTS
        for node in classes
        if node.name not in errors and _is_participle(node.name)
    }


def _is_participle(name: str) -> bool:
    last = re.findall(r"[A-Z][a-z0-9]*", name)[-1:]
    return bool(last) and (last[0].endswith(("ing", "ed")) or last[0] in IRREGULAR) and last[0] not in NOUNS


def _errors(classes: Iterable[ast.ClassDef]) -> set[str]:
    """Return the names of the classes that are raised: by their bases, as far as we define them."""
    bases: dict[str, set[str]] = {}
    for node in classes:
        bases.setdefault(node.name, set()).update(ast.unparse(base).rpartition(".")[2] for base in node.bases)
    errors = {"Exception", "BaseException", "PermissionError", "HansaError"}
    while more := {name for name, above in bases.items() if above & errors} - errors:
        errors |= more
    return errors


EMPTY_WORDS = frozenset({"acted", "carried", "found", "given", "said", "spoken", "told", "wanted"})
"""Words that say nothing of a thing in a longer name either; a moment may be named so: ``found_at``."""


def empty_names(tree: ast.Module) -> set[str]:
    """Return the functions, parameters, attributes and values of a module that have such a word in their names."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.attr if isinstance(node, ast.Attribute) else node.id)
    longer = {name for name in names if "_" in name.strip("_") and not name.endswith("_at")}
    return {name for name in longer if EMPTY_WORDS & {*name.lower().split("_")}}


PARTICIPLES = frozenset(
    {
        "begun",
        "broken",
        "brought",
        "chosen",
        "done",
        "drawn",
        "found",
        "given",
        "gone",
        "held",
        "hidden",
        "kept",
        "known",
    }
    | {"laid", "left", "lost", "made", "meant", "paid", "said", "seen", "sent", "shown", "sought", "spent", "spoken"}
    | {"stuck", "sworn", "taken", "thrown", "told", "understood", "woken", "written"}
)
WORDS_IN_ED = frozenset({"embed", "feed", "need", "seed", "speed"})
"""Verbs and nouns that end as participles do."""

STILL_CALLED_SO = {"node/identity/roles.py: allowed"}  # plug-ins import it from node.api


def participle_functions(sources: Mapping[str, str]) -> set[str]:
    """Return ``path: name`` of each function, method and property whose name is one bare participle."""
    return {
        f"{path}: {node.name}"
        for path, text in sources.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_bare_participle(node.name)
    }


def participle_parameters(tree: ast.Module) -> set[str]:
    """Return ``function.parameter`` for each parameter of a module whose name is one bare participle.

    A flag may be named by the state that it says: ``disabled``. ``left`` is a side where there is a ``right``.
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parameters = [part for part in ast.walk(node.args) if isinstance(part, ast.arg)]
            sides = {"left", "right"} if {"left", "right"} <= {parameter.arg for parameter in parameters} else set()
            names |= {
                f"{node.name}.{parameter.arg}"
                for parameter in parameters
                if _is_bare_participle(parameter.arg) and not _is_flag(parameter) and parameter.arg not in sides
            }
    return names


FLAGS = frozenset({"bool", "bool | None", "Agreed", "_Unconfined"})
"""Types of flags: the last two are options of commands."""


def _is_flag(parameter: ast.arg) -> bool:
    return parameter.annotation is not None and ast.unparse(parameter.annotation) in FLAGS


def _is_bare_participle(name: str) -> bool:
    word = name.strip("_")
    return (word in PARTICIPLES or re.fullmatch("[a-z]+ed", word) is not None) and word not in WORDS_IN_ED


LONGEST_LIFE = 3
"""The most lines in which a local may be read that is named by a participle, or ``one``."""

SIDES = frozenset({"top", "right", "low", "high"})
COLOURS = frozenset({"red"})


def participle_locals(tree: ast.Module) -> set[str]:
    """Return ``function.local`` for each local of a module that is named by one bare participle, or ``one``, and
    lives for more than three lines.

    A flag may be named by the state that it says. ``left`` is a side where there is another side.
    """
    names = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines: dict[str, list[int]] = {}
        values: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                lines.setdefault(node.id, []).append(node.lineno)
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        values.setdefault(target.id, []).append(node.value)
        for name in _own_locals(function):
            is_left = name == "left" and SIDES & lines.keys()
            is_flag = name in values and all(_is_truth(value) for value in values[name])
            is_long = max(lines[name]) - min(lines[name]) >= LONGEST_LIFE
            if (name == "one" or _is_bare_participle(name)) and is_long and not is_flag and not is_left:
                names.add(f"{function.name}.{name}")
    return {name for name in names if name.rpartition(".")[2] not in COLOURS}


def _own_locals(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the names that a function gives values to, those of functions in it aside."""
    names, nodes = set(), list(function.body)
    while nodes:
        node: ast.AST = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        nodes.extend(ast.iter_child_nodes(node))  # type: ignore[arg-type]
    return names


def _is_truth(value: ast.expr) -> bool:
    """Return whether an expression is a truth value by its form."""
    if isinstance(value, ast.BoolOp):
        return all(_is_truth(part) for part in value.values)
    if isinstance(value, ast.Call):
        name = ast.unparse(value.func).rpartition(".")[2]
        return name in ("all", "any", "bool", "isinstance") or name.startswith(("has_", "is_", "may_"))
    if isinstance(value, ast.Constant):
        return isinstance(value.value, bool)
    is_question = isinstance(value, ast.Attribute) and value.attr.startswith(("has_", "is_", "may_"))
    return (
        is_question
        or isinstance(value, ast.Compare)
        or (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not))
    )


COUNTS_AND_STATES = frozenset({"added", "enforced", "expected", "known", "listed", "omitted", "received", "repaired"})
"""Names of counts, which read as words of a report: ``expected`` and ``received``."""

MEMBERS = frozenset(
    {
        "advised",
        "approved",
        "asked",
        "committed",
        "deleted",
        "disabled",
        "enforced",
        "meant",
        "modified",
        "opened",
        "published",
    }
    | {"refused", "restored", "sealed", "seen", "shown", "visited"}
)
"""Members of JSON that is stored, sent or answered: nodes of other editions read them by these names."""

CLASSES_OF_TEXTS = ("/words.py", "/phrases/model.py")
"""Modules whose fields are the keys of texts."""


def participle_fields(path: str, tree: ast.Module) -> set[str]:
    """Return ``class.field`` for each field of a class whose name is one bare participle.

    A moment is named by what happens then (``created``), a flag by the state that it says.
    """
    if path.endswith(CLASSES_OF_TEXTS):
        return set()
    return {
        f"{node.name}.{field.target.id}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and _is_bare_participle(field.target.id)
        and field.target.id not in COUNTS_AND_STATES | MEMBERS
        and not re.search(r"\b(?:bool|datetime)\b", ast.unparse(field.annotation))
    }


def questions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and beginning of each docstring of a module that begins as a question does."""
    for node in ast.walk(tree):
        for inner in getattr(node, "body", None) if isinstance(getattr(node, "body", None), list) else ():
            if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant):
                text = inner.value.value
                if isinstance(text, str) and QUESTION.match(text.lstrip()):
                    yield inner.lineno, text.strip()[:60]


def test_classes_are_named_by_nouns() -> None:
    assert participles(SOURCES) == STILL_NAMED_SO, "name the class by what it is: PostedJob, not Posted"


def test_functions_are_named_by_verbs_and_nouns() -> None:
    assert participle_functions(SOURCES) == STILL_CALLED_SO, "a call says what it does or returns: sign, is_known"


def test_a_participle_of_a_function_would_be_found() -> None:
    methods = "async def known(self): ...\n    def is_known(self): ...\n    def feed(self): ..."
    source = f"def signed(): ...\ndef _shown(): ...\nclass A:\n    {methods}"
    expected = {"node/a.py: signed", "node/a.py: _shown", "node/a.py: known"}
    assert participle_functions({"node/a.py": source}) == expected


def breaches(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield a sentence on each name and docstring of a module that keeps to no rule of this page."""
    for name in participle_parameters(tree):
        yield f"{name}: name a parameter by what it holds: publication, not published"
    for name in participle_locals(tree):
        yield f"{name}: name a local by what it holds: account, not found"
    for name in participle_fields(path, tree):
        yield f"{name}: name a field by what it holds: rejections, not rejected"
    for name in empty_names(tree):
        yield f"{name}: say what it is: sent_status, not told_status"
    for line, text in questions(tree):
        yield f"line {line}: begin with what the thing does or is: {text}"


def test_names_and_docstrings_keep_to_the_rules() -> None:
    # One test for all modules: each is parsed once, and a case for each module and rule costs more than the rules do.
    faults = [f"{path}: {said}" for path, text in SOURCES.items() for said in breaches(path, ast.parse(text))]
    assert not faults, "\n".join(faults)


def test_a_participle_of_a_parameter_would_be_found() -> None:
    source = (
        "def f(asked, *told, left, disabled: bool): ...\nclass A:\n    def _g(self, left, right, seed, **known): ..."
    )
    assert participle_parameters(ast.parse(source)) == {"f.asked", "f.told", "f.left", "_g.known"}


def test_a_participle_of_a_local_would_be_found() -> None:
    source = (
        "def f(x):\n    found = x.get()\n    one = 1\n    known = x == 2\n    fed, red = 1, 2\n    left, top = 3, 4\n"
        "    def g():\n        said = 1\n        return said\n    return found, one, known, fed, red, left, top\n"
    )
    assert participle_locals(ast.parse(source)) == {"f.found", "f.one", "f.fed"}


def test_a_participle_of_a_field_would_be_found() -> None:
    fields = ("known: int", "stuck: list[B]", "created: datetime | None", "changed: bool", "speed: int")
    source = "class A:\n" + "".join(f"    {field}\n" for field in fields)
    assert participle_fields("node/a.py", ast.parse(source)) == {"A.stuck"}


def test_an_empty_word_would_be_found() -> None:
    source = "MOST_TOLD = 1\ndef f(only_told, found_at, one_line):\n    self.kind_found = x\n    no_one = wanted = 2"
    assert empty_names(ast.parse(source)) == {"MOST_TOLD", "only_told", "kind_found"}


def test_a_participle_would_be_found() -> None:
    names = ("Posted", "_Making", "KeyRing", "TermShown", "Lost(Fault)")
    sources = {
        "node/a.py": "\n".join(f"class {name}: ..." for name in names),
        "node/b.py": "class Fault(Exception): ...\nclass Damaged(Fault): ...",
    }
    assert participles(sources) == {"node/a.py: Posted", "node/a.py: _Making", "node/a.py: TermShown"}


@pytest.mark.parametrize(
    "source", ['"""How it works."""', 'def f():\n    """Whether it fits."""', 'X = 1\n"""What it holds."""']
)
def test_a_question_would_be_found(source: str) -> None:
    assert list(questions(ast.parse(source)))


def test_each_rule_is_asked() -> None:
    source = (
        "class A:\n    stuck: list[B]\n\ndef f(known, only_told):\n"
        '    """How it works."""\n    found = 1\n\n\n\n    return found\n'
    )
    said = [sentence.partition(":")[0] for sentence in breaches("node/a.py", ast.parse(source))]
    assert said == ["f.known", "f.found", "A.stuck", "only_told", "line 5"]
