"""Libraries that the owner of a node admits for models: they can be imported, are confined alike, nothing else is."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.base.errors import Overloaded
from node.cage.cage import Cage
from node.cage.libraries import Libraries
from node.cage.model import Limits
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.cli.output import Mode
from node.scenarios.errors import ModelFailed
from node.scenarios.models.code import MODEL, describe_code, run_code
from node.scenarios.models.libraries import look_at
from tests.integration.bad_input.test_hostile_models import BODY, CARD, LIMITS, ROWS, code
from tests.unit.cage.without import starting_without

GIVEN = os.environ.get("HANSA_TEST_LIBRARIES", "")
"""A folder made with ``pip install --target FOLDER numpy pandas networkx``."""

needs_numpy = pytest.mark.skipif(
    not Path(GIVEN or "/nowhere", "numpy").is_dir(), reason="HANSA_TEST_LIBRARIES names no folder with numpy"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three packages: one admitted, one that it needs, one that nobody admits. And a module without papers."""
    where = tmp_path / "libraries"
    for name, needs in (("shapely_like", ["needed-one (>=1.0)", 'extra-one; extra == "more"']), ("needed_one", [])):
        _package(where, name, needs)
    _package(where, "others_own", [])
    (where / "by_hand.py").write_text("__version__ = '7'\nseven = 7\n")
    return where


def _package(where: Path, name: str, needs: list[str]) -> None:
    package, papers = where / name, where / f"{name}-1.5.dist-info"
    package.mkdir(parents=True)
    papers.mkdir()
    uses = "".join(f"import {need.split()[0].replace('-', '_')}\n" for need in needs if "extra" not in need)
    (package / "__init__.py").write_text(f"{uses}from {name} import inner\nname = {name!r}\n")
    (package / "inner.py").write_text(
        "from pathlib import Path\ndata = (Path(__file__).parent / 'd.txt').read_text()\n"
    )
    (package / "d.txt").write_text(f"of {name}")
    lines = ["Metadata-Version: 2.1", f"Name: {name.replace('_', '-')}", "Version: 1.5"]
    (papers / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs), ""]))
    files = (
        f"{name}/__init__.py",
        f"{name}/inner.py",
        f"{name}/d.txt",
        f"{name}-1.5.dist-info/METADATA",
        "../../bin/x",
    )
    (papers / "RECORD").write_text("".join(f"{file},,\n" for file in files))


@pytest.fixture(params=["a separate root folder", "Landlock", "Landlock alone"])
async def cage(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cage]:
    taken = {"a separate root folder": ["landlock"], "Landlock": [], "Landlock alone": ["unshare"]}[request.param]
    monkeypatch.setattr("node.cage.launcher.subprocess.Popen", starting_without(*taken))
    cage = Cage(libraries=Libraries(("shapely_like", "by_hand", "not_there"), str(folder)))
    if cage.barriers().lacking:
        await cage.stop()
        pytest.skip(f"this machine has too little: {cage.barriers().lacking}")
    yield cage
    await cage.stop()


async def run_lines(cage: Cage, *lines: str, limits: Limits = LIMITS) -> object:
    """What the model's ``lines`` put into ``said``."""
    source = code(*lines, "import json", "return [{'id': json.dumps(said), 'value': 1}]")
    ran = await run_code(cage, source, CARD, {"given": ROWS}, {}, limits=limits)
    return json.loads(str(ran.outcome.outputs["rows"][0]["id"]))


async def test_what_is_admitted_can_be_imported_with_what_it_needs(cage: Cage) -> None:
    assert await run_lines(
        cage,
        "import shapely_like, shapely_like.inner, by_hand, needed_one",
        "from shapely_like.inner import data",
        "said = [shapely_like.name, data, by_hand.seven, needed_one.name]",
    ) == ["shapely_like", "of shapely_like", 7, "needed_one"]
    source = b"import shapely_like\nimport by_hand\n" + code(BODY)
    assert (await describe_code(cage, source.replace(b"from __future__ import annotations\n", b""), "good.py"))[
        "name"
    ]


@pytest.mark.parametrize("name", ["others_own", "extra_one", "yaml", "pydantic.fields", "no_such_library"])
async def test_what_is_not_admitted_is_refused_in_words(cage: Cage, name: str) -> None:
    top = name.partition(".")[0]
    words = f"No module named '{top}' for models of this node, which have the standard library, node.sdk, by_hand"
    with pytest.raises(ModelFailed, match=words) as caught:
        await run_lines(cage, f"import {name}", "said = 1")
    assert "model_libraries" in caught.value.remedy


