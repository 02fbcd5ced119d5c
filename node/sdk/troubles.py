"""Errors of a model or of its input, each as a sentence for its author or caller."""

from __future__ import annotations


class Trouble(ValueError):
    """The root of these errors. ``sentence`` describes the problem, ``remedy`` the correction."""

    def __init__(self, sentence: str, *, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy


class BadAnnotation(Trouble):
    """The author's error: the function does not declare what it takes or gives."""


class BadInput(Trouble):
    """The caller's error: a row or parameter does not fit the annotations."""


class BadOutput(Trouble):
    """The author's error: the function returned values that do not fit its annotations."""
