"""Errors of scenarios that no other room has."""

from __future__ import annotations

from node.base.errors import RemoteFault


class ModelFailed(RemoteFault):
    """A model was given what it asks for and did not give what it promises: its own doing, none of ours.

    ``detail`` names the line of the model's file where it is known; ``facts`` may have ``line``, ``error`` (the name
    of the exception) and ``log`` (the last lines that the model printed).
    """

    code = "model-failed"
    status = 422
    title = "The model failed"
