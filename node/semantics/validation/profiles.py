"""Further profiles of DCAT-AP that a node may check, as advice or as an obligation, when an asset is published.

Some come with Hansa. A node has others of its own: folders with SHACL files, such as the official ones of a national
profile. The cage cannot read the node's folder, so their shapes go along with each call, as a *reference*.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pyoxigraph import Dataset, Literal, NamedNode, RdfFormat, parse, serialize

from node.base.errors import InvalidInput
from node.semantics.documents import GRAPH_FILES
from node.semantics.validation.shapes import ShapeBreach, Shapes, compile_shapes
from node.texts.catalogue import Catalogue
from node.vocab.namespaces import ADMS, DCATAP, IT6, MOBILITY, RDF, SH, XSD


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedProfile:
    """A profile that comes with Hansa: its file of shapes, its title, and the terms of which a description must have
    one for the profile to hold. Without ``terms`` it holds for every description."""

    file: str
    title: str
    terms: tuple[str, ...] = ()


PROFILES: Final[Mapping[str, ShippedProfile]] = MappingProxyType(
    {
        "adms-ap": ShippedProfile(
            file="adms-ap.ttl",
            title="ADMS-AP 2.0.2",
            terms=("http://purl.org/adms/assettype/", f"{ADMS}includedAsset", f"{ADMS}Asset"),
        ),
        "dcat-ap-hvd": ShippedProfile(
            file="dcat-ap-hvd.ttl",
            title="DCAT-AP HVD 3.0.0",
            terms=(f"{DCATAP}hvdCategory", "http://data.europa.eu/eli/reg_impl/2023/138"),
        ),
        "dcat-ap-vl": ShippedProfile(file="dcat-ap-vl.ttl", title="DCAT-AP Vlaanderen 2026-02-24"),
        "geodcat-ap": ShippedProfile(file="geodcat-ap.ttl", title="GeoDCAT-AP 3.0.0"),
        "mldcat-ap": ShippedProfile(file="mldcat-ap.ttl", title="MLDCAT-AP 3.1.0", terms=(IT6,)),
        "mobilitydcat-ap": ShippedProfile(
            file="mobilitydcat-ap.ttl",
            title="mobilityDCAT-AP 1.0.1",
            terms=(MOBILITY, "http://publications.europa.eu/resource/authority/data-theme/TRAN"),
        ),
    }
)
"""Profiles that come with Hansa, by their name in the settings."""

FOLDER: Final = "profiles"
"""The folder in a node's data folder that has a folder for each profile of its own."""
MAX_BYTES: Final = 8 << 20
"""Bytes of the files of one profile at most: they go along with each call."""
MAX_FILES: Final = 200
"""Files of one profile at most, those in subfolders included."""
_TEXTS: Final = Catalogue("findings")
_CLASS: Final = f"{SH}ClassConstraintComponent"


def own_profiles(folder: Path) -> dict[str, list[Path]]:
    """Return the profiles of the node with this data folder: name → files of shapes."""
    places = sorted((folder / FOLDER).glob("*/"))
    return {place.name: files for place in places if (files := files_in(place))}


def files_in(folder: Path) -> list[Path]:
    """Return the files of statements in ``folder`` and its subfolders, without hidden ones. Raises ``InvalidInput``
    if there are more than ``MAX_FILES``."""
    files: list[Path] = []
    for place, folders, names_there in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(place, name) for name in names_there if not name.startswith("."))
        files += sorted(path for path in paths if path.suffix.lower() in GRAPH_FILES and path.is_file())
        if len(files) > MAX_FILES:
            raise InvalidInput(
                f"{folder} and its subfolders have more than {MAX_FILES} files of shapes",
                remedy="name the folder of one profile in one version",
            )
    return files


