"""The small words by which a question asks a table for something, in en, nl and de; accents are
folded."""

from __future__ import annotations

import re
from typing import Literal

Role = Literal["person", "place", "date", "price", "stock", "length"]


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(phrases) + r")(?!\w)")


COUNT = _any(
    r"how many", r"(?:the )?(?:total )?(?:number|amount) of", r"count of", r"how often",
    r"hoeveel", r"(?:het )?(?:totaal )?aantal", r"hoe vaak",
    r"wie ?viele?", r"(?:die )?(?:gesamte )?(?:anzahl|zahl) (?:der|von|an)?", r"wie oft",
)  # fmt: skip
SUM = _any(
    r"in total", r"total", r"combined", r"altogether", r"in all", r"overall", r"sum", r"all together",
    r"totaal", r"in totaal", r"totale", r"samen", r"som", r"opgeteld",
    r"insgesamt", r"gesamt\w*", r"summe", r"zusammen",
)  # fmt: skip
AVERAGE = _any(r"average", r"mean", r"avg", r"gemiddelde?", r"durchschnitt\w*", r"im schnitt")
RANGE = _any(
    r"difference between (?:the |his |her |its |their )?(?:highest|greatest|largest|most|biggest|longest)"
    r".*(?:lowest|least|smallest|fewest|minimum|shortest)",
    r"verschil tussen (?:de |het )?(?:hoogste|grootste|meeste).*(?:laagste|kleinste|minste)",
    r"unterschied zwischen (?:dem |der )?(?:hochsten|grossten).*(?:niedrigsten|kleinsten)",
)  # fmt: skip
DIFFERENCE = _any(
    r"difference", r"differences", r"how (?:much|many) (?:more|less|fewer|longer|taller|older|higher)",
    r"change", r"increase", r"decrease", r"separates?",
    r"verschil", r"hoeveel (?:meer|minder|langer|duurder|goedkoper)", r"verandering", r"toename",
    r"afname",
    r"unterschied", r"differenz", r"wie ?viel (?:mehr|weniger|teurer|langer)", r"veranderung",
)  # fmt: skip
SHARE = _any(
    r"percentage (?:change|increase|decrease|difference)", r"percent change", r"ratio", r"proportion",
    r"procentuele?", r"verhouding", r"prozentuale?\w*", r"verhaltnis",
)  # fmt: skip
WHICH = re.compile(r"(?:which|who|whose|welke?|wie|welche[rsnm]?|wer|wessen)(?! ?viele?)(?!\w)")
MOST_OF = _any(
    r"(?:most|highest|largest|greatest|least|lowest|smallest|fewest) (?:number|amount|count) of",
    r"(?:meeste|hoogste|grootste|minste|laagste|kleinste) aantal",
    r"(?:meisten|hochsten?|grossten?|wenigsten|niedrigsten?|kleinsten?) (?:anzahl|zahl)",
)  # fmt: skip
LISTED = _any(r"listed", r"list", r"chart", r"table", r"lijst", r"tabel", r"liste", r"tabelle", r"aufgefuhrt")
HOW_LONG = _any(r"how long", r"hoe lang", r"wie lange?")
MONEY = frozenset({"euro", "euros", "dollar", "dollars", "pound", "pounds", "money", "geld", "pfund"})
HOW_MANY = _any(r"how many", r"hoeveel", r"wie ?viele?")
NEXT = _any(
    r"(?:right|directly|immediately|just )?\s?after", r"next", r"following", r"follows",
    r"followed", r"below",
    r"na", r"volgende", r"volgt op", r"onder", r"nach", r"nachste\w*", r"folgende?", r"folgt", r"unter",
)  # fmt: skip
PREVIOUS = _any(
    r"(?:right|directly|immediately|just )?\s?before", r"previous", r"preceding", r"prior to",
    r"precedes",
    r"preceded", r"above", r"ahead of", r"voor", r"vorige", r"voorafgaand\w*", r"boven",
    r"vor", r"vorherige\w*", r"vorangehende\w*", r"uber",
)  # fmt: skip
MORE_THAN = _any(
    r"more than", r"over", r"above", r"greater than", r"higher than", r"exceed\w*", r"larger than",
    r"longer than", r"taller than", r"older than", r"better than", r"after", r"since",
    r"meer dan", r"hoger dan", r"groter dan", r"langer dan", r"duurder dan", r"boven", r"na", r"sinds",
    r"mehr als", r"hoher als", r"grosser als", r"langer als", r"teurer als", r"uber", r"nach", r"seit",
)  # fmt: skip
LESS_THAN = _any(
    r"less than", r"fewer than", r"under", r"below", r"lower than", r"smaller than", r"shorter than",
    r"younger than", r"before", r"prior to", r"cheaper than", r"up until",
    r"minder dan", r"lager dan", r"kleiner dan", r"korter dan", r"goedkoper dan", r"onder", r"voor",
    r"weniger als", r"niedriger als", r"kleiner als", r"kurzer als", r"billiger als", r"unter", r"vor",
)  # fmt: skip
AT_LEAST = _any(
    r"at least", r"no less than", r"or more", r"from", r"minstens", r"ten minste", r"minimaal",
    r"of meer",
    r"vanaf", r"mindestens", r"oder mehr", r"ab",
)  # fmt: skip
AT_MOST = _any(
    r"at most", r"no more than", r"or less", r"or fewer", r"up to", r"hoogstens", r"maximaal",
    r"of minder",
    r"tot", r"hochstens", r"oder weniger", r"bis",
)  # fmt: skip
DISTINCT = _any(r"different", r"distinct", r"unique", r"verschillende?", r"unieke?", r"verschiedenen?")
MOST_OFTEN = _any(
    r"most often", r"most frequent\w*", r"most common", r"the most (?:times|often)",
    r"most number of times",
    r"vaakst\w*", r"meest voorkomende?", r"haufigsten?", r"am haufigsten",
)  # fmt: skip
OR = _any(r"or", r"of", r"oder")
EXCEPT = _any(
    r"other than", r"besides", r"except(?: for)?", r"excluding", r"not counting", r"but not",
    r"is not", r"are not",
    r"behalve", r"uitgezonderd", r"anders dan", r"is geen", r"ausser", r"ausgenommen", r"ist nicht",
)  # fmt: skip
SAME = _any(
    r"same", r"dezelfde", r"hetzelfde", r"gleiche[nrs]?", r"selbe[nrs]?", r"derselben?", r"dieselben?"
)
THAN = _any(r"than", r"dan", r"als")
BETWEEN = _any(r"between", r"from", r"tussen", r"van", r"zwischen", r"von")
YES_NO = re.compile(
    r"^(?!was (?:kost\w*|ist|sind|fur|wird|hat|kann|macht)(?!\w))"
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|heeft|hebben|zijn|kan|kunnen|doet|"
    r"ist|sind|war|waren|hat|haben|kann|konnen|gibt)(?!\w)"
)
TIMES = _any(r"how often", r"how many times", r"number of times", r"hoe vaak", r"hoeveel keer", r"wie oft")
OUT_OF_STOCK = _any(
    r"out of stock", r"sold out", r"not in stock", r"niet op voorraad", r"uitverkocht",
    r"nicht auf lager",
    r"ausverkauft", r"nicht vorratig",
)  # fmt: skip
HIGH = _any(
    r"most", r"highest", r"largest", r"biggest", r"greatest", r"longest", r"tallest", r"heaviest",
    r"maximum",
    r"max", r"best", r"fastest", r"farthest", r"widest", r"deepest", r"strongest", r"widest",
    r"more", r"higher",
    r"longer", r"larger", r"bigger", r"greater", r"taller", r"heavier",
    r"meeste?", r"hoogste?", r"grootste?", r"langste?", r"zwaarste?", r"beste", r"verste?",
    r"breedste?", r"diepste?",
    r"meisten?", r"hochsten?r?", r"grossten?r?", r"langsten?r?", r"schwersten?r?", r"besten?r?",
    r"meiste[nr]?",
)  # fmt: skip
LONG = _any(r"longest", r"shortest", r"langste?", r"kortste?", r"langsten?r?", r"kurzesten?r?")
MANY = _any(r"most", r"fewest", r"least", r"meeste?", r"minste?", r"meisten?", r"wenigsten?")
LOW = _any(
    r"least", r"lowest", r"fewest", r"smallest", r"shortest", r"lightest", r"minimum", r"min", r"worst",
    r"slowest", r"narrowest", r"less", r"fewer", r"lower", r"smaller", r"shorter",
    r"minste?", r"laagste?", r"kleinste?", r"kortste?", r"lichtste?", r"slechtste?", r"smalste?",
    r"wenigsten?", r"niedrigsten?r?", r"kleinsten?r?", r"kurzesten?r?", r"leichtesten?r?",
    r"geringsten?r?",
)  # fmt: skip
DEAR = _any(r"most expensive", r"dearest", r"priciest", r"costliest", r"duurste?", r"teuersten?r?")
CHEAP = _any(
    r"cheapest", r"least expensive", r"goedkoopste?", r"voordeligste?", r"gunstigsten?r?", r"billigsten?r?"
)
LAST = _any(
    r"last", r"latest", r"newest", r"most recent\w*", r"final", r"youngest", r"laatste",
    r"nieuwste?", r"jongste?",
    r"meest recente", r"letzten?r?s?", r"neuesten?r?s?", r"jungsten?r?s?", r"spatesten?r?",
)  # fmt: skip
FIRST = _any(
    r"first", r"earliest", r"oldest", r"eerste", r"vroegste?", r"oudste?", r"ersten?r?s?",
    r"fruhesten?r?s?",
    r"altesten?r?s?",
)  # fmt: skip
RANKED = _any(
    r"rank(?:ing)?", r"place", r"pos", r"position", r"finish", r"plaats", r"positie", r"rang",
    r"platz", r"no", r"number",
)  # fmt: skip
NUMBER_WORDS = {
    word: str(number)
    for number, names in enumerate(
        (
            "zero nul null", "one", "two twee zwei", "three drie drei", "four vier", "five vijf funf",
            "six zes sechs", "seven zeven sieben", "eight acht", "nine negen neun", "ten tien zehn",
            "eleven elf", "twelve twaalf zwolf",
        )
    )
    for word in names.split()
}  # fmt: skip
ORDINALS = {
    word: str(number)
    for number, names in enumerate(
        (
            "second tweede zweite zweiten", "third derde dritte dritten", "fourth vierde vierte vierten",
            "fifth vijfde funfte funften", "sixth zesde sechste", "seventh zevende siebte", 
            "eighth achtste achte",
            "ninth negende neunte", "tenth tiende zehnte",
        ),
        start=2,
    )
    for word in names.split()
}  # fmt: skip
BY_PLACE = _any(
    r"top", r"bottom", r"rank\w*", r"place\w*", r"position\w*", r"standing\w*", r"listed", r"list",
    r"chart",
    r"table", r"bovenaan", r"onderaan", r"lijst", r"rang\w*", r"platz\w*", r"liste",
)  # fmt: skip
TOP, BOTTOM = _any(r"top", r"bovenaan", r"oberste\w*"), _any(r"bottom", r"onderaan", r"unterste\w*")

