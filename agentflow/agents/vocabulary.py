"""Words the citation check knows: months, weekdays, units, number words and negations, nl/en/de/es/fr.

Data only. Words are folded (see `fold`): lower case and without accents, so one spelling serves.
"""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Lower case, without accents, one kind of apostrophe; the length may change."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'").replace("ß", "ss")).casefold()
    return "".join(char for char in plain if not unicodedata.combining(char))


def words(text: str) -> frozenset[str]:
    """The words of a list written with spaces."""
    return frozenset(text.split())


def _table(rows: dict[object, str]) -> dict[str, str]:
    return {word: str(value) for value, words in rows.items() for word in words.split()}


MONTHS = {
    word: int(number)
    for word, number in _table(
        {
            1: "january jan januari januar janner enero janvier",
            2: "february feb febr februari februar febrero fevrier fevr",
            3: "march mar maart mrt marz marzo mars",
            4: "april apr abril avril",
            5: "may mei mai mayo",
            6: "june jun juni junio juin",
            7: "july jul juli julio juillet",
            8: "august aug augustus agosto aout",
            9: "september sep sept septiembre setiembre septembre",
            10: "october oct oktober okt octubre octobre",
            11: "november nov noviembre novembre",
            12: "december dec dezember dez diciembre dic decembre",
        }
    ).items()
}
# Also ordinary words: a month only when they carry a capital and stand beside a figure or a preposition.
DOUBTFUL_MONTHS = frozenset(
    {"may", "march", "mar", "mars", "jan", "jun", "dec", "dic", "sep", "mai", "august"}
)

WEEKDAYS = _table(
    {
        0: "monday mondays mon maandag maandags maandagen montag montags lunes lundi",
        1: "tuesday tuesdays tue tues dinsdag dinsdags dinsdagen dienstag dienstags martes mardi",
        2: "wednesday wednesdays wed woensdag woensdags woensdagen mittwoch mittwochs miercoles mercredi",
        3: "thursday thursdays thu thur thurs donderdag donderdags donderdagen "
        "donnerstag donnerstags jueves jeudi",
        4: "friday fridays fri vrijdag vrijdags vrijdagen freitag freitags viernes vendredi",
        5: "saturday saturdays sat zaterdag zaterdags zaterdagen samstag samstags sonnabend sabado samedi",
        6: "sunday sundays zondag zondags zondagen sonntag sonntags domingo dimanche",
    }
)
WORKING_WEEK = words("weekday weekdays werkdagen doordeweeks wochentags werktags werktagen")
WEEKEND = words("weekend weekends wochenende wochenenden")

NUMBER_WORDS = {
    word: int(number)
    for word, number in _table(
        {
            0: "zero nul null",
            2: "two twice twee tweemaal zwei zweimal",
            3: "three drie driemaal drei dreimal",
            4: "four vier viermal",
            5: "five vijf funf",
            6: "six zes sechs",
            7: "seven zeven sieben",
            8: "eight acht",
            9: "nine negen neun",
            10: "ten tien zehn",
            11: "eleven elf",
            12: "twelve twaalf zwolf dozen dozijn dutzend",
            13: "thirteen dertien dreizehn",
            14: "fourteen veertien vierzehn",
            15: "fifteen vijftien funfzehn",
            16: "sixteen zestien sechzehn",
            17: "seventeen zeventien siebzehn",
            18: "eighteen achttien achtzehn",
            19: "nineteen negentien neunzehn",
            20: "twenty twintig zwanzig",
            30: "thirty dertig dreissig",
            40: "forty veertig vierzig",
            50: "fifty vijftig funfzig",
            60: "sixty zestig sechzig",
            70: "seventy zeventig siebzig",
            80: "eighty tachtig achtzig",
            90: "ninety negentig neunzig",
            100: "hundred honderd hundert",
            1000: "thousand duizend tausend",
        }
    ).items()
}
ORDINALS = {
    word: int(number)
    for word, number in _table(
        {
            1: "first eerste erste ersten erster erstes",
            2: "second tweede zweite zweiten zweiter zweites",
            3: "third derde dritte dritten dritter drittes",
            4: "fourth vierde vierte vierten vierter viertes",
            5: "fifth vijfde funfte funften funfter funftes",
            6: "sixth zesde sechste sechsten sechster sechstes",
            7: "seventh zevende siebte siebten siebter siebtes",
            8: "eighth achtste achte achten achter achtes",
            9: "ninth negende neunte neunten neunter neuntes",
            10: "tenth tiende zehnte zehnten zehnter zehntes",
        }
    ).items()
}
# "the first", "de tweede", "im dritten": an ordinal counts as a figure only behind one of these.
ORDINAL_LEADS = words("the a an every each your our de het een elke iedere der die das den dem im am zum")
ONE_WORDS = words("one single een ein eine einen einem einer eines a an per each every once")
SCALES = {
    "thousand": 1_000, "duizend": 1_000, "tausend": 1_000, "million": 1_000_000, "millions": 1_000_000,
    "miljoen": 1_000_000, "millionen": 1_000_000, "mio": 1_000_000, "mln": 1_000_000,
    "billion": 1_000_000_000, "billions": 1_000_000_000, "miljard": 1_000_000_000,
    "milliarde": 1_000_000_000, "milliarden": 1_000_000_000, "mrd": 1_000_000_000,
}  # fmt: skip

