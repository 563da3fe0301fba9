"""Greetings and questions to the customer: the only free text that may stand without a citation.

Closed on purpose. A greeting is made of greeting words only; a question must open like one, speak to the
customer, and give no reason and no news.
"""

from __future__ import annotations

import re

from agentflow.agents.vocabulary import fold, words

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_GREETING_WORDS = words(
    # en
    "hi hello hey dear good morning afternoon evening day welcome thanks thank you very much many so for "
    "your "
    "question message you're are most glad happy to help here i'm i am sorry hear that pleasure my bye "
    "goodbye see "
    "soon have a nice great lovely weekend take care of please let me know if there is "
    "anything else can do the pleased with it understand how may "
    # nl
    "hallo hoi goedemorgen goedemiddag goedenavond goedendag dag beste bedankt dank je u wel voor uw "
    "jouw vraag "
    "bericht graag gedaan ik help je graag natuurlijk zeker tot ziens fijne prettige nog vervelend om te "
    "horen geen "
    "dank jullie welkom bij veel plezier laat het me gerust weten als er iets is begrijp help hartelijk "
    # de
    "guten morgen tag abend hallo liebe lieber willkommen danke vielen herzlichen dank fur ihre deine frage "
    "nachricht gern gerne geschehen ich helfe ihnen dir naturlich sicher auf wiedersehen tschuss schonen "
    "einen noch "
    "tut mir leid das zu horen bitte sehr freut mich grusse "
    # es, fr
    "hola buenos dias buenas tardes noches gracias muchas por su tu pregunta mensaje de nada con mucho "
    "gusto encantado "
    "adios hasta luego pronto claro lo siento bienvenido "
    "bonjour bonsoir salut merci beaucoup pour votre question message je vous en prie avec plaisir bien "
    "sur au revoir "
    "bonne journee soiree bienvenue desole volontiers"
)
_GREETING_CORE = words(
    "hi hello hey welcome thanks thank glad happy sorry bye goodbye pleasure "
    "hallo hoi goedemorgen goedemiddag goedenavond goedendag bedankt dank graag ziens vervelend welkom "
    "guten willkommen danke gern gerne wiedersehen tschuss leid freut "
    "hola buenos buenas gracias nada gusto adios siento bienvenido "
    "bonjour bonsoir salut merci prie plaisir revoir bonne bienvenue desole volontiers morning dag"
)
_NAME_LEADS = words(
    "hi hello hey dear hallo hoi beste dag liebe lieber hola bonjour salut thanks bedankt danke"
)
_GREETING_MAX, _QUESTION_MAX = 14, 22  # words
_OPENERS = words(
    "can could would do does did is are was were have has may shall should what which who whom whose "
    "when where why how "
    "anything any need want shall and or so "
    "kan kunt kun zou wil wilt heb heeft hebt is zijn ben bent was wat welke welk wie wanneer waar "
    "waarom hoe mag "
    "moet gaat en of dus nog "
    "kann kannst konnen konnten mochten mochtest wollen willst haben hast hat ist sind bist was welche "
    "welcher "
    "welches wer wann wo warum wie darf soll geht und oder "
    "puede podria quiere desea tiene es son esta que cual cuales quien cuando donde por como en hay "
    "pouvez pourriez voulez souhaitez avez est que quel quelle quels quelles qui quand ou pourquoi "
    "comment puis y "
    "qu'est dans"
)
_ADDRESS = words(
    "you your yours i me my we us our u uw je jij jou jouw jullie ik mij we ons onze "
    "sie ihnen ihr ihre ihren ihrem ihrer du dir dich dein deine deinen ich mir mich wir uns unser "
    "usted indicarme decirme su sus tu tus te le puedo podemos vous votre vos toi ton ta tes je nous notre"
)
# A second sentence, or more behind a colon than the name of what is asked for.
_SECOND_PART = re.compile(r"[.!。！;]\s?\S|:\s?(?:\S+\s+){4,}\S")
_REASONS = words(
    "because since therefore although despite due though whereas omdat want doordat hoewel daarom "
    "aangezien weil denn obwohl deshalb daher trotz porque pues aunque parce car puisque"
)
_NEWS = re.compile(
    r"\b(?:did you (?:know|hear)|are you aware|you know that|do you reali[sz]e|wist je|wist u|weet u dat|"
    r"weet je dat|wussten sie|wusstest du|wissen sie, dass|sabia|sabias|saviez|savez-vous que)\b|"
    r",\s*(?:right|correct|isn't it|aren't they|don't they|doesn't it|toch|nietwaar|oder|nicht wahr|verdad|"
    r"n'est-ce pas)\s*\W*$|"
    r"\b(?:that|dat|dass) (?:the|our|we|it|all|de|het|wij|onze|alle|der|die|das|wir|unsere?)\b"
)


def is_greeting(text: str) -> bool:
    """Made of greeting words, and perhaps one name behind the first of them."""
    words = [fold(word) for word in _WORD.findall(text)]
    if not words or len(words) > _GREETING_MAX or text.rstrip().endswith(("?", "？", "؟")):
        return False
    unknown = [index for index, word in enumerate(words) if word not in _GREETING_WORDS]
    named = unknown and unknown[0] >= 1 and words[unknown[0] - 1] in _NAME_LEADS
    allowed = 1 if named and _WORD.findall(text)[unknown[0]][0].isupper() else 0
    return len(unknown) <= allowed and bool(_GREETING_CORE & set(words))


def is_open_question(text: str) -> bool:
    """Asks the customer something and tells nothing."""
    if not text.rstrip("\"'”») ").endswith(("?", "？", "؟")) or _SECOND_PART.search(text):
        return False
    folded = fold(text)
    words = _WORD.findall(folded)
    if not words or len(words) > _QUESTION_MAX or _NEWS.search(folded) or _REASONS & set(words):
        return False
    if any(ord(char) > 0x36F for char in folded if char.isalpha()):
        return len(text) <= 60  # other scripts: short, and without figures (the caller has looked)
    if any(word[0].isupper() for word in _WORD.findall(text)[1:] if fold(word) not in _ADDRESS | {"faq"}):
        return _names_in_question(text)
    return words[0] in _OPENERS and bool(_ADDRESS & set(words))


def _names_in_question(text: str) -> bool:
    """German nouns carry capitals too; elsewhere a capital inside is a name, which may smuggle news."""
    words = [fold(word) for word in _WORD.findall(text)]
    german = {"sie", "ihnen", "ihr", "ihre", "ihren", "ihrem", "ihrer", "du", "dir", "dein", "deine", "ich"}
    return words[0] in _OPENERS and bool(german & set(words)) and len(words) <= 12
