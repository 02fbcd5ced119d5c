"""Catalogues are kept in one form, so that two people who change texts seldom meet."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from node.texts.catalogue import FOLDER
from node.texts.languages import LANGUAGES

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(FOLDER.glob("*/*.json"))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = SourceFileLoader("texts_script", str(ROOT / "scripts" / "texts"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_every_domain_has_every_language() -> None:
    for folder in FOLDER.iterdir():
        assert {path.stem for path in folder.iterdir()} == set(LANGUAGES), folder.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_catalogues_are_in_form(script: ModuleType, path: Path) -> None:
    text = path.read_text("utf-8")
    assert script.formatted(text) == text


def test_a_key_twice_is_refused(script: ModuleType) -> None:
    with pytest.raises(ValueError, match="twice: b"):
        script.formatted('{"a": "1", "b": "2", "b": "3"}')


def test_keys_are_put_in_order(script: ModuleType) -> None:
    assert script.formatted('{"b": "Zürich", "a": {"one": "x", "other": "y"}}') == (
        '{\n"a": {"one": "x", "other": "y"},\n"b": "Zürich"\n}\n'
    )
