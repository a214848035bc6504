from stemma.corpus.cleaning.language import identify, known_languages

FRENCH = "Je ne sais pas, mon ami, ce que vous voulez dire par là. "
ENGLISH = "Thou art a villain, and I shall have thee hanged ere the morrow. "


def test_tells_languages_apart():
    assert identify(ENGLISH, 600)[0] == "en"
    code, probability = identify(FRENCH, 600)
    assert code == "fr" and 0.9 < probability <= 1


def test_looks_at_the_middle_only():
    text = FRENCH * 20 + ENGLISH * 20 + FRENCH * 20
    assert identify(text, 300)[0] == "en"


def test_a_text_of_nothing_has_some_language_with_little_probability():
    code, probability = identify("123", 600)
    assert code in known_languages() and probability < 0.5
