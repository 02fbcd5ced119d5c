"""The official JSON Schemas and example messages of DSP 2025-1, loaded as they are published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft201909Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource

from tests.artefacts import data

BASE = "https://w3id.org/dspace/2025/1/"

SCHEMA_OF = {
    "CatalogRequestMessage": "catalog/catalog-request-message-schema.json",
    "Catalog": "catalog/catalog-schema.json",
    "Dataset": "catalog/dataset-schema.json",
    "CatalogError": "catalog/catalog-error-schema.json",
    "ContractRequestMessage": "negotiation/contract-request-message-schema.json",
    "ContractOfferMessage": "negotiation/contract-offer-message-schema.json",
    "ContractAgreementMessage": "negotiation/contract-agreement-message-schema.json",
    "ContractAgreementVerificationMessage": "negotiation/contract-agreement-verification-message-schema.json",
    "ContractNegotiationEventMessage": "negotiation/contract-negotiation-event-message-schema.json",
    "ContractNegotiationTerminationMessage": "negotiation/contract-negotiation-termination-message-schema.json",
    "ContractNegotiation": "negotiation/contract-negotiation-schema.json",
    "ContractNegotiationError": "negotiation/contract-negotiation-error-schema.json",
    "TransferRequestMessage": "transfer/transfer-request-message-schema.json",
    "TransferStartMessage": "transfer/transfer-start-message-schema.json",
    "TransferCompletionMessage": "transfer/transfer-completion-message-schema.json",
    "TransferSuspensionMessage": "transfer/transfer-suspension-message-schema.json",
    "TransferTerminationMessage": "transfer/transfer-termination-message-schema.json",
    "TransferProcess": "transfer/transfer-process-schema.json",
    "TransferError": "transfer/transfer-error-schema.json",
}
"""``@type`` → the schema that speaks about it."""

PROTOCOL_VERSION = "common/protocol-version-schema.json"
DID_SERVICE = "common/did-service-schema.json"


def faults(message: Mapping[str, Any], schema: str | None = None) -> list[str]:
    """What the official schema finds wrong with ``message``, in words; the ``@type`` chooses the schema."""
    chosen = schema or SCHEMA_OF[str(message.get("@type"))]
    found = sorted(_validator(chosen).iter_errors(message), key=lambda error: list(map(str, error.absolute_path)))
    return [f"{error.json_path}: {error.message[:300]}" for error in found]


def examples(folder: str) -> dict[str, dict[str, Any]]:
    """The official example messages in a folder, by file name."""
    return {
        path.stem: json.loads(path.read_text("utf-8")) for path in sorted(data(f"dsp/{folder}/example").iterdir())
    }


def schema_at(address: str) -> Any:
    """The official schema that is published at this address."""
    return _registry(data("dsp")).contents(address)


@cache
def _validator(name: str) -> Draft201909Validator:
    registry = _registry(data("dsp"))
    return Draft201909Validator(registry.contents(BASE + name), registry=registry)


@cache
def _registry(folder: Path) -> Any:
    loaded = []
    for path in folder.rglob("*-schema.json"):
        # Three schemas point into another one with "#definitions/…", which is no JSON pointer.
        text = path.read_text("utf-8").replace("#definitions/", "#/definitions/")
        loaded.append(json.loads(text))
    registry: Any = Registry()
    return registry.with_resources((schema["$id"], Resource.from_contents(schema)) for schema in loaded)