async def test_other_packages_are_out_of_reach_for_who_goes_round_the_import(cage: Cage, folder: Path) -> None:
    site = Path(json.__file__).parents[1] / "site-packages"
    yaml = Path(pytest.__file__).parents[1]
    assert (
        await run_lines(
            cage,
            "import importlib, os, sys",
            f"there = [{str(folder / 'others_own' / 'd.txt')!r}, {str(yaml)!r}, {str(site / 'pip')!r}]",
            "said = [path for path in there if os.path.exists(path)]",
            f"sys.path[:0] = [{str(folder)!r}, {str(yaml)!r}]",
            "for name in ('others_own', 'pytest', 'uvicorn', 'sqlalchemy'):",
            "    try: importlib.import_module(name); said.append(name)",
            "    except ImportError: pass",
            "for deed in (os.listdir,):",
            f"    try: said += [name for name in deed({str(folder)!r}) if name.startswith('others')]",
            "    except OSError: pass",
        )
        == []
    )


async def test_an_admitted_package_is_read_only_and_bound_by_the_limits(cage: Cage, folder: Path) -> None:
    with pytest.raises(ModelFailed, match=r"PermissionError|OSError"):
        await run_lines(cage, "import shapely_like, os", "open(shapely_like.__file__, 'a')", "said = 1")
    (folder / "shapely_like" / "inner.py").write_text("data = bytearray(1 << 30)\n")
    with pytest.raises(Overloaded, match="512 MB of memory"):
        await run_lines(cage, "import shapely_like", "said = 1")


async def test_the_versions_are_looked_at_as_a_model_would(cage: Cage) -> None:
    assert look_at(cage, "shapely_like", MODEL) == ("1.5", "")
    assert look_at(cage, "by_hand", MODEL) == ("7", "")
    assert look_at(cage, "not_there", MODEL) == ("", "ModuleNotFoundError: No module named 'not_there'")
    assert look_at(cage, "others_own", MODEL)[0] == ""


def test_the_doctor_and_the_terminal_say_which_can_be_imported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Mode, "json", False)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "gent"
    assert run(["init", str(home), "--name", "Gent", "--url", "http://localhost:8123"]) == DONE
    settings = (home / "hansa.toml").read_text()
    more = f'model_libraries = ["shapely_like", "not_there"]\nmodel_library_folder = "{folder}"\n'
    (home / "hansa.toml").write_text(settings + more)
    capfd.readouterr()
    run(["doctor", str(home)])
    output = "".join(capfd.readouterr())
    assert "models run behind a filter of system calls" in output
    assert "models can import shapely_like 1.5" in output
    assert "models cannot import not_there: ModuleNotFoundError" in output

    source = tmp_path / "good.py"
    source.write_bytes(code("import shapely_like", BODY))
    (tmp_path / "given.csv").write_text("id,value\na,1.5\n")
    words = ["model", "try", str(source), "--input", "given=given.csv"]
    assert run(words) == DONE, "the node that is here"
    (home / "hansa.toml").write_text(settings)
    capfd.readouterr()
    assert run(words) == REFUSED
    assert "No module named 'shapely_like' for models of this node" in "".join(capfd.readouterr())
    assert run([*words, "--library", "shapely_like", "--library-folder", str(folder)]) == DONE
    (home / "hansa.toml").write_text(settings + 'model_libraries = ["not a name"]\n')
    capfd.readouterr()
    assert run(words) == REFUSED
    assert "not the name of a module" in "".join(capfd.readouterr())


@needs_numpy
@pytest.mark.parametrize("missing", [[], ["unshare"], ["landlock"]])
async def test_numpy_and_its_kin_compute(missing: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.cage.launcher.subprocess.Popen", starting_without(*missing))
    names = tuple(name for name in ("numpy", "pandas", "networkx") if Path(GIVEN, name).is_dir())
    cage = Cage(libraries=Libraries(names, GIVEN))
    try:
        for name in names:
            version, trouble = look_at(cage, name, MODEL)
            assert (version != "", trouble) == (True, "")
        lines = [
            "import numpy, os, threading",
            "m = numpy.ones((400, 400)) @ numpy.ones((400, 400))",
            "said = [m.sum()]",
        ]
        assert await run_lines(cage, *lines, limits=MODEL) == [400.0**3]
        if "networkx" in names:
            graph = ("import networkx", "g = networkx.path_graph(5)", "said = networkx.shortest_path_length(g, 0, 4)")
            assert await run_lines(cage, *graph, limits=MODEL) == 4
        if "pandas" in names:
            frame = ("import pandas", "f = pandas.DataFrame(given)", "said = float(f['value'].sum())")
            assert await run_lines(cage, *frame, limits=MODEL) == 21.26
        with pytest.raises((ModelFailed, Overloaded)) as caught:
            await run_lines(cage, "import numpy", "said = numpy.ones(1 << 30).sum()", limits=MODEL)
        assert "memory" in caught.value.detail.lower()
        with pytest.raises(ModelFailed):
            await run_lines(cage, "import numpy", "numpy.ones(5).tofile('/tmp/hansa-was-here')", "said = 1")
    finally:
        await cage.stop()
