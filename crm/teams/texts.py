"""Every text a customer can see that no model and no document wrote, in five languages.

A workspace may replace any of them: `Workspace.text_overrides` holds JSON `{key: {language: text}}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from babel import Locale

Overrides = Mapping[str, Mapping[str, str]]

_LANGUAGES = ("nl", "en", "de", "es", "fr")
_FALLBACK = "en"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def languages() -> tuple[str, ...]:
    """The languages of the catalogue, as ISO 639-1 codes."""
    return _LANGUAGES


def keys() -> tuple[str, ...]:
    """Every key of the catalogue."""
    return tuple(_TEXTS)


def text(key: str, language: str, overrides: Overrides | None = None, **values: object) -> str:
    """The text for `key` in `language` (`nl`, `nl-NL`, …; English where the catalogue lacks it).

    `{name}` is replaced by the value of that name. Only whole names are looked up, so an override cannot
    reach into an object; a name without a value stays as it is. Raises KeyError for an unknown key.
    """
    code = _code(language)
    pattern = (overrides or {}).get(key, {}).get(code) or _TEXTS[key][code]
    return _PLACEHOLDER.sub(lambda name: str(values.get(name[1], name[0])), pattern)


def language_name(code: str, language: str) -> str:
    """What `language` calls the language with this ISO 639-1 code: ("en", "nl") is Engels."""
    return str(Locale.parse(_code(language)).languages.get(code, code))


def is_language(code: str) -> bool:
    """Whether it names any language there is, by ISO 639, alone or with a country or script: nl, pt-BR."""
    return _LANGUAGE.fullmatch(code) is not None and re.split("[-_]", code.lower())[0] in _any_language()


@cache
def _any_language() -> frozenset[str]:
    return frozenset(map(str, Locale("en").languages))


def known_overrides(overrides: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Only of texts and languages that there are. Raises ValueError."""
    if unknown := sorted(overrides.keys() - _TEXTS):
        raise ValueError(f"There is no text {unknown[0]!r}; there are {', '.join(_TEXTS)}")
    if unknown := sorted({language for texts in overrides.values() for language in texts} - set(_LANGUAGES)):
        raise ValueError(f"There are no texts in {unknown[0]!r}; there are {', '.join(_LANGUAGES)}")
    return overrides


def widget_texts(language: str, overrides: Overrides | None = None) -> dict[str, str]:
    """All texts of the widget, keyed without their `widget_` prefix."""
    return {
        key.removeprefix("widget_"): text(key, language, overrides)
        for key in _TEXTS
        if key.startswith("widget_")
    }


def _code(language: str) -> str:
    code = re.split(r"[-_]", language.lower(), maxsplit=1)[0]
    return code if code in _LANGUAGES else _FALLBACK


def _row(nl: str, en: str, de: str, es: str, fr: str) -> dict[str, str]:
    return {"nl": nl, "en": en, "de": de, "es": es, "fr": fr}


