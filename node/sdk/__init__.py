"""The names that the author of a model imports. A model needs only the standard library.

A model is one function. Its annotations declare what it takes and gives::

    from typing import Annotated, TypedDict
    from node.sdk import Decimals, Range, Unit, model

    class Street(TypedDict):
        segmentId: str
        length: Annotated[float, Unit("m")]

    class Time(TypedDict):
        segmentId: str
        minutes: Annotated[float, Unit("min"), Decimals(2)]

    @model(version="1.0.0", output="times")
    def walking(streets: list[Street], speed: Annotated[float, Unit("km/h"), Range(2, 7)] = 5.0) -> list[Time]:
        return [{"segmentId": s["segmentId"], "minutes": s["length"] / (speed * 1000 / 60)} for s in streets]

Arguments that are lists of a TypedDict are inputs, the others parameters. Every number has a unit. Rows are
checked against the annotations before the call, and outputs are checked and rounded to their ``Decimals`` after it.
"""

from node.sdk.call import Result, call
from node.sdk.marks import Crs, Decimals, Grain, Kind, Range, Schema, Step, Unit
from node.sdk.reports import caveat, progress
from node.sdk.signature import describe, find_model, model
from node.sdk.troubles import BadAnnotation, BadInput, BadOutput, Trouble

__all__ = [
    "BadAnnotation",
    "BadInput",
    "BadOutput",
    "Crs",
    "Decimals",
    "Grain",
    "Kind",
    "Range",
    "Result",
    "Schema",
    "Step",
    "Trouble",
    "Unit",
    "call",
    "caveat",
    "describe",
    "find_model",
    "model",
    "progress",
]
