"""The modules and files for a stranger's code: the standard library, our package, and what the owner admits.

The owner of a node names modules (the setting ``model_libraries``), such as numpy. They come from a separate folder
or from the environment of the node, with the packages that they require. If a folder contains other packages too,
only the folders of these packages are open.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_INSTALLED: Final = ("site-packages", "dist-packages")
_SYSTEM: Final = ("/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/usr/share/zoneinfo")
OURS: Final = "node"


@dataclass(frozen=True, slots=True)
class Libraries:
    """The modules that the owner admits: their ``names``, and their folder, if it is not our own."""

    names: tuple[str, ...] = ()
    folder: str = ""


@dataclass(slots=True)
class CodeAccess:
    """The modules that code may import, and the paths that it may read.

    ``paths`` are open with everything below, of ``folder_names`` folders only the names; for a separate root folder,
    the coarser ``bound`` without ``subfolders``. ``modules`` holds the path of each module that may be imported.
    """

    paths: list[str] = field(default_factory=list)
    folder_names: list[str] = field(default_factory=list)
    bound: list[str] = field(default_factory=list)
    subfolders: list[str] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def code_access(root: Path, libraries: Libraries) -> CodeAccess:
    """Return the files that code may read, with our packages below ``root``. Unknown libraries are left out."""
    opened_libraries = CodeAccess()
    standard = Path(sysconfig.get_path("stdlib"))
    # Those of the interpreter itself, not of the environment in which it runs.
    own = [standard, Path(sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix}))]
    for folder in dict.fromkeys(path for path in own if path.is_dir()):
        opened_libraries.paths += [str(entry) for entry in sorted(folder.iterdir()) if entry.name not in _INSTALLED]
        opened_libraries.folder_names.append(str(folder))
        opened_libraries.bound.append(str(folder))
        opened_libraries.subfolders += [str(folder / name) for name in _INSTALLED]
    shared = [*_shared_libraries(), *_SYSTEM, str(root / OURS)]
    folders = _admit(libraries, opened_libraries)
    for path in dict.fromkeys([*shared, *folders]):
        if Path(path).exists():
            opened_libraries.paths.append(path)
            opened_libraries.bound.append(path)
    return opened_libraries


def _shared_libraries() -> list[str]:
    """Return the folders of the libraries that the standard library's own modules load."""
    machine = sysconfig.get_config_var("MULTIARCH")
    folders = [f"{above}/{machine}" for above in ("/lib", "/usr/lib") if machine and Path(above, machine).is_dir()]
    folders = folders or ["/lib", "/lib64", "/usr/lib", "/usr/lib64"]
    beside = Path(sys.base_prefix) / "lib"
    return [*folders, *(str(path) for path in sorted(beside.glob("lib*.so*")) if beside != Path("/usr/lib"))]


def _admit(libraries: Libraries, opened_libraries: CodeAccess) -> list[str]:
    """Add the modules that the owner admits to ``opened_libraries``; return all files of their packages."""
    if not libraries.names:
        return []
    where = [libraries.folder] if libraries.folder else [path for path in sys.path if Path(path).name in _INSTALLED]
    installed_packages = _InstalledPackages(where)
    paths: list[str] = []
    for name in libraries.names:
        packages = installed_packages.packages_of(name)
        for package in packages:
            for entry in installed_packages.entries(package):
                paths.append(str(entry))
                opened_libraries.modules |= _as_module(entry)
                opened_libraries.versions |= dict.fromkeys(_as_module(entry), package.version)
        if not packages:
            # A module without metadata: a file that a person put into the folder.
            for entry in _beside(name, where):
                paths.append(str(entry))
                opened_libraries.modules |= _as_module(entry)
    return paths


