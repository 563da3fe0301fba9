"""Words by which the offline model knows greetings, thanks, follow-ups and requests for a human.

nl, en, de, es and fr; data only. Everything is folded: lower case and without accents.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _any(alternatives: str) -> re.Pattern[str]:
    """A pattern that finds any of the alternatives (regular expressions, one or more a line, split by `
    `)."""
    parts = [part.strip() for part in re.split(r"\n| \| ", alternatives) if part.strip()]
    return re.compile(rf"\b(?:{'|'.join(parts)})\b")


# What customers ordinarily ask: a tool has to be nearer than the nearest of these.
ORDINARY = tuple(
    line.strip()
    for line in """
    What does it cost?
    When are you open?
    How long do I have to return something?
    Where is my order?
    Do you deliver to other countries?
    How do I change my address?
    Who is the director?
    Which employee do I have to call for repairs?
    How many people work there?
    Can I bring another person?
    Do I need to talk to an employee to return an item?
    Is there a human rights policy?
    How much does a personal trainer cost?
    What languages does the staff speak?
    Who can I write to?
    What does an agent do?
    I want to order a product
    I want to cancel my order
    Can I pay by card?
    Wat kost het?
    Wanneer zijn jullie open?
    Hoe lang duurt de levering?
    Hoeveel medewerkers zijn er?
    Kan ik met iemand anders mijn abonnement delen?
    Welke talen spreken de medewerkers?
    Ik wil iets bestellen
    Mag ik een persoon meenemen?
    Kan ik met pin betalen?
    Wie is de directeur?
    Was kostet das?
    Wann haben Sie geöffnet?
    Wie lange dauert die Lieferung?
    Ich möchte etwas bestellen
    Wie viele Mitarbeiter gibt es?
    Darf ich eine Person mitbringen?
    Kann ich mit Karte bezahlen?
    Wer ist der Direktor?
    Welche Sprachen sprechen die Mitarbeiter?
    ¿Cuánto cuesta?
    ¿Cuándo abren?
    ¿Puedo pagar con tarjeta?
    Quiero hacer un pedido
    ¿Cuántas personas trabajan allí?
    ¿Puedo llevar a otra persona?
    ¿Quién es el director?
    Combien ça coûte ?
    Quand êtes-vous ouverts ?
    Puis-je payer par carte ?
    Je veux commander un produit
    Combien de personnes y travaillent ?
    Puis-je venir avec une autre personne ?
    Qui est le directeur ?
    """.splitlines()
    if line.strip()
)

HELLO = _words(
    """hi hello hey hiya howdy morning afternoon evening greetings
    hallo hoi hai goedemorgen goedemiddag goedenavond goedendag dag moin servus gruss gott tag guten
    hola buenos buenas bonjour bonsoir salut coucou"""
)
THANKS = _words(
    """thanks thank thx ty cheers perfect great super prima top
    bedankt dank dankje dankjewel dankuwel danke vielen dankeschon gracias merci"""
)
GOODBYES = _words("bye goodbye ciao doei ziens tschuss wiedersehen adios luego revoir")
OKAYS = _words(
    "ok okay oke alright fine understood clear duidelijk begrepen klar verstanden vale entendido compris"
)
# Asked about the assistant itself: what it is, what it can do.
ABOUT_ME = re.compile(
    r"(?:(?:hi|hello|hey|hallo|hola|bonjour),? )?(?:"
    r"(?:are|r) (?:you|u) (?:a |an )?(?:real )?(?:robot|bot|chatbot|human|person|machine|computer|ai|real)"
    r"|am i (?:talking|speaking|chatting) (?:to|with) (?:a |an )?(?:real )?(?:robot|bot|human|person|ai)"
    r"|(?:who|what) are you|what can you do(?: for me)?|(?:what|how) can you help(?: me)?(?: with)?"
    r"|ben (?:je|jij|u) (?:een )?(?:echte? )?(?:robot|bot|chatbot|mens|persoon|ai)"
    r"|(?:wie|wat) ben (?:je|jij)|(?:wie|wat) bent u|wat kun? (?:je|jij|u)(?: voor mij doen)?"
    r"|waar kun? je mee helpen"
    r"|(?:bist du|sind sie) (?:ein |eine )?(?:echter? )?(?:roboter|bot|chatbot|mensch|person|ki)"
    r"|(?:wer|was) (?:bist du|sind sie)|was (?:kannst du|konnen sie)(?: tun| fur mich tun)?"
    r"|(?:eres|es usted) (?:un |una )?(?:robot|bot|humano|persona|ia)"
    r"|(?:quien|que) (?:eres|es usted)|que puedes hacer"
    r"|(?:es-tu|etes-vous|tu es|vous etes) (?:un |une )?(?:robot|bot|humain|personne|ia)"
    r"|qui (?:es-tu|etes-vous)|que (?:peux-tu|pouvez-vous) faire"
    r")\W*"
)
FILLER = _words(
    """there you so a lot for your help helps helped me good nice day have very much all everybody team bot ok
    okay later dat helpt hilft mir
    see soon
    and everything it that is was u je jij jullie wel veel heel goede een fijne de tot voor hulp sehr schonen
    noch einen fur ihre hilfe deine morgen abend alles das war hat schon dias tardes noches muchas mil por
    la su
    ayuda y beaucoup pour votre aide bien au et en ik und met mit"""
)

FOLLOW_UP = re.compile(
    r"^(?:and|or|but|what about|how about|en|of|maar|hoe zit het met|und|oder|aber|wie sieht es mit|"
    r"wie ist es mit|y|o|pero|que tal|et|ou|mais|qu'en est-il)\b"
)
POINTERS = _words(
    """it its those these them they he she him her ze hij hem daarvan ervan ihn ihm davon dafur
    eso esto ella ello cela ca celui celle"""
)
# Also articles and the like: they point back only as the last word ("Was kostet das?").
LAST_POINTERS = _words(
    """this that then there one dat dit die daar dan het das es dies dort dann er lo la y en elle il"""
)
# "It" that stands for nothing.
EMPTY_IT = _any(
    """is it (?:possible|allowed|ok|okay|true|necessary|permitted|required|safe)
    gibt es | ist es (?:moglich|erlaubt|notig|wahr) | is het (?:mogelijk|waar|toegestaan|nodig)
    il y a | est-il | es posible"""
)
# A sentence that begins like this says something of what the one before it names ("It is closed on Sunday.").
LEANS = re.compile(
    r"\W*(?:it|its|they|their|he|his|she|her|this|these|that|those|such|both"
    r"|hij|zij|ze|zijn|haar|hun|dit|dat|deze|die|dergelijke|beide"
    r"|het (?:is|was|kan|kost|duurt|wordt|werd|moet|mag|heeft|had|gaat|geldt)"
    r"|er|es|dies\w*|jene\w*|solche\w*|das (?:ist|war|kann|kostet|dauert|wird|muss|darf|hat|geht|gilt)"
    r"|este|esta|esto|estos|estas|ese|esa|eso|esos|esas|ellos|ellas|ambos|ambas"
    r"|il|ils|elle|elles|cela|ceci|celui|celle|ceux|ces)\b",
    re.IGNORECASE,
)
# First words of a question that leans on the one before: "for children?", "how long?"
OPENINGS = _words(
    """for on in at with without to from during after before why how where when who which what long much
    many far
    old voor op bij met zonder naar van tijdens na waarom hoe waar wanneer wie welke wat lang veel ver duur
    fur am an im bei mit ohne nach von wahrend warum wo wann wer welche was lange viel weit alt teuer
    para en con sin a por durante que como donde cuando quien cuanto cuantos
    pour sur dans avec sans pendant pourquoi comment ou quand qui combien quoi"""
)

# A request for a human: what to do, and with whom; both have to be in the message, in one language.
HUMAN = (
    (
        _any(
            """speak | talk | chat | connect | transfer | put | get | give | want | need | reach | contact
            bring | escalate | pass | hand | forward | redirect | is there | can"""
        ),
        _any(
            """(?:(?:a|an|another|your|some|any|the|real|actual|live) )+(?:human|person|people|agent)
            (?:(?:a|an|another|your|some|any|the|real|actual|live|one of your) )+(?:employee|rep|operator)
            (?:(?:a|an|another|your|some|any|the|one of your) )+(?:colleagues?|advis[eo]r|representative)
            (?:(?:a|an|another|your|some|any|the) )+(?:manager|supervisor|staff(?: member)?|team member)
            (?:speak|talk|chat|through) (?:to|with) (?:someone|somebody|people|support)
            (?:speak|talk|chat|through) (?:to|with) customer (?:service|care|support)
            human (?:being|help|support|assistance|contact) | a member of your (?:team|staff)
            (?:someone|somebody) (?:from|of|in) (?:your|the) (?:team|staff|company|support)"""
        ),
    ),
    (
        _any(
            """spreken | praten | verbind | verbinden | doorverbinden | doorverbonden | doorgeven
            krijgen | wil
            chatten | bellen met | helpen | contact | geef | stuur"""
        ),
        _any(
            """medewerker | mens | (?:echt|echte) persoon | een persoon | collega | klantenservice | manager
            leidinggevende | door met iemand | doorverbinden | met iemand (?:praten|spreken|chatten)
            iemand (?:aan de lijn|van jullie|van uw|van het team|van de klantenservice|spreken)
            iemand die ik kan spreken"""
        ),
    ),
    (
        _any(
            """sprechen | reden | verbinden | weiterleiten | leiten | chatten | brauche | will | mochte
            hatte gern
            durchstellen | stellen | geben | kann mir | bitte"""
        ),
        _any(
            """mitarbeiter(?:in)? | mensch(?:en)? | (?:echte[nr]?|realen?) person | kolleg(?:e|en|in)
            berater(?:in)?
            kundenservice | kundendienst | jemande[mn]? | vorgesetzte[nr]?"""
        ),
    ),
    (
        _any(
            """hablar | hable | conectar | conecteme | pasame | paseme | pase | comunicar | comuniqueme
            atender
            atienda | pongame | ponme | transfierame | necesito | quiero | prefiero"""
        ),
        _any(
            """humano | humana | persona | agente | asesora? | empleado | alguien | operadora? | representante
            companero | encargado"""
        ),
    ),
    (
        _any(
            """parler | joindre | contacter | passer | passez | mettez | transferer | transferez | discuter
            telephone | veux | voudrais | besoin"""
        ),
        _any(
            """humain | humaine | personne | conseiller | conseillere | employe | quelqu'un | operateur
            collegue
            responsable | agent"""
        ),
    ),
)
# "How many employees", "another person may fetch it", "do I need to talk to …": about people, not for them.
NO_REQUEST = _any(
    """how many | hoeveel | wie viele | cuantas? | cuantos? | combien | how much | which | what | welke
    welche
    que idioma | do i (?:need|have) to | moet ik | muss ich | tengo que | dois-je | is it | who | wie is
    wer ist
    quien es | qui est | someone else | iemand anders | jemand anderes | otra persona | autre personne
    another person | with me | meenemen | mitbringen"""
)
# Words that, alone or with politeness, are such a request: "agent", "Mensch bitte".
HUMAN_ALONE = _words(
    """human agent person operator representative employee colleague support medewerker mens persoon collega
    klantenservice mitarbeiter mensch kollege berater kundenservice humano persona agente operador asesor
    humain conseiller personne operateur"""
)
POLITE = _words(
    """please now a an real alsjeblieft aub graag een echte bitte jetzt einen echten echter
    por favor ahora un una s'il vous plait svp vrai vraie une customer service"""
)
