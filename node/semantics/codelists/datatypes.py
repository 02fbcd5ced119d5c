"""The types of columns, with the data types of XML Schema that CSV on the Web names (W3C csvw, §5.11)."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import Code, CodeList, labels_of
from node.vocab.namespaces import CSVW, XSD


def _type(code: str, iri: str, *also: str) -> Code:
    return Code(code=code, iri=iri, labels=labels_of(f"datatype.{code}", code), also=also)


DATATYPES: Final = CodeList(
    "data type",
    CSVW,
    (
        _type("text", f"{XSD}string", "string", "varchar", "str"),
        _type("integer", f"{XSD}integer", "int", "bigint", "whole number"),
        _type("number", f"{XSD}double", "double", "float", "decimal", "real"),
        _type("boolean", f"{XSD}boolean", "bool", "truth"),
        _type("date", f"{XSD}date"),
        _type("datetime", f"{XSD}dateTime", "timestamp", "date and time"),
        _type("time", f"{XSD}time"),
        _type("json", f"{CSVW}JSON", "object", "array", "list"),
        _type("binary", f"{XSD}base64Binary", "blob"),
    ),
    open=True,
)
"""Types of columns. Other IRIs of data types are admitted too."""