CURRENCIES = _table(
    {
        "EUR": "€ eur euro euros",
        "USD": "$ usd dollar dollars us$",
        "GBP": "£ gbp pound pounds pond pfund",
        "CHF": "chf franken",
        "JPY": "¥ jpy yen",
        "CENT": "cent cents ct centen",
    }
)
UNITS = _table(
    {
        "percent": "% percent procent prozent pct",
        "second": "second seconds sec seconde seconden sekunde sekunden",
        "minute": "minute minutes min minuut minuten",
        "hour": "hour hours hr hrs uur uren stunde stunden",
        "day": "day days dag dagen tag tage tagen werkdag werkdagen werktag werktage werktagen "
        "arbeitstage arbeitstagen kalenderdagen kalendertage kalendertagen",
        "night": "night nights nacht nachten nachte nachten ubernachtung ubernachtungen",
        "week": "week weeks weken woche wochen",
        "month": "month months maand maanden monat monate monaten",
        "year": "year years jaar jaren jahr jahre jahren",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "cm": "cm centimeter centimeters centimetre centimetres zentimeter zentimetern",
        "metre": "m meter meters metre metres metern",
        "km": "km kilometer kilometers kilometre kilometres kilometern",
        "gram": "g gram grams gramm",
        "kg": "kg kilo kilos kilogram kilograms kilogramm",
        "ml": "ml milliliter millilitre millilitres",
        "litre": "l liter liters litre litres litern",
        "gb": "gb gigabyte gigabytes",
        "mb": "mb megabyte megabytes",
        "degree": "° °c degree degrees graden grad",
        "watt": "w watt watts",
        "volt": "v volt volts",
    }
)

