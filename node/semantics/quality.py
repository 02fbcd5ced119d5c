"""The quality of a description, as data.europa.eu measures it (MQA): 405 points in five dimensions.

A metric about files counts by the share of the dataset's files that pass it: a dataset with one licensed file out of
two has earned half of the points for licences. A metric that needs the web (does the address answer?) counts only if
the caller has checked it; addresses that this node serves itself need no check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pyoxigraph import Dataset, NamedNode

from node.semantics.codelists.filetypes import FILE_TYPES, MEDIA_TYPE_OF
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import ACCESS, EU
from node.semantics.documents import quads
from node.semantics.findings.words import FINDINGS
from node.semantics.metrics import DIMENSIONS, MACHINE_READABLE, MAXIMUM, METRICS, NON_PROPRIETARY, Metric, band
from node.semantics.triples import Node, iris, nodes, objects
from node.vocab.namespaces import DCAT, DCT


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The result of a metric: points earned (possibly a share), or None if it was not checked."""

    metric: Metric
    points: float | None

    @property
    def missing(self) -> float:
        return self.metric.points - (self.points or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The total. ``raise_it`` lists the metrics that would earn more, the largest gain first."""

    measurements: tuple[Measurement, ...]

    @property
    def points(self) -> int:
        return int(sum(item.points or 0.0 for item in self.measurements) + 1e-9)

    @property
    def band(self) -> str:
        return band(self.points)

    def dimension(self, name: str) -> tuple[int, int]:
        """Return points earned and points possible in one dimension."""
        own = [item for item in self.measurements if item.metric.dimension == name]
        return int(sum(item.points or 0.0 for item in own) + 1e-9), sum(item.metric.points for item in own)

    def raise_it(self) -> tuple[Measurement, ...]:
        lacking = [item for item in self.measurements if item.missing > 0.5]
        return tuple(sorted(lacking, key=lambda item: -item.missing))

    def to_json(self) -> dict[str, Any]:
        """Return the score as records keep it: whole numbers and names. The advice of a metric is a text of ours."""
        return {
            "points": self.points,
            "of": MAXIMUM,
            "band": self.band,
            "dimensions": {name: list(self.dimension(name)) for name in DIMENSIONS},
            "raise": [
                {"metric": item.metric.name, "points": int(item.missing), "field": item.metric.field}
                for item in self.raise_it()
            ],
        }


def advice(metric: str) -> Mapping[str, str]:
    """Return how to earn the points of the metric of this name, by language."""
    return FINDINGS.in_all(f"quality.{metric}")


def score(
    nquads: bytes, iri: str, *, conforms: bool, reachability: Mapping[str, bool] = MappingProxyType({})
) -> Score:
    """Return the score of the dataset ``iri``, described in canonical N-Quads.

    ``conforms``: whether the description breaks no obligation of DCAT-AP. ``reachability``: address → whether it
    answered; a missing address was not checked."""
    return measure(Dataset(quads(nquads)), NamedNode(iri), conforms=conforms, reachability=reachability)


def measure(
    dataset: Dataset, subject: Node, *, conforms: bool, reachability: Mapping[str, bool] = MappingProxyType({})
) -> Score:
    """Return the ``score`` of a description that is parsed already."""
    files = nodes(dataset, subject, f"{DCAT}distribution")
    return Score(
        measurements=tuple(_measure(metric, dataset, subject, files, conforms, reachability) for metric in METRICS)
    )


def _measure(
    metric: Metric,
    dataset: Dataset,
    subject: Node,
    files: list[Node],
    conforms: bool,
    reachability: Mapping[str, bool],
) -> Measurement:
    if metric.looks:
        property_ = f"{DCAT}{'accessURL' if metric.name.startswith('access') else 'downloadURL'}"
        answers = [_answers(dataset, file, property_, reachability) for file in files]
        if any(answer is None for answer in answers):
            return Measurement(metric=metric, points=None)
        return Measurement(metric=metric, points=_share(metric, [bool(answer) for answer in answers]))
    if metric.of_files:
        return Measurement(
            metric=metric, points=_share(metric, [_FILE_TESTS[metric.name](dataset, f) for f in files])
        )
    passed = conforms if metric.name == "dcatApCompliance" else _TESTS[metric.name](dataset, subject)
    return Measurement(metric=metric, points=float(metric.points) if passed else 0.0)


def _share(metric: Metric, answers: list[bool]) -> float:
    return metric.points * sum(answers) / len(answers) if answers else 0.0


def _answers(dataset: Dataset, file: Node, property_: str, reachability: Mapping[str, bool]) -> bool | None:
    """Return whether one of the addresses answers; None if that is not known. Without an address the result is
    False."""
    answers = [reachability.get(address) for address in iris(dataset, file, property_)]
    if any(answers):
        return True
    return None if None in answers else False


def _has(property_: str) -> Callable[[Dataset, Node], bool]:
    return lambda dataset, node: bool(objects(dataset, node, property_))


def _codes(dataset: Dataset, file: Node) -> set[str]:
    """Return the codes of the file types for format and media type."""
    codes = {code.code for iri in iris(dataset, file, f"{DCT}format") if (code := FILE_TYPES.by_iri(iri))}
    codes |= {
        iri.removeprefix(f"{EU}file-type/")
        for iri in iris(dataset, file, f"{DCT}format")
        if iri.startswith(f"{EU}file-type/")
    }
    media = {iri.partition("/media-types/")[2] for iri in iris(dataset, file, f"{DCAT}mediaType")} - {""}
    return codes | {code for code, media_type in MEDIA_TYPE_OF.items() if media_type in media}


def _is_aligned(dataset: Dataset, file: Node) -> bool:
    formats = iris(dataset, file, f"{DCT}format")
    media = iris(dataset, file, f"{DCAT}mediaType")
    return any(iri.startswith(f"{EU}file-type/") for iri in formats) and any(
        "//www.iana.org/assignments/media-types/" in iri for iri in media
    )


def _known_licence(dataset: Dataset, file: Node) -> bool:
    return any(LICENCES.by_iri(iri) for iri in iris(dataset, file, f"{DCT}license"))


_TESTS: Final[Mapping[str, Callable[[Dataset, Node], bool]]] = MappingProxyType(
    {
        "keywordAvailability": _has(f"{DCAT}keyword"),
        "categoryAvailability": _has(f"{DCAT}theme"),
        "spatialAvailability": _has(f"{DCT}spatial"),
        "temporalAvailability": _has(f"{DCT}temporal"),
        "accessRightsAvailability": _has(f"{DCT}accessRights"),
        "accessRightsVocabularyAlignment": lambda dataset, node: any(
            ACCESS.by_iri(iri) for iri in iris(dataset, node, f"{DCT}accessRights")
        ),
        "contactPointAvailability": _has(f"{DCAT}contactPoint"),
        "publisherAvailability": _has(f"{DCT}publisher"),
        "dateIssuedAvailability": _has(f"{DCT}issued"),
        "dateModifiedAvailability": _has(f"{DCT}modified"),
    }
)

_FILE_TESTS: Final[Mapping[str, Callable[[Dataset, Node], bool]]] = MappingProxyType(
    {
        "downloadUrlAvailability": _has(f"{DCAT}downloadURL"),
        "formatAvailability": _has(f"{DCT}format"),
        "mediaTypeAvailability": _has(f"{DCAT}mediaType"),
        "formatMediaTypeVocabularyAlignment": _is_aligned,
        "formatMediaTypeNonProprietary": lambda dataset, file: bool(_codes(dataset, file) & NON_PROPRIETARY),
        "formatMediaTypeMachineInterpretable": lambda dataset, file: bool(_codes(dataset, file) & MACHINE_READABLE),
        "licenceAvailability": _has(f"{DCT}license"),
        "knownLicence": _known_licence,
        "rightsAvailability": _has(f"{DCT}rights"),
        "byteSizeAvailability": _has(f"{DCAT}byteSize"),
    }
)
