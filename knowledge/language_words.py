"""Frequent words of each language written in Latin letters; `language.py` learns from them.

The first line of each language is its function words, which weigh most; the rest are words of everyday
questions. Data only.
"""

WORDS: dict[str, tuple[str, str]] = {
    "en": (
        "the of and to a in is it you that for on are with as i be this have from or by not but what all "
        "were we "
        "when your can there an which do how if will my about has would could should where who why does "
        "did any "
        "please me they them their our than then its was at up out so no yes these those am let",
        "open order price cost delivery return refund much many time today tomorrow thanks thank hello "
        "want need "
        "know help shipping account change cancel pay payment day week month year find show tell give "
        "get make "
        "set play add weather remind book alarm movie song working speak talk someone human person store "
        "shop "
        "hours holiday free long take send buy use work right good new first last next people something "
        "anything",
    ),
    "nl": (
        "de het een en van ik te dat die in is niet zijn op aan met voor er maar om hem dan of wat mijn "
        "zo door "
        "over ze zich bij ook tot je jij mij uit der daar haar naar heb heeft hoe hebben deze u want nog "
        "zal me zij "
        "nu geen iets worden toch al waren veel meer doen moet ben zonder kan kunnen wie wanneer waar "
        "waarom welke "
        "hun onze ons jullie dit wordt werd mag wil kunt bent uw zou jouw alle elke aan nog ook",
        "open bestelling bestellen prijs kosten kost levering bezorgen retour terugsturen hoeveel tijd "
        "vandaag morgen "
        "bedankt dank hallo goedemorgen graag weten helpen hulp verzending rekening wijzigen annuleren "
        "betalen "
        "betaling dag week maand jaar vind zoek laat zien vertel geef zet speel voeg toe weer herinner boek "
        "wekker film lied medewerker mens iemand winkel spreken openingstijden gratis lang duurt nieuwe "
        "eerste "
        "volgende mensen goed lekker mogelijk krijgen krijg werkt vragen vraag afspraak gesloten zondag "
        "maandag "
        "herinnering afspeellijst nummer voorspelling temperatuur regenen vanavond uur toon aanzetten "
        "stel reserveer",
    ),
    "de": (
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an "
        "werden aus er "
        "hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder "
        "aber vor "
        "zur bis mehr durch man sein wurde sei kann ich mir mich mein meine wir ihr ihre was wann wo "
        "warum wer "
        "welche gibt kein keine muss soll dich du dein ihnen unser bitte alle allen mehr diese dieser "
        "können könnte möchte",
        "geöffnet bestellung bestellen preis kosten kostet lieferung rückgabe zurückgeben wieviel viel "
        "zeit heute "
        "morgen danke hallo guten tag gerne wissen helfen hilfe versand konto ändern stornieren bezahlen "
        "zahlung "
        "woche monat jahr finde suche zeige erzähl gib stelle spiele füge hinzu wetter erinnere buche "
        "wecker film "
        "lied mitarbeiter mensch jemand laden geschäft sprechen öffnungszeiten kostenlos lange dauert "
        "neue erste "
        "nächste leute gut möglich bekommen funktioniert frage termin geschlossen sonntag montag "
        "erinnerung heißt "
        "playlist temperatur regnen abend uhr setze vorhersage reservieren wird lösche",
    ),
    "es": (
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha "
        "me si sin "
        "sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta desde está mi "
        "porque qué "
        "sólo han yo hay vez puede todos así nos ni parte tiene él uno donde cuánto cuándo dónde cómo "
        "cuál quién "
        "puedo quiero tengo usted ustedes mis tu te nuestro nuestra son",
        "abierto pedido precio costo cuesta entrega devolución devolver reembolso tiempo hoy mañana "
        "gracias hola "
        "buenos días saber ayuda ayudar envío cuenta cambiar cancelar pagar pago día semana mes año "
        "busca muestra "
        "dime dame pon añade clima recuérdame reserva alarma película canción hablar alguien persona "
        "humano tienda "
        "horario gratis largo tarda nuevo primero siguiente gente bien posible recibir funciona pregunta "
        "cerrado "
        "domingo lunes necesito hacer",
    ),
    "fr": (
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont "
        "avec son "
        "mais comme ou si leur y dont aux deux cette nous ont même été elle vous je tu mon ma mes votre "
        "vos notre "
        "nos ses sa on sans quand où comment pourquoi quel quelle quels quelles combien est-ce peut puis "
        "j'ai c'est "
        "qu'il l'on d'un d'une faire fait avez êtes suis ai être",
        "ouvert commande commander prix coûte coûter livraison retour retourner remboursement temps "
        "aujourd'hui "
        "demain merci bonjour bonsoir savoir aide aider envoi compte changer annuler payer paiement jour "
        "semaine "
        "mois année cherche montre donne mets ajoute météo rappelle réserve réveil film chanson parler "
        "quelqu'un "
        "personne humain magasin horaires gratuit long dure nouveau premier prochain gens bien possible "
        "recevoir "
        "fonctionne question fermé dimanche lundi voudrais veux besoin",
    ),
    "it": (
        "di che e la il un a per è una in non si sono con mi le da del della al ma come lo i ho gli ha "
        "se nel più "
        "alla dei anche questo questa quando dove perché quanto quale chi cosa posso può vorrei mio mia "
        "suo sua "
        "nostro ci ne dal delle degli nella ed o molto tutto essere avere fare hai sei siamo quali",
        "aperto ordine prezzo costa costo consegna reso restituire rimborso tempo oggi domani grazie "
        "ciao buongiorno "
        "sapere aiuto spedizione conto cambiare annullare pagare pagamento giorno settimana mese anno "
        "cerca mostra "
        "parlare qualcuno persona negozio orari gratis nuovo primo prossimo chiuso domenica lunedì bisogno",
    ),
    "pt": (
        "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das "
        "tem à seu "
        "sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem "
        "mesmo aos "
        "ter seus quem nas me esse eles você essa num nem suas meu às minha onde qual quais quanto posso "
        "pode são",
        "aberto pedido preço custa custo entrega devolução devolver reembolso tempo hoje amanhã obrigado "
        "obrigada "
        "olá bom dia saber ajuda ajudar envio conta mudar cancelar pagar pagamento semana mês ano falar "
        "alguém "
        "pessoa loja horário grátis novo primeiro próximo fechado domingo segunda preciso quero",
    ),
    "pl": (
        "i w na z się nie do to że jest o jak a po co ale od za czy dla ja mnie mi moje mój moja są być "
        "był była "
        "tak już tylko może można mogę przez przy pod nad bez gdzie kiedy kto dlaczego ile który która "
        "które czego "
        "tego tej ten ta te jego jej ich nas was wasz nasz pan pani mam masz ma",
        "otwarte zamówienie cena kosztuje dostawa zwrot zwrócić pieniądze czas dziś jutro dziękuję cześć "
        "dzień dobry "
        "wiedzieć pomoc wysyłka konto zmienić anulować zapłacić płatność tydzień miesiąc rok rozmawiać "
        "człowiek "
        "sklep godziny darmowa nowy pierwszy następny zamknięte niedziela poniedziałek chcę potrzebuję",
    ),
    "tr": (
        "bir ve bu için ile ne mi mı mu mü çok da de daha gibi var yok nasıl nerede ne zaman kim neden "
        "hangi kaç "
        "benim ben sen siz biz onlar o şu ama veya ya değil olan olarak kadar sonra önce her en olur "
        "olduğu bana "
        "sizin bizim misiniz musunuz mıyım miyim istiyorum edebilir",
        "açık sipariş fiyat ücret teslimat iade para zaman bugün yarın teşekkürler merhaba günaydın "
        "yardım kargo "
        "hesap değiştirmek iptal ödeme gün hafta ay yıl konuşmak biri insan mağaza saat ücretsiz yeni "
        "ilk kapalı "
        "pazar pazartesi lazım",
    ),
    "sv": (
        "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi "
        "så kan när "
        "hur vad vem där varför vilken vilka min mitt mina er ni du hon man ska skulle eller också "
        "mycket alla "
        "finns efter vid nu mot bara kunna har får måste",
        "öppet beställning pris kostar leverans retur återbetalning tid idag imorgon tack hej veta hjälp "
        "frakt konto "
        "ändra avbeställa betala dag vecka månad år prata någon människa butik öppettider gratis ny "
        "första stängt "
        "söndag måndag behöver vill",
    ),
    "da": (
        "og i at det er en til på som med for den de der af har ikke jeg et om var han fra men vi så kan "
        "når hvor "
        "hvordan hvad hvem hvorfor hvilken min mit mine jeres du hun man skal skulle eller også meget "
        "alle efter "
        "ved nu kun kunne får må blev være havde hvornår",
        "åben bestilling pris koster levering retur tilbagebetaling tid i dag i morgen tak hej vide "
        "hjælp fragt konto "
        "ændre annullere betale uge måned år tale nogen menneske butik åbningstider gratis ny første "
        "lukket søndag "
        "mandag brug vil gerne",
    ),
    "id": (
        "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena bisa ada mereka "
        "sudah atau "
        "saat oleh bagaimana apa kapan dimana mengapa siapa berapa kami kita anda apakah belum hanya "
        "lebih sangat "
        "harus jika dapat adalah boleh mau",
        "buka pesanan harga biaya pengiriman pengembalian uang waktu hari besok terima kasih halo "
        "selamat pagi "
        "bantuan akun ubah batal bayar pembayaran minggu bulan tahun bicara orang toko jam gratis baru "
        "pertama "
        "tutup senin perlu ingin",
    ),
    "vi": (
        "và của là có không được cho các một trong người những với để tôi này đã khi ở cũng như từ về "
        "đến làm bạn "
        "thì ra vào sẽ nào gì đâu bao nhiêu tại sao thế khi nào ai mà nhưng hay hoặc rất phải theo trên "
        "năm ông bà "
        "anh chị em chúng mình cái việc",
        "mở cửa đơn hàng giá giao trả lại tiền thời gian hôm nay ngày mai cảm ơn xin chào giúp tài khoản "
        "thay đổi "
        "hủy thanh toán tuần tháng nói chuyện cửa hàng giờ miễn phí mới đầu tiên đóng chủ nhật thứ cần muốn",
    ),
    "cs": (
        "a v je se na že s z to do o i za by si jsem jak po ale co pro tak který která které jsou být "
        "byl jako nebo "
        "kdy kde kdo proč kolik můj moje vaše váš náš jen už mám máte může mohu lze bez při pod jsme "
        "jste ne ano",
        "otevřeno objednávka cena stojí doručení vrácení peníze čas dnes zítra děkuji ahoj dobrý den "
        "vědět pomoc "
        "účet změnit zrušit zaplatit platba týden měsíc rok mluvit člověk obchod hodiny zdarma nový "
        "první zavřeno",
    ),
    "ro": (
        "de și în a la cu pe este nu că o un se din pentru mai ce sunt care am fi sau dar ca când unde "
        "cum cine cât "
        "care ale lui ei meu mea noastre voastre pot poate aveți avem dacă prin după fără doar foarte "
        "toate acest "
        "această între despre fost îmi vă",
        "deschis comandă preț costă livrare retur returna bani timp astăzi mâine mulțumesc bună ziua "
        "salut ajutor "
        "cont schimba anula plăti plată zi săptămână lună an vorbi cineva om magazin program gratuit nou "
        "primul "
        "închis duminică luni vreau nevoie",
    ),
}