NEGATIONS = words(
    # en
    "not no never none nobody nothing neither nor without cannot cant wont dont doesnt didnt isnt arent "
    "wasnt "
    "werent shouldnt mustnt hasnt havent hadnt couldnt wouldnt unless except "
    # nl
    "niet geen nooit niemand niets zonder noch nergens tenzij behalve evenmin nimmer "
    # de
    "nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder nirgends ausser "
    "keinerlei keinesfalls "
    # es, fr
    "nunca ningun ninguna ninguno nada sin tampoco salvo jamais aucun aucune rien sans sauf"
)
# Words that deny by themselves: "closed" = "not open". Each counts as one negation. `fold` has been applied.
NEGATIVE_POLES = words(
    # en
    "closed excluded forbidden prohibited banned disallowed impossible unavailable invalid refused "
    "rejected declined "
    "disabled unable excluding excludes exclude unsuitable ineligible unlimited unlocked nonrefundable "
    "non-refundable unsupported inaccessible unlike unnecessary incompatible unsafe lacks lack lacking "
    # nl
    "gesloten dicht uitgesloten verboden onmogelijk ongeldig geweigerd afgewezen uitgeschakeld exclusief "
    "onnodig "
    "ongeschikt onbeperkt onbeschikbaar onveilig "
    # de
    "geschlossen ausgeschlossen verboten untersagt unmoglich ungultig abgelehnt verweigert deaktiviert "
    "exklusive "
    "unnotig ungeeignet unbegrenzt unzulassig ausgenommen unsicher"
)
ONLY = words(
    "only solely exclusively alleen slechts uitsluitend enkel nur ausschliesslich lediglich solo seulement"
)
EXCEPTIONS = words("unless except tenzij behalve ausser ausgenommen salvo sauf")
CONDITIONS = words(
    "if when where while from over above under below provided until before after as with for in on at "
    "als wanneer mits vanaf boven onder tot voor na bij met in op wenn falls sofern ab uber unter bis "
    "vor nach "
    "bei mit im am"
)
# Fixed phrases that hold a negation and mean a bound or a plus; replaced before negations are counted.
PHRASES: tuple[tuple[str, str], ...] = (
    (r"\b(?:no|not) (?:more|later|longer|higher|older) than\b", "upperbound"),
    (r"\b(?:niet|geen) (?:meer|later|langer|hoger|ouder) dan\b", "upperbound"),
    (r"\b(?:nicht|keine?) (?:mehr|spater|langer|hoher|alter) als\b", "upperbound"),
    (r"\b(?:no|not) (?:less|fewer|earlier|younger) than\b", "lowerbound"),
    (r"\b(?:niet|geen) (?:minder|eerder|jonger) dan\b", "lowerbound"),
    (r"\b(?:nicht|keine?) (?:weniger|fruher|junger) als\b", "lowerbound"),
    (
        r"\bat (?:most|the latest)\b|\bup to\b|\bmaxim(?:um|al|aal)\w*|\bhoogstens\b|\bhochstens\b",
        "upperbound",
    ),
    (r"\bten hoogste\b|\bbis zu\b|\btot maximaal\b|\bspatestens\b|\buiterlijk\b|\bat max\b", "upperbound"),
    (
        r"\bat least\b|\bminim(?:um|al|aal)\w*|\bminstens\b|\bmindestens\b|\bten minste\b|"
        r"\bat the earliest\b",
        "lowerbound",
    ),
    (
        r"\b(?:more|older|longer|higher) than\b|\bmeer dan\b|\bmehr als\b|\blanger dan\b|\blanger als\b",
        "lowerbound",
    ),
    (r"\b(?:less|fewer|younger|shorter) than\b|\bminder dan\b|\bweniger als\b|\bkorter dan\b", "upperbound"),
    (r"\bnot only\b(?=.*\bbut\b)|\bniet alleen\b(?=.*\bmaar\b)|\bnicht nur\b(?=.*\bsondern\b)", "also"),
    (r"\bno problem\b|\bgeen probleem\b|\bkein problem\b", "possible"),
    (r"\bno matter\b|\bongeacht\b|\bunabhangig davon\b", "whatever"),
    (
        r"\b(?:no|without|not any|geen|zonder|kein\w*|ohne)"
        r"(?: (?:a|any|extra|additional|een|ein\w*|zusatzliche\w*))?"
        r" (?:fees?|charges?|costs?|kosten|gebuhr\w*|eintritt\w*|aufpreis|toeslag|toegang)\b"
        r"(?: zu (?:be)?zahlen)?",
        "free",
    ),
    (
        r"\b(?:pay|costs?|zahl\w*|bezahl\w*|betaal\w*|betalen|kost\w*)\b(?:\s\w+){0,6}? "
        r"(?:nothing|niets|nichts)\b",
        "free",
    ),
    (
        r"\b(?:nothing to pay|niets te betalen|nichts zu (?:be)?zahlen|free of charge|kosteloos|"
        r"kostenfrei)\b",
        "free",
    ),
    (r"\b(?:is|are) no longer\b", "is not"),
)
# Words whose swap turns a sentence round, neither of which is a negation.
OPPOSITES: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(left.split()), frozenset(right.split()))
    for left, right in (
        ("upperbound", "lowerbound"),
        ("before voordat bevor", "after nadat nachdem"),
        ("always altijd immer", "sometimes soms manchmal"),
        (
            "increase increased increases rise rises rose verhoogd erhoht",
            "decrease decreased falls fell verlaagd gesenkt",
        ),
        ("earliest vroegst fruheste", "latest uiterst spateste"),
        (
            "mandatory required obligatory verplicht pflicht erforderlich",
            "optional voluntary vrijwillig freiwillig",
        ),
        ("above boven oberhalb", "below beneden unterhalb"),
        ("inside binnen drinnen", "outside buiten draussen"),
        ("morning ochtend morgens vormittag", "evening avond abends abend"),
        (
            "free gratis kostenlos frei",
            "paid pay fee fees charge charged surcharge betaald betaal betaalt toeslag kostenpflichtig "
            "gebuhr gebuhren zahlen bezahlen",
        ),
        ("summer zomer sommer", "winter"),
        ("hot warm heet heiss", "cold koud kalt"),
        ("left links", "right rechts"),
        ("buyer koper kaufer", "seller verkoper verkaufer"),
        ("sender afzender absender", "recipient ontvanger empfanger"),
        ("oldest oudste alteste", "youngest jongste jungste"),
        ("largest biggest grootste grosste", "smallest kleinste"),
        ("cheapest goedkoopste gunstigste", "dearest duurste teuerste"),
        ("indoor indoors", "outdoor outdoors"),
        ("adults adult volwassenen erwachsene", "children child kinderen kinder"),
    )
)

