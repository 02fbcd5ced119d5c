"""Test artefacts that package registries have: fetched with their own clients, kept outside of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

_SECONDS: Final = 300


class Absent(Exception):
    """The artefact cannot be had here; the text says why."""


def cache() -> Path:
    """Return the folder where fetched artefacts are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hansa-tests"


def source_distribution(name: str, version: str) -> Path:
    """Return the unpacked source distribution of a package of PyPI. Nothing of it is run, but for what pip does to
    read its name. Raises ``Absent``."""
    folder = cache() / f"{name}-{version}"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", name, f"{name}=={version}"]
    return _fetched(folder, pip, "pip")


def npm_package(name: str, version: str) -> Path:
    """Return the unpacked package of npm. Nothing of it is run. Raises ``Absent``."""
    npm = shutil.which("npm")
    if npm is None:
        raise Absent("no npm here")
    folder = cache() / f"{name.replace('/', '-').strip('@')}-{version}"
    return _fetched(folder, [npm, "pack", "--silent", f"{name}@{version}"], "npm")


def _fetched(folder: Path, command: list[str], client: str) -> Path:
    if not folder.is_dir():
        work = folder.with_name(f"{folder.name}.{os.getpid()}")
        work.mkdir(parents=True)
        try:
            try:
                result = subprocess.run(command, cwd=work, capture_output=True, check=False, timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                raise Absent(f"{client} does not answer") from None
            archives = [*work.glob("*.tar.gz"), *work.glob("*.tgz")]
            if result.returncode != 0 or not archives:
                raise Absent(f"{client} cannot fetch {folder.name} here")
            with tarfile.open(archives[0]) as archive:
                archive.extractall(work / "files", filter="data")
            if not folder.is_dir():
                (work / "files").rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return next(path for path in folder.iterdir() if path.is_dir())