ROLES: tuple[tuple[Role, re.Pattern[str], re.Pattern[str]], ...] = (
    # role, how a question asks for it, what such a column is called
    (
        "person",
        _any(r"who", r"whom", r"whose", r"wie", r"wer", r"wen", r"wem"),
        _any(
            r"names?", r"players?", r"artists?", r"actors?", r"drivers?", r"winners?", r"persons?",
            r"riders?",
            r"candidates?", r"authors?", r"directors?", r"laureates?", r"opponents?", r"jockey", r"coach",
            r"naam", r"speler", r"kunstenaar", r"schrijver", r"medewerker", r"spieler", r"kunstler",
            r"autor",
            r"mitarbeiter", r"swimmer", r"athlete", r"cyclist", r"team", r"contact", r"kontakt",
            r"managers?", r"owners?", r"employees?", r"teachers?", r"doctors?", r"eigenaar", r"beheerder",
            r"docent", r"arts", r"leiter(?:in)?", r"inhaber(?:in)?", r"lehrer(?:in)?", r"arzt",
        ),
    ),
    (
        "place",
        _any(r"where", r"waar", r"wo"),
        _any(
            r"places?", r"venues?", r"locations?", r"city", r"cities", r"stadium", r"town", r"country",
            r"plaats", r"locatie", r"stad", r"adres", r"ort", r"stadt", r"standort", r"adresse",
            r"address",
        ),
    ),
    (
        "date",
        _any(
            r"when", r"what (?:year|date|day|month)", r"which (?:year|date|day|month)", r"in what year",
            r"wanneer", r"welk jaar", r"welke (?:datum|dag|maand)", r"wann",
            r"welche[mns]? (?:jahr|datum|tag)",
        ),
        _any(
            r"years?", r"dates?", r"dated", r"season", r"day", r"released?", r"begin", r"opened",
            r"founded",
            r"jaar", r"datum", r"dag", r"seizoen", r"jahr", r"tag", r"saison",
            r"hours", r"openingstijden", r"offnungszeiten",
        ),
    ),
    (
        "price",
        _any(
            r"costs?", r"prices?", r"priced", r"how much", r"expensive", r"cheap\w*", r"dear\w*", r"pay",
            r"kost\w*", r"prij[sz]\w*", r"duur\w*", r"goedkoop\w*", r"betaal\w*",
            r"kosten", r"preise?", r"teuer\w*", r"gunstig\w*", r"billig\w*",
        ),
        _any(
            r"prices?", r"costs?", r"fee", r"rate", r"amount", r"prij[sz]\w*", r"kosten", r"tarief",
            r"bedrag",
            r"preise?", r"kosten", r"tarif", r"betrag", r"\w*preis", r"\w*prijs",
        ),
    ),
    (
        "length",
        _any(r"how long", r"hoe lang", r"wie lang(?:e)?"),
        _any(
            r"lengths?", r"duration", r"time", r"running time", r"duur", r"lengte", r"tijd",
            r"dauer", r"lange", r"zeit",
        ),
    ),
    (
        "stock",
        _any(
            r"in stock", r"stock", r"available", r"availability", r"left",
            r"op voorraad", r"voorraad", r"beschikbaar", r"leverbaar",
            r"auf lager", r"vorratig", r"lager", r"verfugbar", r"lieferbar",
        ),
        _any(r"(?:in )?stock", r"available", r"availability", r"quantity", r"voorraad", r"aantal",
        r"\w*bestand",
             r"lager\w*", r"verfugbar\w*", r"anzahl", r"menge"),
    ),
)  # fmt: skip