FUNCTION_WORDS = words(
    # en
    "a an the this that these those it its he she they we you your our my i his her their there here and "
    "or but "
    "so if when while where what which who how why as at by for from in into of on onto over to up with "
    "within "
    "without not no yes is are was were be been being am do does did has have had can could may might "
    "must shall "
    "should will would all any each every some most many much more less few both either neither other "
    "another "
    "such than then too very also just only after before during until since because about between "
    "through under "
    "please however therefore instead once unless except per via "
    # nl
    "de het een dit dat deze die er hier daar wij we u uw je jij jouw jullie ons onze ik hij zij ze hun "
    "mijn zijn "
    "haar en of maar dus als wanneer terwijl waar wat welke wie hoe waarom aan bij door voor van in op "
    "over naar "
    "met zonder niet geen ja nee is was waren ben bent wordt worden werd doet doen heeft hebben had kan "
    "kunt kunnen "
    "mag mogen moet moeten zal zult zullen wil alle elk elke ieder iedere enkele sommige meeste veel "
    "meer minder "
    "beide ander andere dan te ook alleen na tijdens tot sinds omdat tussen via per om uit toe al nog zo "
    # de
    "der die das den dem des ein eine einen einem einer eines dieser diese dieses es er sie wir ihr ihre "
    "ihren "
    "ihrem ihrer ihnen unser unsere unseren unserem ich du dein deine man und oder aber also wenn falls "
    "wahrend wo "
    "was welche welcher wer wie warum als an am auf aus bei beim bis durch fur gegen im ins mit nach "
    "ohne seit uber "
    "um unter von vom vor zu zum zur zwischen nicht kein keine ja nein ist sind war waren sein wird "
    "werden wurde "
    "wurden hat haben hatte kann konnen darf durfen muss mussen soll sollen will alle allen jede jeder "
    "jedes einige "
    "viele mehr weniger beide andere sehr auch nur noch schon sobald bitte dann da dort hier "
    # es, fr
    "el la los las un una unos unas y o pero si cuando donde que como por para con sin en del al su sus "
    "es son "
    "le les une des du et ou mais quand comme pour par avec sans dans sur au aux ce cette ces son sa ses "
    "est sont "
    "il elle nous vous"
)
