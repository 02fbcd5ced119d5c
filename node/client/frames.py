"""Results as tables of pandas and GeoPandas, and as graphs of rdflib.

These libraries are not part of a node. ``pip install 'hansa[frames]'`` installs them.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from node.base.errors import InvalidInput

if TYPE_CHECKING:
    import geopandas
    import pandas
    import rdflib

READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".json": "read_json",
    ".parquet": "read_parquet",
    ".xlsx": "read_excel",
}
"""The functions of pandas, by the ending of a file's name."""


def hits_frame(hits: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return assets of a search (``search(…)["hits"]`` or ``search_all(…)``) as a table, one row for each."""
    return _library("pandas").DataFrame(list(hits))


def graph_of(document: bytes, *, form: str = "turtle") -> rdflib.Graph:
    """Return a description, or the answer to a CONSTRUCT query in Turtle, as a graph."""
    graph: rdflib.Graph = _library("rdflib").Graph()
    return graph.parse(data=document, format=form)


def table_of(name: str, data: bytes, options: Mapping[str, Any]) -> pandas.DataFrame:
    """Return the table in a file with this name. Raises ``InvalidInput`` for a name with another ending."""
    ending = PurePosixPath(name.lower()).suffix
    if ending not in READERS:
        raise InvalidInput(
            f"{name} is not read as a table",
            remedy=f"read the attribute data yourself; tables end in {', '.join(READERS)}",
        )
    if ending == ".parquet":
        try:
            # The library with which pandas reads it.
            import pyarrow  # noqa: F401
        except ModuleNotFoundError as error:
            raise InvalidInput("pyarrow is not installed", remedy="pip install 'hansa[frames]'") from error
    defaults = {"sep": "\t"} if ending == ".tsv" else {}
    return getattr(_library("pandas"), READERS[ending])(io.BytesIO(data), **{**defaults, **options})


def places_of(data: bytes, options: Mapping[str, Any]) -> geopandas.GeoDataFrame:
    """Return the places in a file, in the format that GDAL recognises."""
    return _library("geopandas").read_file(io.BytesIO(data), **options)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InvalidInput(f"{name} is not installed", remedy="pip install 'hansa[frames]'") from error