# Words that say nothing about which cells are meant.
STOP = frozenset(
    """
    a an the this that these those is are was were be been being am do does did done has have had having
    can could
    will would shall should may might must of in on at by for from to with without into onto over under
    up down out
    off as than then and or but not no nor so if when where while which what who whom whose how why many
    much more
    most less least few fewer any each every all both either neither other another same such only own
    there here it
    its he she they them his her their we you i me my your our s t list listed table chart name number
    amount total
    time times also ever according please tell me give show per between during among about after before
    since until
    one ones does get got many's each's made make
    de het een en of maar niet geen dit dat die deze is zijn was waren ben bent wordt worden werd heeft
    hebben had kan
    kunnen moet mag zal zou van in op aan bij voor door met zonder naar uit over onder tot te als dan
    wie wat waar
    wanneer welke welk hoe hoeveel waarom er hij zij ze het hun haar mijn jouw uw jullie ons onze ik je
    jij meer
    minder meest meeste minst minste elke elk alle ook nog al
    der die das den dem des ein eine einen einem einer und oder aber nicht kein keine ist sind war waren
    wird werden
    hat haben hatte kann konnen muss darf soll von in im an am auf aus bei beim bis durch fur mit nach
    ohne seit uber
    um unter vom vor zu zum zur zwischen als wie wer was wo wann welche welcher welches welchen welchem
    warum es er
    sie wir ihr ich man mehr weniger meisten jede jeder jedes alle auch noch gibt
    """.split()  # noqa: SIM905 - a table to be read by people
)
