"""Names from strangers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.exchange.names import MAX_BYTES, safe_name
from tests.artefacts import data


def wishes() -> list[str]:
    names: list[str] = json.loads(data("naughty/naughty-dataspace.json").read_text())["paths_and_names"]
    html: list[str] = json.loads(data("naughty/naughty-dataspace.json").read_text())["html_from_rdf_literals"]
    strings: list[str] = json.loads(data("naughty/blns.json").read_text())
    return names + html + strings


def test_naughty_names_become_files_in_the_folder(tmp_path: Path) -> None:
    """T-56: whatever the wish, the file is created in this folder and nowhere else."""
    folder = tmp_path / "received"
    folder.mkdir()
    for wish in wishes():
        name = safe_name(wish)
        assert name == safe_name(name), wish
        assert len(name.encode()) <= MAX_BYTES + 1
        path = folder / name
        path.write_bytes(b"x")
        assert path.resolve().parent == folder, wish
        path.unlink()
    assert list(tmp_path.iterdir()) == [folder]


def test_nothing_in_a_name_pretends() -> None:
    for wish in wishes():
        name = safe_name(wish)
        assert not set(name) & set("/\\:\0\n\r\"'<>|*?`$&;~\u202e\u200b\ufeff")
        assert not name.startswith((".", "-", " "))
        assert not name.endswith((".", " "))


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("tellingen 2026.csv", "tellingen 2026.csv"),
        ("Měření hluku – Plzeň.csv", "Měření hluku – Plzeň.csv"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\counts.csv", "counts.csv"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        (".bashrc", "bashrc"),
        ("..", "file"),
        ("", "file"),
        ("\x00\x01", "file"),
        ("x" * 300 + ".geojson", "x" * (MAX_BYTES - 8) + ".geojson"),
        ("ž" * 300, "ž" * (MAX_BYTES // 2)),
    ],
)
def test_names(wish: str, name: str) -> None:
    assert safe_name(wish) == name
