"""The documentation says what the code does: generated pages are fresh, links lead somewhere, commands and settings
exist, descriptions and conditions that readers copy are accepted.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from node.cli.yamls import read_description
from node.policy.templates import compile_conditions, templates
from node.scenarios.models.draft import filled_in
from node.scenarios.models.in_cage import describe_code
from node.semantics.in_cage import describe
from node.semantics.kinds import KINDS
from node.settings import Settings
from node.settings.fields import fields_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MISTAKES = frozenset({"theme", "contact.email"})
"""The tutorial for stewards begins with two mistakes, to show the report."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fences(path: Path) -> Iterator[tuple[str, str]]:
    """(language, content) of each fenced block."""
    for found in FENCE.finditer(path.read_text("utf-8")):
        yield found[1], found[2]


def test_generated_pages_are_fresh() -> None:
    ran = subprocess.run(
        [sys.executable, "scripts/reference", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


# ---- links ---------------------------------------------------------------------------------------------------------


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    text = FENCE.sub("", path.read_text("utf-8"))
    names = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        names.add(words.replace(" ", "-"))
    return frozenset(names)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{name_of(page)} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(path), f"{name_of(page)} links to {target}: no such heading"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_every_page_can_be_reached(page: Path) -> None:
    indexes = [DOCS / "README.md", DOCS / "decisions" / "README.md"]
    linked = {
        (index.parent / target.partition("#")[0]).resolve()
        for index in indexes
        for target in re.findall(r"\]\(([^)\s]+)\)", index.read_text("utf-8"))
    }
    assert page in linked or page in indexes, f"no index links to {name_of(page)}"


# ---- commands and settings -----------------------------------------------------------------------------------------


@cache
def verbs() -> dict[str, frozenset[str]]:
    """Verb → its options, and "" → those before the verb."""
    import typer

    from node.cli.app import app_for

    command: Any = typer.main.get_command(app_for())

    def options(command: Any) -> frozenset[str]:
        own = [name for param in command.params for name in (*param.opts, *param.secondary_opts)]
        # A verb that has verbs of its own (model try) answers to the options of them all.
        return frozenset(own).union(*(options(inner) for inner in getattr(command, "commands", {}).values()))

    return {"": options(command), **{name: options(verb) for name, verb in command.commands.items()}}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each ``hansa`` command that a page shows, continued lines put together."""
    for _, block in fences(page):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            found = re.match(r"(?:[$#] |.*-- |\S+ \S+ \S+ \S+ \S+  )(?:[A-Z_]+=\S+ )*(?:\S*/)?hansa (.*)", line)
            if found:
                yield re.sub(r"'[^']*'|\"[^\"]*\"|\s#.*", " _ ", found[1]).split()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page: Path) -> None:
    for words in commands(page):
        before = []
        while words and words[0].startswith("-"):
            before.append(words.pop(0))
        assert set(before) <= verbs()[""] | {"-h", "--help"}, f"{name_of(page)}: hansa {' '.join(before)}"
        if not words or words[0] == "VERB":
            continue
        verb = words[0]
        assert verb in verbs(), f"{name_of(page)}: there is no hansa {verb}"
        for word in words[1:]:
            if re.fullmatch(r"--?[a-z][a-z-]*", word) and word not in ("-h", "--help"):
                assert word in verbs()[verb], f"{name_of(page)}: hansa {verb} has no {word}"


def test_the_readme_names_every_verb() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    missing = [verb for verb in verbs() if verb and f"| `hansa {verb}" not in text]
    assert not missing


DEPLOYED = sorted([*(ROOT / "docker").iterdir(), *(path for path in (ROOT / "deploy").rglob("*") if path.is_file())])
NOT_SETTINGS = frozenset({"NODE", "TOKEN", "LANG", "SHARED", "REQUIRE_POSTGRES", "TEST_POSTGRES", "CRASHPOINT"})


@pytest.mark.parametrize("page", [*PAGES, *DEPLOYED], ids=name_of)
def test_settings_exist(page: Path) -> None:
    for name in re.findall(r"\bHANSA_([A-Z_]+)\b", page.read_text("utf-8")):
        known = name.lower() in fields_of(Settings) or name in NOT_SETTINGS
        assert known, f"{name_of(page)} speaks of HANSA_{name}"


# ---- paths and modules ---------------------------------------------------------------------------------------------

FOLDERS = "node|federation|demo|tests|scripts|docs|shapes|ontologies|policies|deploy|docker"
NAMED_PATH = re.compile(rf"(?<![\w/.:-])(?:{FOLDERS})/[\w./-]*\w")
NAMED_MODULE = re.compile(r"(?<![\w/.:-])(?:node|federation|demo|tests)(?:\.[A-Za-z_]\w*)+")
NAMED_TEST = re.compile(r"\btest_\w+\.py\b")
SOURCES = sorted(path for folder in ("node", "federation", "demo") for path in (ROOT / folder).rglob("*.py"))
ENDINGS = frozenset({"md", "yaml"})
"""A file called ``node.yaml`` looks like a module of ``node``."""
BUILT = "node/_data"
"""The folder of a wheel that a checkout does not have."""


def prose(path: Path) -> str:
    """What a page says, or a module in its docstrings and comments."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        return source
    texts = [
        node.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join([*texts, *(token.string for token in tokens if token.type == tokenize.COMMENT)])


def gone(text: str) -> list[str]:
    """The paths and modules of this repository that ``text`` names and that are not there."""
    paths = {name for name in NAMED_PATH.findall(text) if not name.startswith(BUILT) and not (ROOT / name).exists()}
    modules = {name for name in NAMED_MODULE.findall(text) if name.rpartition(".")[2] not in ENDINGS}
    tests = set(NAMED_TEST.findall(text)) - files_of_tests()
    return sorted(paths | tests | {name for name in modules if not module_has(name)})


@cache
def files_of_tests() -> frozenset[str]:
    return frozenset(path.name for path in (ROOT / "tests").rglob("test_*.py"))


@cache
def module_has(name: str) -> bool:
    """Whether ``name`` is a module, or a name that occurs in one: ``node.web.door``, ``node.policy.odrl.parse``."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            inner = parts[length:]
            return not inner or re.search(rf"\b{inner[0]}\b", file.read_text("utf-8")) is not None
    return False


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_and_modules_on_pages_exist(page: Path) -> None:
    assert gone(page.read_text("utf-8")) == []


def test_paths_and_modules_in_docstrings_and_comments_exist() -> None:
    assert len(SOURCES) > 500
    assert {name_of(path): names for path in SOURCES if (names := gone(prose(path)))} == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("see ``node.policy.odrl.parse`` and node/policy/odrl.py", []),
        ("a folder: tests/simulator; a file: node.yaml; an address: https://x.example/docs/api", []),
        ("``node.policy.odrl.no_such_name``", ["node.policy.odrl.no_such_name"]),
        ("``node.no_such_room.Class``", ["node.no_such_room.Class"]),
        ("(`node/cage/kept.py`), and `scripts/nothing`", ["node/cage/kept.py", "scripts/nothing"]),
        ("tested in `test_no_such_thing.py` and `test_docs.py`", ["test_no_such_thing.py"]),
    ],
)
def test_a_planted_path_is_seen(text: str, names: list[str]) -> None:
    assert gone(text) == names


# ---- what readers copy ---------------------------------------------------------------------------------------------

DESCRIPTIONS = [
    pytest.param(page, language, block, id=f"{name_of(page)}-{number}")
    for page in PAGES
    for number, (language, block) in enumerate(fences(page))
    if (language == "yaml" and block.startswith("kind:")) or language == "turtle"
]


@pytest.mark.parametrize(("page", "language", "block"), DESCRIPTIONS)
def test_descriptions_are_accepted(page: Path, language: str, block: str, tmp_path: Path) -> None:
    fields: dict[str, Any] | None = None
    if language == "yaml":
        (tmp_path / "description.yaml").write_text(block, "utf-8")
        fields, _ = read_description(tmp_path / "description.yaml")
    if fields and "code" in fields:
        fields = _as_published(fields, page)
    files = [
        {"name": file["path"], "mediaType": "text/csv", "size": 1, "sha256": "0" * 64}
        for file in (fields or {}).get("files", [])
        if "path" in file
    ]
    submission = {
        "kind": None,
        "mediaType": None if fields else "text/turtle",
        "fields": fields,
        "files": files,
        "conditions": None if fields else {"template": "open"},
        "audience": None,
        "iri": None,
    }
    setting = {
        "base": "https://data.ghent.example",
        "me": "did:web:data.ghent.example",
        "myName": "City of Ghent",
        "language": "en",
        "advised": [],
        "enforced": [],
    }
    answer, _ = describe({"submission": submission, **setting}, [] if fields else [block.encode()])
    violations = {
        finding.get("field"): finding for finding in answer["findings"] if finding["severity"] == "violation"
    }
    if "theme: traffic" in block:
        assert set(violations) == MISTAKES
    else:
        assert not violations


def _as_published(card: dict[str, Any], page: Path) -> dict[str, Any]:
    """A model's card with what publishing adds to it: the hash of the code on the same page, and what that says."""
    (code,) = (block for language, block in fences(page) if language == "python")
    said = describe_code({"name": card["code"]}, [code.encode()])[0]["interface"]
    return filled_in({**card, "code": hashlib.sha256(code.encode()).hexdigest()}, said)


def test_every_kind_has_an_example() -> None:
    shown = {yaml.safe_load(block).get("kind") for _, block in _values() if block.startswith("kind:")}
    # An ontology is shown as what it is, in Turtle.
    assert shown >= set(KINDS) - {"ontology"}


def _values() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for language, block in fences(page):
            if language == "yaml":
                yield name_of(page), block


def test_conditions_are_understood() -> None:
    seen = set()
    for page, block in _values():
        members = yaml.safe_load(block)
        if not isinstance(members, dict) or "conditions" not in members:
            continue
        compiled = compile_conditions(
            _dates_as_text(members["conditions"]),
            target="https://data.ghent.example/datasets/example",
            offer_id="https://data.ghent.example/datasets/example#offer",
            region="did:web:region.example",
        )
        assert compiled.offer is not None, page
        seen.add(compiled.template)
    inline = re.findall(
        r"`conditions: (?:\{template: )?([a-z-]+)", (DOCS / "how-to/set-conditions.md").read_text("utf-8")
    )
    assert {template.id for template in templates()} <= seen | set(inline)


def _dates_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _dates_as_text(item) for name, item in value.items()}
    return value if isinstance(value, str | bool | int | list) else str(value)


# ---- the rest ------------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_and_whole() -> None:
    pages = sorted((DOCS / "decisions").glob("0*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {page.name[:4]} "), page.name
        for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Alternatives.**"):
            assert text.count(part) == 1, f"{page.name} lacks {part}"


@pytest.mark.parametrize("name", ["compose.one-node.yaml", "compose.region.yaml"])
def test_compose_files_name_what_is_there(name: str) -> None:
    path = ROOT / "docker" / name
    composed = yaml.safe_load(path.read_text("utf-8"))
    declared = set(composed["volumes"])
    for service in composed["services"].values():
        if build := service.get("build"):
            assert (path.parent / build["context"] / build["dockerfile"]).is_file()
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (path.parent / source).is_file() if source.startswith(".") else source in declared


def test_the_image_gets_all_that_the_wheel_ships() -> None:
    copied = re.findall(r"^COPY (\S+)", (ROOT / "docker" / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / "docker" / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    build = (ROOT / "pyproject.toml").read_text("utf-8")
    shipped = {"node", "federation", "demo", *re.findall(r'^"(\w+)" = "node/_data/', build, re.MULTILINE)}
    assert shipped <= let_in
    assert shipped <= {name.rstrip("/") for name in copied}