def names(folder: Path) -> list[str]:
    """Return the names of all profiles that the node with this data folder can check."""
    return sorted({*PROFILES, *own_profiles(folder)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileUse:
    """A profile, and what the node does with it: ``use`` is ``enforced``, ``advised`` or empty. ``files``: those of a
    profile of the node's own; ``terms``: of which a description must have one for the profile to hold."""

    name: str
    title: str
    files: tuple[str, ...]
    terms: tuple[str, ...]
    use: str

    def to_json(self) -> dict[str, object]:
        """Return the profile as JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "files": list(self.files),
            "terms": list(self.terms),
            "use": self.use,
        }


def overview(folder: Path, advised_profiles: Collection[str], enforced_profiles: Collection[str]) -> list[ProfileUse]:
    """Return all profiles that the node with this data folder can check, with its use of them."""
    own = own_profiles(folder)
    return [
        ProfileUse(
            name=name,
            title=PROFILES[name].title if name in PROFILES else "",
            files=() if name in PROFILES else tuple(map(str, own[name])),
            terms=PROFILES[name].terms if name in PROFILES else (),
            use="enforced" if name in enforced_profiles else "advised" if name in advised_profiles else "",
        )
        for name in names(folder)
    ]


def references(names: Iterable[str], folder: Path) -> tuple[str, ...]:
    """Return the references of these profiles. Raises ``InvalidInput`` for files that cannot be read."""
    own = own_profiles(folder)
    return tuple(name if name in PROFILES else f"{name}\n{_statements(own[name])}" for name in names)


def shapes_for(reference: str) -> Shapes:
    """Return the shapes of a profile. Raises ``LocalFault`` if the engine does not understand them."""
    name, _, statements = reference.partition("\n")
    return compile_shapes((PROFILES[name].file,)) if name in PROFILES else _own(statements)


def applies(reference: str, document: bytes) -> bool:
    """Return whether a profile holds for this description, which is N-Triples. A rule for datasets of high value is
    not one for the others; profiles of the node's own hold for all."""
    shipped = PROFILES.get(reference)
    # A term ends the address, or begins it: a namespace, a code list.
    return shipped is None or not shipped.terms or any(f"<{term}".encode() in document for term in shipped.terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A place in shapes that the engine passes over: the ``case`` names its text, which has the values."""

    case: str
    shape: str
    parameter: str = ""
    value: str = ""

    def text(self, language: str) -> str:
        """Return the gap as a sentence."""
        shape = self.shape or _TEXTS.say(language, "profile.shape-without-name")
        key = {"count": "profile.gap-count", "missing": "profile.gap-missing", "empty": "profile.gap-empty"}[
            self.case
        ]
        return _TEXTS.say(language, key, shape=shape, parameter=self.parameter, value=self.value)


def unreadable_text(language: str, reason: str) -> str:
    """Return in ``language`` that the shapes of a profile are not understood, for this ``reason``."""
    return _TEXTS.say(language, "profile.not-understood", reason=reason)


def gaps(reference: str) -> list[Gap]:
    """Return what the engine passes over in the shapes of a node's own profile: shapes that are named but missing,
    and counts that are no numbers. Official files have such faults; their rules then demand nothing. Files without
    any rule of SHACL are a gap of the case ``empty``: they may be the vocabulary of the profile."""
    statements = Dataset(parse(reference.partition("\n")[2], format=RdfFormat.N_TRIPLES))
    places = []
    if reference not in PROFILES and not any(quad.predicate.value.startswith(SH) for quad in statements):
        places.append(Gap(case="empty", shape=""))
    for name in ("minCount", "maxCount"):
        for quad in statements.quads_for_predicate(NamedNode(f"{SH}{name}")):
            if not isinstance(quad.object, Literal) or quad.object.datatype.value != f"{XSD}integer":
                value = getattr(quad.object, "value", "")
                shape = quad.subject.value if isinstance(quad.subject, NamedNode) else ""
                places.append(Gap(case="count", shape=shape, parameter=name, value=value))
    for name in ("property", "node"):
        for quad in statements.quads_for_predicate(NamedNode(f"{SH}{name}")):
            target = quad.object
            if isinstance(target, NamedNode) and not any(True for _ in statements.quads_for_subject(target)):
                places.append(Gap(case="missing", shape=target.value))
    return list(dict.fromkeys(places))


def relevant(breaches: Iterable[ShapeBreach], reference: str, document: bytes) -> list[ShapeBreach]:
    """Return the breaches without those that say only that a thing elsewhere has no class in this description.

    Official shapes demand the class of each concept and organisation that a description names; it is stated where the
    thing is described, in a code list or on another page. Only for a node's own profiles: ours do not demand it.
    """
    if "\n" not in reference:
        return list(breaches)
    return [
        breach
        for breach in breaches
        if breach.component != _CLASS
        or breach.value.startswith("_:")
        or f"<{breach.value}> <{RDF}type> ".encode() in document
    ]


def _statements(files: list[Path]) -> str:
    if sum(file.stat().st_size for file in files) > MAX_BYTES:
        raise InvalidInput(
            f"the profile in {files[0].parent} has more than {MAX_BYTES >> 20} MB",
            remedy="choose a smaller profile, or remove parts that you do not check",
        )
    statements = Dataset()
    for number, file in enumerate(files):
        form = GRAPH_FILES[file.suffix.lower()]
        body = file.read_bytes().removeprefix(codecs.BOM_UTF8)  # as the official file of StatDCAT-AP has it
        try:
            for quad in parse(body, format=form, base_iri=file.as_uri(), rename_blank_nodes=number > 0):
                statements.add(quad)
        except (SyntaxError, ValueError) as error:
            raise InvalidInput(
                f"{file} cannot be read: {error}", remedy="correct the file, or remove the profile from the settings"
            ) from error
    written = serialize([quad.triple for quad in statements], format=RdfFormat.N_TRIPLES)
    return (written or b"").decode()


@lru_cache(maxsize=8)
def _own(statements: str) -> Shapes:
    return Shapes([statements.encode()])
