"""Further profiles of DCAT-AP that a node may check, as advice or as an obligation, when an asset is published.

Some come with Hansa. A node has others of its own: folders with SHACL files, such as the official ones of a national
profile. The cage cannot read the node's folder, so their shapes go along with each call, as a *reference*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pyoxigraph import Dataset, Literal, NamedNode, RdfFormat, parse, serialize

from node.base.errors import InvalidInput
from node.semantics.validation.shapes import ShapeBreach, Shapes, compile_shapes
from node.vocab.namespaces import RDF, SH, XSD

PROFILES: Final[Mapping[str, str]] = MappingProxyType({"dcat-ap-vl": "dcat-ap-vl.ttl"})
"""Profiles that come with Hansa: name in the settings → file of shapes."""

FOLDER: Final = "profiles"
"""The folder in a node's data folder that has a folder for each profile of its own."""
FORMATS: Final = {
    ".ttl": RdfFormat.TURTLE,
    ".nt": RdfFormat.N_TRIPLES,
    ".rdf": RdfFormat.RDF_XML,
    ".xml": RdfFormat.RDF_XML,
    ".jsonld": RdfFormat.JSON_LD,
}
MAX_BYTES: Final = 8 << 20
"""Bytes of the files of one profile at most: they go along with each call."""
_CLASS: Final = f"{SH}ClassConstraintComponent"


def own_profiles(folder: Path) -> dict[str, list[Path]]:
    """Return the profiles of the node with this data folder: name → files of shapes."""
    profiles: dict[str, list[Path]] = {}
    for place in sorted((folder / FOLDER).glob("*/")):
        files = sorted(file for file in place.iterdir() if file.suffix.lower() in FORMATS and file.is_file())
        if files:
            profiles[place.name] = files
    return profiles


def names(folder: Path) -> list[str]:
    """Return the names of all profiles that the node with this data folder can check."""
    return sorted({*PROFILES, *own_profiles(folder)})


def references(names: Iterable[str], folder: Path) -> tuple[str, ...]:
    """Return the references of these profiles. Raises ``InvalidInput`` for files that cannot be read."""
    own = own_profiles(folder)
    return tuple(name if name in PROFILES else f"{name}\n{_statements(own[name])}" for name in names)


def shapes_for(reference: str) -> Shapes:
    """Return the shapes of a profile. Raises ``LocalFault`` if the engine does not understand them."""
    name, _, statements = reference.partition("\n")
    return compile_shapes((PROFILES[name],)) if name in PROFILES else _own(statements)


def gaps(reference: str) -> list[str]:
    """Return what the engine passes over in the shapes of a node's own profile: shapes that are named but missing,
    and counts that are no numbers. Official files have such faults; their rules then demand nothing."""
    statements = Dataset(parse(reference.partition("\n")[2], format=RdfFormat.N_TRIPLES))
    sentences = []
    for name in ("minCount", "maxCount"):
        for quad in statements.quads_for_predicate(NamedNode(f"{SH}{name}")):
            if not isinstance(quad.object, Literal) or quad.object.datatype.value != f"{XSD}integer":
                value = getattr(quad.object, "value", "")
                sentences.append(f"{name} of {_shape_name(quad.subject)} is {value} as text, not a number")
    for name in ("property", "node"):
        for quad in statements.quads_for_predicate(NamedNode(f"{SH}{name}")):
            target = quad.object
            if isinstance(target, NamedNode) and not any(True for _ in statements.quads_for_subject(target)):
                sentences.append(f"{target.value} is named as a shape, but the files do not have it")
    return list(dict.fromkeys(sentences))


def _shape_name(term: object) -> str:
    return term.value if isinstance(term, NamedNode) else "a shape without a name"


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
        form = FORMATS[file.suffix.lower()]
        try:
            for quad in parse(file.read_bytes(), format=form, base_iri=file.as_uri(), rename_blank_nodes=number > 0):
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
