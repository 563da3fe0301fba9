"""The words by which customers say what they need and may pay, in en, nl and de; accents are folded."""

from __future__ import annotations

import re
from typing import Literal

from agentflow.llm.table_words import STOP


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(phrases) + r")(?!\w)")


NEEDS = _any(
    r"i (?:really )?need", r"(?:and|but) need", r"(?:i am |we are )?(?:looking|searching) for", r"i want",
    r"i(?: would|'d) like", r"recommend\w*", r"suggest\w*", r"advise", r"my budget(?: is)?",
    r"do you (?:have|sell)", r"have you got",
    r"(?:something|anything)(?: else)?(?= (?:for|in|with|under|below))",
    r"ik zoek", r"op zoek naar", r"ik wil(?: graag)?", r"ik zou graag", r"nodig",
    r"raad (?:je|jij|u|jullie) (?:me |mij )?aan", r"aanraden", r"aanbevelen", r"adviseren", r"advies",
    r"mijn budget(?: is)?", r"heb(?:ben|t)? (?:je|jij|u|jullie)", r"heeft u",
    r"verko(?:pen|opt?) (?:je|u|jullie)", r"iets(?= (?:voor|van|onder|in)(?!\w))",
    r"ich suche", r"auf der suche nach", r"ich brauche", r"ich mochte", r"ich hatte gern", r"ich will",
    r"empfehlen", r"empfiehl\w*", r"empfehlung", r"mein budget(?: ist| liegt bei)?", r"haben sie",
    r"habt ihr",
    r"verkaufen sie", r"etwas(?= (?:fur|unter|aus)(?!\w))",
)  # fmt: skip
# "I need to return it", "I want to know": no product is looked for.
ANOTHER_MATTER = _any(
    r"(?:need|want|like) to", r"need help", r"refund\w*", r"invoice\w*", r"return\w*", r"repair\w*",
    r"complain\w*",
    r"cancel\w*", r"a person", r"someone", r"information", r"know",
    r"weten", r"terug\w*", r"retour\w*", r"repar\w*", r"klacht\w*", r"annuler\w*", r"factuur\w*", r"iemand",
    r"informatie", r"hulp",
    r"wissen", r"zuruck\w*", r"erstatt\w*", r"reklam\w*", r"stornier\w*", r"rechnung\w*", r"jemand\w*",
    r"hilfe",
    r"informationen",
)  # fmt: skip
# What something is for, or of; phrases may begin inside one another.
USES = re.compile(
    r"(?<!\w)(?:for(?: use)?(?: in| on| at)?|in|inside|on|at|(?:geschikt )?voor(?: in| op| bij| aan)?|op|"
    r"fur|im|am|auf|aus|van|of)\s+(?=((?:[^\W\d_]+[ '-]?){1,4}))"
)
_AMOUNT = r"(?:[€$£]|eur|euro|usd|gbp|chf)?\s?(\d+(?:[.,]\d+)*)"
# A number with another unit behind it ("within 30 days") is no price.
_MONEY = (
    r"(?:,-|\s?(?:[€$£]|euros?|eur|dollars?|usd|pounds?|gbp|chf|francs?|bucks))?"
    r"(?=\W*$|[.,;:!?)]|\s+(?:please|or|and|but|for|in|total|a piece|each|if|would|is|"
    r"graag|of|en|maar|voor|per stuk|alsjeblieft|aub|oder|und|aber|fur|bitte|pro stuck|ausgeben|"
    r"kosten)(?!\w))"
)
_LEAD = r"\s+(?:about |around |the |de |het |den |die |das |zu )?"
AT_MOST = re.compile(
    r"(?<!\w)(?:under|below|less than|cheaper than|at most|max(?:imum|imaal|imal)?\.?(?: of)?|no more than|"
    r"not more than|up to|within|(?:my )?budget(?: is| of|:)?|onder|minder dan|goedkoper dan|hoogstens|tot|"
    r"niet meer dan|budget(?: is| van|:)?|unter|weniger als|gunstiger als|billiger als|hochstens|bis(?: zu)?|"
    r"nicht mehr als|budget(?: ist| liegt bei| von|:)?)" + _LEAD + _AMOUNT + _MONEY
)
AT_LEAST = re.compile(
    r"(?<!\w)(?:over|above|more than|at least|starting at|boven|meer dan|minstens|minimaal|vanaf|uber|"
    r"mehr als|mindestens|ab)" + _LEAD + _AMOUNT + _MONEY
)
RANGE = re.compile(
    r"(?<!\w)(?:between|from|tussen|van|zwischen|von)" + _LEAD + _AMOUNT
    + r"(?:\s?(?:€|euros?|eur))?\s+(?:and|to|en|tot|und|bis)\s+" + _AMOUNT + _MONEY
)  # fmt: skip
_CHEAPER = (
    r"cheaper|less expensive|less costly|goedkopers?|goedkopere|voordeliger|gunstiger\w*|billiger\w*|"
    r"preiswerter\w*"
)
_DEARER = r"more expensive|pricier|dearer|more luxurious|duurders?|duurdere|luxer|teurer\w*|hochwertiger\w*"
_CHEAPEST = r"cheapest|least expensive|goedkoopste|voordeligste|gunstigsten?\w*|billigsten?\w*"
_DEAREST = r"most expensive|dearest|priciest|duurste|teuersten?\w*"
DIRECTIONS: tuple[tuple[re.Pattern[str], Literal["cheaper", "dearer"], bool], ...] = (
    (_any(_CHEAPEST), "cheaper", True),
    (_any(_DEAREST), "dearer", True),
    (_any(_CHEAPER), "cheaper", False),
    (_any(_DEARER), "dearer", False),
)
COMPARED = _any(_CHEAPER, _DEARER, _CHEAPEST, _DEAREST)
# Words for one use; a table that knows none of them by the customer's word may know another.
SAME_USE = tuple(
    frozenset(group.split())
    for group in (
        "outside outdoor outdoors garden patio terrace balcony buiten buitenshuis tuin terras balkon "
        "draussen aussen aussenbereich garten terrasse",
        "inside indoor indoors binnen binnenshuis drinnen innen innenbereich",
        "kids children child kinderen kind kinder",
        "kitchen keuken kuche",
        "bathroom badkamer badezimmer bad",
        "bedroom slaapkamer schlafzimmer",
        "office kantoor buro",
    )
)
# What begins a message that leaves a need as it was but for one thing.
LEANING = re.compile(
    r"(?:and|or|but|what about|how about|en|of|maar|und|oder|aber|for|voor|fur|something|iets|etwas)(?!\w)"
)
WHOLE_QUESTION = re.compile(
    r"(?<!\w)(?:when|where|why|how (?:long|do)|wanneer|waar|waarom|hoe|wann|wo|warum|wie)(?!\w)"
)
# Of the words that mean little in a question to a table, "table" may be what is looked for.
SAYS_NOTHING = (STOP - {"table"}) | frozenset(
    """
    something anything item items product products thing things kind sort one ones option options
    alternative instead
    else need looking look search searching want like please budget price cost costs euro euros eur pay spend
    would could might may can suitable fits good nice new best great hello thanks thank you your our mine
    cheap expensive maximum minimum most least anyone any some buy purchase order available furnishing
    iets artikel artikelen producten ding dingen soort andere anders zoek zoeken nodig graag wil willen
    budget prijs
    kost kosten euro betalen geschikt goede mooi mooie nieuwe beste hallo dank bedankt kopen bestellen
    goedkoop duur mag
    liever toch hebben heeft heb jullie
    etwas produkt produkte ding dinge art anderes andere suche suchen brauche brauchen mochte gern
    gerne budget preis
    kostet kosten euro zahlen ausgeben geeignet gute guten schon neue hallo danke kaufen bestellen
    gunstig teuer lieber
    haben habt sie ihr darf
    """.split()  # noqa: SIM905 - a table to be read by people
)
