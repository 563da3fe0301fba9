"""Words by which columns are known in Dutch, English, German, Spanish and French, and names of months."""

from __future__ import annotations

import re
import unicodedata

from crm.contacts.imports.schemas import Target

_HEADERS: dict[Target, str] = {
    Target.CONTACT_ID: "contact id|agentflow id",
    Target.FIRST_NAME: "first name|firstname|given name|forename|voornaam|roepnaam|vorname|nombre de pila"
    "|primer nombre|prenom|first",
    Target.LAST_NAME: "last name|lastname|surname|family name|achternaam|familienaam|nachname|familienname"
    "|apellido|apellidos|nom de famille|last",
    Target.NAME: "name|full name|fullname|contact name|contact|customer|customer name|naam|volledige naam"
    "|klant|klantnaam|contactpersoon|kontakt|kunde|kundenname|ansprechpartner|vollstandiger name"
    "|nombre|nombre completo|cliente|nom|nom complet|client",
    Target.EMAIL: "email|e mail|email address|e mail address|mail|emailadres|e mailadres|e mail adres"
    "|email adres|mailadres|e mail adresse|email adresse|emailadresse|mailadresse"
    "|correo|correo electronico|correo e|email 1|email 2|e mail 1|e mail 2|work email|private email"
    "|adresse e mail|adresse email|courriel|mel",
    Target.PHONE: "phone|phone number|phonenumber|telephone|tel|mobile|mobile phone|mobile number|cell"
    "|cell phone|whatsapp|whatsapp number|telefoon|telefoonnummer|telefoonnr|mobiel|mobiele nummer"
    "|mobiel nummer|gsm"
    "|telefon|telefonnummer|handy|handynummer|mobil|mobilnummer|mobiltelefon|rufnummer"
    "|telefono|numero de telefono|movil|celular|portable|numero de telephone|mobile 1|mobile 2"
    "|phone 1|phone 2|work phone|home phone",
    Target.COMPANY: "company|company name|organisation|organization|account|employer|business|bedrijf"
    "|bedrijfsnaam|organisatie|firma|firmenname|unternehmen|empresa|compania|societe|entreprise",
    Target.JOB_TITLE: "job title|jobtitle|title|position|role|function|functie|functietitel|beroep|position"
    "|berufsbezeichnung|stelle|funktion|cargo|puesto|poste|fonction|titre",
    Target.LOCATION: "location|city|address|town|adres|plaats|woonplaats|stad|adresse|ort|stadt|wohnort"
    "|anschrift|ciudad|direccion|localidad|ubicacion|ville",
    Target.COUNTRY: "country|country code|land|landcode|staat|landercode|pais|pays|code pays",
    Target.LANGUAGE: "language|preferred language|taal|voorkeurstaal|sprache|idioma|langue",
    Target.LABELS: "labels|label|tags|tag|etiketten|etiket|schlagworte|etiquetas|etiqueta|etiquettes"
    "|etiquette",
    Target.OWNER: "owner|contact owner|owner email|account manager|eigenaar|accountmanager|besitzer|zustandig"
    "|inhaber|propietario|responsable|proprietaire",
}
TARGETS: dict[str, Target] = {
    words: target for target, listed in _HEADERS.items() for words in listed.split("|")
}
_MONTHS = (
    "jan januari january januar enero ene janvier janv",
    "feb februari february februar febrero fevrier fevr fev",
    "mar maart mrt march marz maerz marzo mars mrz",
    "apr april abril abr avril avr",
    "may mei mai mayo",
    "jun juni june junio juin",
    "jul juli july julio juillet juil",
    "aug augustus august agosto ago aout",
    "sep sept september septiembre septembre",
    "oct okt oktober october octubre octobre",
    "nov november noviembre novembre",
    "dec dez december dezember diciembre dic decembre",
)
MONTHS: dict[str, int] = {
    word: number for number, words in enumerate(_MONTHS, start=1) for word in words.split()
}
_YES = "true yes y 1 ja j wahr si s oui o vrai verdadero waar x on"
_NO = "false no n 0 nee nein falsch non faux falso onwaar off -"
YES, NO = frozenset(_YES.split()), frozenset(_NO.split())


def plain(text: str) -> str:
    """Small letters without accents, and single spaces for all that is neither letter nor digit."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.sub(r"[\W_]+", " ", "".join(c for c in bare if not unicodedata.combining(c))).split())