class _InstalledPackages:
    """The packages in some folders, by the names in their metadata."""

    def __init__(self, where: Sequence[str]) -> None:
        # Imported here: it brings the modules for e-mails and archives along, which a cage without libraries can do
        # without.
        import importlib.metadata

        self._by_name: dict[str, Distribution] = {}
        for package in importlib.metadata.distributions(path=list(where)):
            name = package.metadata["Name"]
            if name:
                self._by_name.setdefault(_plain(name), package)

    def packages_of(self, module: str) -> list[Distribution]:
        """Return the package that contains ``module``, with all packages that it requires (extras excluded)."""
        first = next((installed for installed in self._by_name.values() if module in _top_names(installed)), None)
        packages, waiting = [], [] if first is None else [first]
        while waiting:
            package = waiting.pop()
            if package in packages:
                continue
            packages.append(package)
            for requirement in package.requires or ():
                needed = self._by_name.get(_plain(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]))
                if needed is not None and "extra ==" not in requirement:
                    waiting.append(needed)
        return packages

    def entries(self, package: Distribution) -> list[Path]:
        """Return the topmost files and folders of a package, without programs and other files outside its folder."""
        tops = {file.parts[0] for file in package.files or () if file.parts and file.parts[0] not in ("..", "/")}
        return [Path(str(package.locate_file(top))) for top in sorted(tops - {"__pycache__"})]


def _top_names(package: Distribution) -> set[str]:
    return {file.parts[0].partition(".")[0] for file in package.files or () if file.parts}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _beside(name: str, where: Iterable[str]) -> list[Path]:
    for folder in where:
        paths = [path for path in sorted(Path(folder).glob(f"{name}*")) if _as_module(path).keys() == {name}]
        if paths:
            return paths
    return []


def _as_module(entry: Path) -> dict[str, str]:
    """Return the name and path of the module in a file or folder; empty if it is not a module."""
    if entry.is_dir():
        return {entry.name: str(entry)} if entry.name.isidentifier() else {}
    for suffix in importlib.machinery.all_suffixes():
        name = entry.name.removesuffix(suffix)
        if name != entry.name and name.isidentifier():
            return {name: str(entry)}
    return {}


_narrowed: CodeAccess | None = None


def narrow(access: CodeAccess) -> None:
    """Make this process find only modules that are open to code: for a child, before it is confined."""
    global _narrowed  # noqa: PLW0603 - a child has one target, and the import system is one
    sys.path[:] = [path for path in sys.path if path in access.folder_names or path in access.paths]
    # Modules found elsewhere show where packages lie that are not open.
    for path in sys.path_importer_cache.keys() - set(sys.path):
        if not path.startswith(tuple(access.paths)):
            del sys.path_importer_cache[path]
    sys.meta_path.append(Finder(access.modules))
    _narrowed = access


def importable(name: str) -> bool:
    """Return whether code in this process may import ``name``. Outside the cage, it may import everything."""
    top = name.partition(".")[0]
    return _narrowed is None or top in _narrowed.modules or top == OURS or top in sys.stdlib_module_names


def admitted_modules() -> list[str]:
    """Return the modules beside the standard library that code may import here."""
    return [] if _narrowed is None else sorted(_narrowed.modules)


def version_of(name: str) -> str:
    """Return the version of the module ``name`` from its package's metadata; empty where there is no metadata."""
    return "" if _narrowed is None else _narrowed.versions.get(name, "")


class Finder:
    """Finds admitted modules and no other installed ones; the last entry of ``sys.meta_path``."""

    def __init__(self, modules: dict[str, str]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder``. Modules inside a package are found by the package's own path."""
        place = self._modules.get(name)
        if place is None or path is not None:
            return None
        return _spec(name, Path(place))


def _spec(name: str, place: Path) -> ModuleSpec | None:
    # The folder around the package cannot be listed, so that the import system's own finder sees nothing in it.
    loaders = (
        (importlib.machinery.EXTENSION_SUFFIXES, importlib.machinery.ExtensionFileLoader),
        (importlib.machinery.SOURCE_SUFFIXES, importlib.machinery.SourceFileLoader),
        (importlib.machinery.BYTECODE_SUFFIXES, importlib.machinery.SourcelessFileLoader),
    )
    for suffixes, loader in loaders:
        for suffix in suffixes:
            file = place / f"__init__{suffix}" if place.is_dir() else place
            if file.name.endswith(suffix) and file.is_file():
                inside = [str(place)] if place.is_dir() else None
                return importlib.util.spec_from_file_location(
                    name, file, loader=loader(name, str(file)), submodule_search_locations=inside
                )
    if not place.is_dir():
        return None
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(place)]
    return spec
