"""What a browser does not show of a page: it must never become knowledge, nor instructions to a model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml.html import HtmlElement

_UNSEEN = frozenset(
    """
    script style noscript template svg canvas iframe object embed audio video map select datalist textarea
    input dialog math meta link
    """.split()  # noqa: SIM905 - a table to be read by people
)
# With the first two style sheets also hide what a script shows later; an element's own style means it.
_FADED = re.compile(r"visibility:(?:hidden|collapse)|opacity:0*\.?0*%?(?:;|!|$)")
_HIDING = re.compile(
    r"display:none|font-size:0*\.?0*(?:px|em|rem|pt|%)?(?:;|!|$)|font-size:[01](?:\.\d+)?(?:px|pt)"
    r"|(?:^|;)(?:left|top|right|bottom|margin-left|margin-top|text-indent):-\d{3,}"
    r"|clip:rect\(0|clip:rect\(1px,?1px|clip-path:inset\((?:50|100)%|transform:scale\(0\)"
    r"|(?:^|;)color:(?:transparent|rgba\(\d+,\d+,\d+,0*\.?0*\))"
)
_NO_SIZE = re.compile(r"(?:^|;)(?:max-)?(?:height|width):[01](?:px|em|rem|pt|%)?(?:;|!|$)")
_CLIPPED = re.compile(r"(?:^|;)overflow(?:-[xy])?:(?:hidden|clip)")
_COLOUR = re.compile(r"(?:^|;)color:([^;!]+)")
_BACKGROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;!]+)")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
# tag, #id and .class of one element; anything that depends on its surroundings is not decided here
_SELECTOR = re.compile(r"([a-z][\w-]*)?((?:[.#][\w-]+)*)$", re.IGNORECASE)
_WHITE = frozenset({"#fff", "#ffffff", "white", "rgb(255,255,255)"})
_MAX_RULES = 5000


def drop_hidden(tree: HtmlElement) -> None:
    """Remove what is not shown: by its kind, by the attribute, by its style, or by a rule of the page."""
    rules = _hiding_rules(tree)
    for element in list(tree.iter()):
        if element.getparent() is None or element.tag in ("html", "body"):
            continue
        if element.tag in _UNSEEN or _is_hidden(element) or _is_ruled_out(element, rules):
            element.drop_tree()


def _is_hidden(element: HtmlElement) -> bool:
    hidden, style = element.get("hidden"), _plain(element.get("style", ""))
    return (hidden is not None and hidden != "until-found") or bool(
        style and (_FADED.search(style) or _hides(style))
    )


def _plain(style: str) -> str:
    return re.sub(r"\s+", "", style).casefold()


def _hides(style: str) -> bool:
    """Whether these declarations leave nothing to be seen."""
    if _HIDING.search(style) or (_NO_SIZE.search(style) and _CLIPPED.search(style)):
        return True
    colour, background = _COLOUR.search(style), _BACKGROUND.search(style)
    if colour is None or background is None:
        return False
    same = {colour.group(1), background.group(1)}
    return len(same) == 1 or same <= _WHITE


@dataclass(frozen=True)
class _Rule:
    """A selector of one element: "" for any tag."""

    tag: str
    ids: frozenset[str]
    classes: frozenset[str]


def _hiding_rules(tree: HtmlElement) -> dict[str, list[_Rule]]:
    """The simple selectors under which the page's own style sheets hide something, by one name in each."""
    found: dict[str, list[_Rule]] = {}
    for sheet in tree.iter("style"):
        if "print" in sheet.get("media", ""):
            continue
        css = _CSS_COMMENT.sub("", sheet.text_content())
        for selectors, style in _RULE.findall(_without_conditions(css))[:_MAX_RULES]:
            for selector in selectors.split(",") if _hides(_plain(style)) else ():
                rule = _rule(selector.strip())
                if rule is not None:
                    found.setdefault(next(iter((*rule.classes, *rule.ids, rule.tag))), []).append(rule)
    return found


def _without_conditions(css: str) -> str:
    """The style sheet without @media and other blocks that apply only sometimes."""
    parts: list[str] = []
    depth = kept = 0
    inside = False
    for match in re.finditer(r"@[\w-]+[^{};]*\{|[{}]", css):
        token = match.group()
        if token[0] == "@" and not inside and depth == 0:
            parts.append(css[kept : match.start()])
            inside = True
        depth += -1 if token == "}" else 1
        if inside and depth <= 0:
            inside, depth, kept = False, 0, match.end()
    if not inside:
        parts.append(css[kept:])
    return "".join(parts)


def _rule(selector: str) -> _Rule | None:
    match = _SELECTOR.fullmatch(selector)
    if match is None or not selector:
        return None
    parts = re.findall(r"[.#][\w-]+", match.group(2))
    return _Rule(
        tag=(match.group(1) or "").lower(),
        ids=frozenset(part[1:] for part in parts if part[0] == "#"),
        classes=frozenset(part[1:] for part in parts if part[0] == "."),
    )


def _is_ruled_out(element: HtmlElement, rules: dict[str, list[_Rule]]) -> bool:
    if not rules:
        return False
    classes, name = set(element.get("class", "").split()), element.get("id", "")
    return any(
        rule.tag in ("", element.tag) and rule.ids <= {name} and rule.classes <= classes
        for key in (*classes, name, element.tag)
        for rule in rules.get(key, ())
    )
