"""Errors of scenarios that no other room has."""

from __future__ import annotations

from node.base.errors import RemoteFault


class ModelFailed(RemoteFault):
    """A model got valid inputs, but failed or gave no valid output. The error is in the model, not in the node.

    ``detail`` names the line of the model's file where it is known; ``facts`` may have ``line``, ``error`` (the name
    of the exception) and ``log`` (the last lines that the model printed).
    """

    code = "model-failed"
    status = 422
    title = "The model failed"
