"""A page as a test reads it: elements, attributes, texts, and whether the nesting is sound."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(("area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"))
"""Elements without an end; those of SVG close themselves with a slash."""


@dataclass
class Element:
    """One element with its attributes and all text inside it."""

    tag: str
    attributes: dict[str, str]
    path: tuple[str, ...]
    text: str = ""
    inside: list[Element] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)


class Page(HTMLParser):
    """The parsed page. Raises ``AssertionError`` where elements are not closed in the order of opening."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.comments: list[str] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, [element.tag for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(e.tag for e in self._open))
        assert len(element.attributes) == len(attrs), f"an attribute twice in {self.get_starttag_text()}"
        self.elements.append(element)
        for outer in self._open:
            outer.inside.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> inside <{self._open[-1].tag}> at line {self.getpos()[0]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for outer in self._open:
            outer.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements of this name with these attributes (``class_`` and ``for_`` for the reserved words)."""
        expected = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element.get(name) == value for name, value in expected.items())
        ]

    def element(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} × {tag} {attributes}"
        return found[0]

    def links(self) -> list[str]:
        return [element["href"] for element in self.all("a") if "href" in element.attributes]

    @property
    def text(self) -> str:
        return " ".join(self.element("body").text.split())


def is_data(script: Element) -> bool:
    """Whether a script element is a block of data, which no browser runs: JSON, and nothing but JSON."""
    if script.attributes != {"type": "application/ld+json"} or re.search("[<>&]", script.text):
        return False
    try:
        return isinstance(json.loads(script.text), dict)
    except ValueError:
        return False


def troubles(page: Page) -> list[str]:
    """What keeps a page from being whole, accessible and safe under our content security policy."""
    faults = []
    if len(page.all("h1")) != 1:
        faults.append(f"{len(page.all('h1'))} h1")
    if len(page.all("main")) != 1:
        faults.append(f"{len(page.all('main'))} main")
    ids = [element["id"] for element in page.elements if "id" in element.attributes]
    faults += [f"the id {name!r} twice" for name in set(ids) if ids.count(name) > 1]
    level = 0
    for element in page.elements:
        name, attributes = element.tag, element.attributes
        faults += [f"inline {key} in <{name}>" for key in attributes if key == "style" or key.startswith("on")]
        if name in ("style", "object", "embed", "iframe", "base"):
            faults.append(f"<{name}> in the page")
        if name == "script" and "src" not in attributes and not is_data(element):
            faults.append("<script> in the page")
        for key in ("src", "href", "action", "formaction"):
            value = attributes.get(key, "").strip().lower()
            if value.startswith(("javascript:", "data:", "vbscript:", "file:")):
                faults.append(f"{key}={value[:60]}")
        if name in ("script", "link", "img") and "://" in attributes.get("src", attributes.get("href", "")):
            faults.append(f"<{name}> from another host")
        if name in ("input", "textarea", "select") and attributes.get("type") != "hidden":
            labelled = any(label.get("for") == attributes.get("id") for label in page.all("label"))
            if not labelled and "aria-label" not in attributes:
                faults.append(f"a field without a label: {attributes}")
        if name == "button" and not element.text.strip() and "aria-label" not in attributes:
            faults.append("a button without a name")
        if name == "a" and not element.text.strip() and not any(e.get("alt") for e in element.inside):
            faults.append(f"a link without a name: {attributes}")
        if name == "img" and "alt" not in attributes:
            faults.append("a picture without alt")
        if name == "svg" and attributes.get("aria-hidden") != "true" and "aria-label" not in attributes:
            faults.append("a drawing that is neither hidden nor named")
        for key in ("aria-labelledby", "aria-describedby"):
            faults += [
                f"{key} points at {target!r}" for target in attributes.get(key, "").split() if target not in ids
            ]
        if name in ("h1", "h2", "h3", "h4", "h5"):
            if int(name[1]) > level + 1:
                faults.append(f"<{name}> after <h{level}>: {element.text.strip()[:40]}")
            level = int(name[1])
        posts = name == "form" and attributes.get("method", "get").lower() == "post"
        if posts and not any(e.get("name") == "csrf" and e.get("value") for e in element.inside):
            faults.append(f"a form without token: {attributes.get('action')}")
    if not page.element("html").get("lang"):
        faults.append("no language")
    heads = [element for element in page.all("title") if "svg" not in element.path]
    if len(heads) != 1 or not heads[0].text.strip():
        faults.append("no title")
    return faults