_TEXTS: dict[str, dict[str, str]] = {
    # --- what the agent says itself ---
    "greeting_reply": _row(
        "Hallo! Waar kan ik je mee helpen?",
        "Hello! How can I help you?",
        "Hallo! Wie kann ich Ihnen helfen?",
        "¡Hola! ¿En qué puedo ayudarle?",
        "Bonjour ! Comment puis-je vous aider ?",
    ),
    "thanks_reply": _row(
        "Graag gedaan!",
        "You are welcome!",
        "Gern geschehen!",
        "¡De nada!",
        "Je vous en prie !",
    ),
    "goodbye_reply": _row(
        "Tot ziens!",
        "Goodbye!",
        "Auf Wiedersehen!",
        "¡Hasta luego!",
        "Au revoir !",
    ),
    "okay_reply": _row(
        "Kan ik je nog ergens anders mee helpen?",
        "Is there anything else I can help you with?",
        "Kann ich Ihnen sonst noch helfen?",
        "¿Puedo ayudarle en algo más?",
        "Puis-je vous aider pour autre chose ?",
    ),
    "about_me_reply": _row(
        "Ik ben een AI-assistent. Ik beantwoord vragen uit de informatie die ik hier heb gekregen.",
        "I am an AI assistant. I answer questions from the information that I was given here.",
        "Ich bin ein KI-Assistent. Ich beantworte Fragen aus den Informationen, die ich hier bekommen habe.",
        "Soy un asistente de IA. Respondo a preguntas con la información que me han dado aquí.",
        "Je suis un assistant IA. Je réponds aux questions avec les informations que l’on m’a données ici.",
    ),
    "no_answer": _row(
        "Daar heb ik helaas geen informatie over.",
        "I am sorry, I have no information about that.",
        "Dazu habe ich leider keine Informationen.",
        "Lo siento, no tengo información sobre eso.",
        "Je suis désolé, je n’ai pas d’information à ce sujet.",
    ),
    "no_answer_topics": _row(
        "Ik weet wel iets over: {topics}.",
        "I do know about: {topics}.",
        "Ich weiß etwas über: {topics}.",
        "Sí tengo información sobre: {topics}.",
        "J’ai en revanche des informations sur : {topics}.",
    ),
    "handoff_done": _row(
        "Ik verbind je door met {team}.",
        "I am passing you to {team}.",
        "Ich leite Sie weiter an {team}.",
        "Le paso con {team}.",
        "Je vous mets en relation avec {team}.",
    ),
    "handoff_nobody": _row(
        "Een collega neemt dit van mij over en antwoordt je hier.",
        "A colleague will take this over and answer you here.",
        "Jemand aus unserem Team übernimmt und antwortet Ihnen hier.",
        "Una persona de nuestro equipo continuará y le responderá aquí.",
        "Une personne de notre équipe prend le relais et vous répondra ici.",
    ),
    "model_trouble": _row(
        "Het lukt me op dit moment niet om een antwoord te geven. Probeer het straks nog eens.",
        "I cannot give you an answer right now. Please try again in a moment.",
        "Ich kann Ihnen gerade keine Antwort geben. Bitte versuchen Sie es gleich noch einmal.",
        "Ahora mismo no puedo darle una respuesta. Inténtelo de nuevo en un momento.",
        "Je ne peux pas vous répondre pour le moment. Veuillez réessayer dans un instant.",
    ),
    "ask_rephrase": _row(
        "Kun je je vraag op een andere manier stellen?",
        "Could you put your question another way?",
        "Könnten Sie Ihre Frage anders formulieren?",
        "¿Podría formular su pregunta de otra manera?",
        "Pourriez-vous poser votre question autrement ?",
    ),
    "ask_missing": _row(
        "Wil je me het volgende doorgeven: {slot}?",
        "Could you tell me your {slot}?",
        "Könnten Sie mir Folgendes nennen: {slot}?",
        "¿Podría indicarme lo siguiente: {slot}?",
        "Pourriez-vous m’indiquer ceci : {slot} ?",
    ),
    "source_language_note": _row(
        "Onze informatie hierover is in het {source_language}; ik citeer die zoals die er staat.",
        "Our information on this is in {source_language}; I quote it as it stands.",
        "Unsere Informationen dazu sind auf {source_language}; ich zitiere sie unverändert.",
        "Nuestra información sobre esto está en {source_language}; la cito tal como aparece.",
        "Nos informations à ce sujet sont en {source_language} ; je les cite telles quelles.",
    ),
    "source_language_name": _row(
        "Onze informatie hierover is in het {source_language}.",
        "Our information on this is in {source_language}.",
        "Unsere Informationen dazu sind auf {source_language}.",
        "Nuestra información sobre esto está en {source_language}.",
        "Nos informations à ce sujet sont en {source_language}.",
    ),
    "daily_cap": _row(
        "Onze assistent is voor vandaag bezet. Laat je vraag hier achter; een collega antwoordt je.",
        "Our assistant has reached its limit for today. Leave your question here; a colleague will answer.",
        "Unser Assistent ist für heute ausgelastet. Schreiben Sie hier; jemand aus dem Team antwortet Ihnen.",
        "Nuestro asistente ha llegado a su límite por hoy. Deje aquí su pregunta y le responderemos.",
        "Notre assistant a atteint sa limite du jour. Laissez votre question ; une personne vous répondra.",
    ),
    # --- tone of voice ---
    "tone_professional_opener": _row(
        "Bedankt voor je vraag.",
        "Thank you for your question.",
        "Vielen Dank für Ihre Frage.",
        "Gracias por su consulta.",
        "Merci pour votre question.",
    ),
    "tone_professional_closer": _row(
        "Heb je nog een vraag, laat het gerust weten.",
        "Please let me know if you have any further questions.",
        "Bei weiteren Fragen stehe ich gern zur Verfügung.",
        "Quedo a su disposición para cualquier otra consulta.",
        "Je reste à votre disposition pour toute autre question.",
    ),
    "tone_friendly_opener": _row(
        "Goede vraag, ik help je graag!",
        "Good question, happy to help!",
        "Gute Frage, da helfe ich gern!",
        "¡Buena pregunta, con mucho gusto le ayudo!",
        "Bonne question, je vous aide avec plaisir !",
    ),
    "tone_friendly_closer": _row(
        "Kan ik nog iets voor je doen?",
        "Is there anything else I can do for you?",
        "Kann ich sonst noch etwas für Sie tun?",
        "¿Puedo ayudarle en algo más?",
        "Puis-je faire autre chose pour vous ?",
    ),
    "tone_informal_opener": _row("Hoi!", "Hey!", "Hi!", "¡Hola!", "Salut !"),
    "tone_informal_closer": _row(
        "Roep maar als er nog iets is!",
        "Just shout if there is anything else!",
        "Melde dich einfach, wenn noch was ist!",
        "¡Si hay algo más, dímelo!",
        "Fais signe s’il y a autre chose !",
    ),
    # --- where a citation stands ---
    "place_page": _row("pagina {page}", "page {page}", "Seite {page}", "página {page}", "page {page}"),
    "place_row": _row(
        "{sheet}, rij {row}",
        "{sheet}, row {row}",
        "{sheet}, Zeile {row}",
        "{sheet}, fila {row}",
        "{sheet}, ligne {row}",
    ),
    "place_row_only": _row("rij {row}", "row {row}", "Zeile {row}", "fila {row}", "ligne {row}"),
    # --- people ---
    "staff_took_over": _row(
        "Je praat nu met {name}.",
        "You are now talking to {name}.",
        "Sie sprechen jetzt mit {name}.",
        "Ahora habla con {name}.",
        "Vous parlez maintenant avec {name}.",
    ),
    # --- the widget ---
    "widget_title": _row(
        "Chat met ons", "Chat with us", "Chatten Sie mit uns", "Chatee con nosotros", "Discutez avec nous"
    ),
    "widget_subtitle": _row(
        "We antwoorden meestal meteen",
        "We usually answer right away",
        "Wir antworten meist sofort",
        "Solemos responder al momento",
        "Nous répondons en général tout de suite",
    ),
    "widget_placeholder": _row(
        "Typ je vraag…",
        "Type your question…",
        "Ihre Frage…",
        "Escriba su pregunta…",
        "Écrivez votre question…",
    ),
    "widget_open": _row("Chat openen", "Open chat", "Chat öffnen", "Abrir el chat", "Ouvrir le chat"),
    "widget_close": _row("Chat sluiten", "Close chat", "Chat schließen", "Cerrar el chat", "Fermer le chat"),
    "widget_send": _row("Versturen", "Send", "Senden", "Enviar", "Envoyer"),
    "widget_typing": _row(
        "Er wordt getypt…", "Typing…", "Es wird geschrieben…", "Escribiendo…", "En train d’écrire…"
    ),
    "widget_reconnecting": _row(
        "Verbinding herstellen…",
        "Reconnecting…",
        "Verbindung wird wiederhergestellt…",
        "Reconectando…",
        "Reconnexion…",
    ),
    "widget_sources": _row("Bronnen", "Sources", "Quellen", "Fuentes", "Sources"),
    "widget_not_sent_retry": _row(
        "Niet verzonden. Tik om het opnieuw te proberen.",
        "Not sent. Tap to try again.",
        "Nicht gesendet. Zum Wiederholen tippen.",
        "No enviado. Toque para reintentar.",
        "Non envoyé. Touchez pour réessayer.",
    ),
    "widget_new_messages": _row(
        "Nieuwe berichten", "New messages", "Neue Nachrichten", "Mensajes nuevos", "Nouveaux messages"
    ),
    "widget_conversation_log": _row(
        "Gesprek", "Conversation", "Unterhaltung", "Conversación", "Conversation"
    ),
    "widget_too_long": _row(
        "Dit bericht is te lang.",
        "This message is too long.",
        "Diese Nachricht ist zu lang.",
        "Este mensaje es demasiado largo.",
        "Ce message est trop long.",
    ),
    "widget_rate_limited": _row(
        "Je stuurt veel berichten. Wacht even en probeer het opnieuw.",
        "You are sending a lot of messages. Please wait a moment and try again.",
        "Sie senden sehr viele Nachrichten. Bitte warten Sie kurz.",
        "Está enviando muchos mensajes. Espere un momento e inténtelo de nuevo.",
        "Vous envoyez beaucoup de messages. Patientez un instant, puis réessayez.",
    ),
    "widget_ended": _row(
        "Dit gesprek is afgesloten.",
        "This conversation has ended.",
        "Diese Unterhaltung ist beendet.",
        "Esta conversación ha terminado.",
        "Cette conversation est terminée.",
    ),
    "widget_greeting": _row(
        "Hallo! Waar kunnen we je mee helpen?",
        "Hello! How can we help you?",
        "Hallo! Wie können wir Ihnen helfen?",
        "¡Hola! ¿En qué podemos ayudarle?",
        "Bonjour ! Comment pouvons-nous vous aider ?",
    ),
    "widget_suggestions": _row("Bijvoorbeeld", "For example", "Zum Beispiel", "Por ejemplo", "Par exemple"),
    "widget_assistant": _row(
        "AI-assistent", "AI assistant", "KI-Assistent", "Asistente de IA", "Assistant IA"
    ),
    "widget_staff": _row(
        "Medewerker", "Team member", "Teammitglied", "Persona del equipo", "Membre de l’équipe"
    ),
    "widget_you": _row("Jij", "You", "Sie", "Usted", "Vous"),
    "widget_source": _row("Bron {n}", "Source {n}", "Quelle {n}", "Fuente {n}", "Source {n}"),
    "widget_open_source": _row(
        "Bron openen", "Open the source", "Quelle öffnen", "Abrir la fuente", "Ouvrir la source"
    ),
    "widget_unavailable": _row(
        "De chat is op dit moment niet bereikbaar.",
        "The chat is not available right now.",
        "Der Chat ist gerade nicht erreichbar.",
        "El chat no está disponible en este momento.",
        "Le chat n’est pas disponible pour le moment.",
    ),
    "widget_refused": _row(
        "Dit bericht kan niet worden verzonden.",
        "This message cannot be sent.",
        "Diese Nachricht kann nicht gesendet werden.",
        "Este mensaje no se puede enviar.",
        "Ce message ne peut pas être envoyé.",
    ),
    "widget_handoff": _row(
        "Wachten op {team}",
        "Waiting for {team}",
        "Warten auf {team}",
        "Esperando a {team}",
        "En attente de {team}",
    ),
    "widget_sent": _row("Verzonden", "Sent", "Gesendet", "Enviado", "Envoyé"),
    "widget_read": _row("Gelezen", "Read", "Gelesen", "Leído", "Lu"),
}
