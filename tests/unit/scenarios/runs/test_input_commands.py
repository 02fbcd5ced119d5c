"""The command that brings a file which a scenario needs brings that file, whichever else the dataset has."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any, cast

from node.scenarios.records.library import to_receive
from node.semantics.model import File


def file(name: str) -> File:
    return File(name=name, media_type="text/csv", size=1, sha256="0" * 64)


def dataset(*names: str) -> Any:
    return cast(Any, SimpleNamespace(iri="https://gent.example/datasets/counts", files=tuple(map(file, names))))


def test_the_only_file_needs_no_name() -> None:
    assert to_receive(dataset("a.csv"), file("a.csv")) == "hansa get https://gent.example/datasets/counts"


def test_one_of_several_is_named() -> None:
    said = to_receive(dataset("a.csv", "second file.csv"), file("second file.csv"))
    assert shlex.split(said)[-2:] == ["--file", "second file.csv"]
