"""Which part of a page says something: trafilatura's choice, or for pages it cannot judge all but the frame.

trafilatura is made for articles. Of a short page, or one that is all cards and questions, it takes little or
runs everything together; there the page without its menus, footers and blocks of links is the better text.
"""

from __future__ import annotations

import logging
import re
from copy import deepcopy

from lxml.html import HtmlElement
from trafilatura import bare_extraction
from trafilatura.settings import Document

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it logs a line for every page it finds empty

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# What trafilatura would throw away with its text: times of opening, questions of an accordion, whole forms.
_INLINE = ("time", "label", "ins", "output", "font", "abbr")
_BOXES = ("details", "figure", "fieldset", "center", "figcaption")
_FRAME = ("nav", "footer", "aside", "menu", "form", "button")
_FRAME_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar"}
)
_FRAME_NAMES = re.compile(
    r"(?:^|[-_\s])(?:nav|navbar|navigation|menu|footer|breadcrumbs?|sidebar|cookies?|consent|share|social|skip|"
    r"pagination)(?:$|[-_\s])",
    re.IGNORECASE,
)
_LINKED = ("ul", "ol", "div", "p", "section", "td")
_MIN_CHARS, _MIN_SHARE, _MAX_LINKED = 300, 0.75, 0.7


def main_text(tree: HtmlElement) -> HtmlElement | None:
    """The element that holds the text: HTML, or trafilatura's own tags. The tree is changed."""
    _prepare(tree)
    framed = _without_frame(tree)
    everything = 0 if framed is None else _size(framed)
    found = bare_extraction(
        tree, fast=True, favor_recall=True, include_comments=False, include_tables=True, with_metadata=False
    )
    if not isinstance(found, Document) or found.body is None:
        return framed
    size = _size(found.body)
    is_mixed_up = len(found.body) == 1 and framed is not None and len(framed) > 1
    if everything and (size < max(_MIN_CHARS, _MIN_SHARE * everything) or is_mixed_up):
        return framed
    return found.body if size else framed


def _size(element: HtmlElement) -> int:
    return len("".join("".join(element.itertext()).split()))


def _prepare(tree: HtmlElement) -> None:
    for element in list(tree.iter("summary")):
        element.tag = "p" if next(element.iter(*HEADINGS), None) is not None else "h4"
    for element in list(tree.iter("button")):
        if any(parent.tag in HEADINGS for parent in element.iterancestors()):
            element.drop_tag()
    for element in list(tree.iter(*_INLINE)):
        element.drop_tag()
    for element in tree.iter(*_BOXES):
        element.tag = "div"
    for element in tree.iter("form"):
        if next(element.iter("p", *HEADINGS), None) is not None:
            element.tag = "div"
    for element in list(tree.iter("dl")):
        _define(element)


def _define(definitions: HtmlElement) -> None:
    """A list of terms: each with what it means in one paragraph, a question above its answer."""
    definitions.tag = "div"
    term: HtmlElement | None = None
    for element in list(definitions.iter("dt", "dd")):
        if element.tag == "dt":
            term = element
            is_question = element.text_content().strip().endswith("?")
            element.tag = "h4" if is_question else "p"
        elif term is not None and term.tag == "p" and len(element) == 0 and term.getparent() is not None:
            meaning = " ".join((element.text or "").split())
            term.text = f"{' '.join(term.text_content().split()).rstrip(':')}: {meaning}"
            for child in list(term):
                term.remove(child)
            element.drop_tree()
            term = None
        else:
            element.tag = "div"


def _without_frame(tree: HtmlElement) -> HtmlElement | None:
    """A copy of the body without what stands around the content of a page."""
    body = tree.find("body")
    if body is None:
        return None
    body = deepcopy(body)
    for element in list(body.iter()):
        if element is not body and element.getparent() is not None and _is_frame(element):
            element.drop_tree()
    return body


def _is_frame(element: HtmlElement) -> bool:
    if element.tag in _FRAME or element.get("role", "") in _FRAME_ROLES:
        return True
    if element.tag in ("main", "article", *HEADINGS):
        return False
    if element.tag == "header":
        return next(element.iter("h1"), None) is None
    if _FRAME_NAMES.search(f"{element.get('class', '')} {element.get('id', '')}"):
        return next(element.iter("h1", "main", "article"), None) is None
    return element.tag in _LINKED and _is_linked(element)


def _is_linked(element: HtmlElement) -> bool:
    """Whether nearly all of a block is links to other pages."""
    links = [link for link in element.iter("a") if link.get("href")]
    if len(links) < 2:
        return False
    return sum(_size(link) for link in links) >= _MAX_LINKED * _size(element)
