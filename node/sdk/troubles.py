"""What can be wrong with a model or with what it is given, each as a sentence for its author or caller."""

from __future__ import annotations


class Trouble(ValueError):
    """``sentence`` says what is wrong, ``remedy`` what mends it."""

    def __init__(self, sentence: str, *, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy


class BadAnnotation(Trouble):
    """The author's: the function does not say what it takes or gives."""


class BadInput(Trouble):
    """The caller's: a row or parameter is not what the annotations ask for."""


class BadOutput(Trouble):
    """The author's: the function gave what its annotations do not promise."""
