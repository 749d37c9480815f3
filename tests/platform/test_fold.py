"""Names and queries are folded alike, in whatever way they are written."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myapp.platform.fold import MAX_FOLD, MAX_SORT_KEY, fold, search_words, sort_key
from myapp.platform.text import visible_length

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
alphabets = st.text(st.characters(max_codepoint=0x24F, categories=["L"]) | st.sampled_from("\u1e9e\u03a3\u03c2\u042f "))
FORMS = ("NFC", "NFD", "NFKC", "NFKD")

CHANGING = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if not unicodedata.category(character).startswith("C") and not "\u4e00" <= character <= "\ud7a3"
    if not unicodedata.is_normalized("NFKD", character) or character.casefold() != character
]
"""Characters with a case or another form, but for the many of China and Korea that have none."""

SAME = [
    ("Caf\u00e9", "CAFE\u0301"),
    ("\u00c4pfel", "apfel"),
    ("\u0130ZM\u0130R", "izmir"),
    ("ISPARTA", "\u0131sparta"),
    ("Stra\u00dfe", "STRA\u1e9eE"),
    ("Stra\u00dfe", "strasse"),
    ("\u0141\u00f3d\u017a", "lodz"),
    ("\u00c6r\u00f8", "aero"),
    ("\u0152uvre", "oeuvre"),
    ("\u00deor \u00d0an \u0110or\u0111e", "thor dan dorde"),
    ("\u0126al \u0166 \u014a", "hal t n"),
    ("Vi\u1ec7t \u01af\u01a1", "viet uo"),
    ("\u0391\u0398\u0389\u039d\u0391", "\u03b1\u03b8\u03b7\u03bd\u03b1"),
    ("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2"),
    ("\u0401\u041b\u041a\u0410", "\u0435\u043b\u043a\u0430"),
    ("\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f", "\u0645\u062d\u0640\u0645\u062f"),  # harakat, tatweel
    ("\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"),  # niqqud
    ("\uff26\uff55\uff4c\uff4c \uff11\uff12", "full 12"),
    ("\uff76\uff9e", "\u30ac"),  # half-width kana with its mark
    ("\u338f \u2122 \ufb01n m\u00b2 \u2163", "kg tm fin m2 iv"),
    ("\u1112\u1161\u11ab", "\ud55c"),  # Hangul from its letters
    ("\u0662\u0660 \u0966\u0967", "20 01"),
    ("t\u2010shirt", "t-shirt"),
    ("t\u2011shirt", "t-shirt"),
    ("a \u2013 b \u2014 c \u2212 d \ufe63 e", "a - b - c - d - e"),
    ("O\u2019Neill \u2018a\u2019 b\u00b4s c`s", "o'neill 'a' b's c's"),
    ("\u201ea\u201c \u00abb\u00bb", '"a" "b"'),
    ("27\u2033 27''", '27" 27"'),
    ("1\u00bd", "11/2"),
    ("soft\u00adware", "software"),
    ("\ufeffa\u200bb\u200cc\u200dd\u2060e\ufe0f\u202e", "abcde"),
    ("a\u00a0b\u202fc\u3000d \t\r\n e\u2028f\u0085g", "a b c d e f g"),
    ("  a  ", "a"),
    ("a\x1b\x07b", "ab"),
]
DIFFERENT = [
    ("\u304c", "\u304b"),  # ga, ka
    ("\u30d1", "\u30cf"),  # pa, ha
    ("\u0915\u0940", "\u0915"),  # an Indic vowel sign
    ("\u0915\u093c", "\u0915"),  # nukta
    ("\u0915\u094d", "\u0915"),  # virama
    ("\u0e1b\u0e39", "\u0e1b\u0e35"),  # Thai vowels
    ("\u0e1b\u0e48", "\u0e1b"),  # a Thai tone
    ("\ud55c", "\ud558"),
    ("\u0439", "\u0438"),
    ("\u30fc", "-"),  # the long vowel of katakana
    ("\u2260", "="),
    ("o", "0"),
    ("a b", "ab"),
    ("a-b", "a b"),
]


class TestFold:
    @pytest.mark.parametrize(("one", "other"), SAME, ids=ascii)
    def test_is_the_same(self, one: str, other: str) -> None:
        assert fold(one) == fold(other)

    @pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=ascii)
    def test_is_different(self, one: str, other: str) -> None:
        assert fold(one) != fold(other)

    def test_a_fold_stays_and_is_never_too_long(self) -> None:
        for character in CHANGING:
            folded = fold(character)
            assert fold(folded) == folded
            assert len(folded) * 100 <= MAX_FOLD
            assert not set(folded) & set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

    @settings(max_examples=500)
    @given(text=texts)
    def test_folding_twice_changes_nothing(self, text: str) -> None:
        assert fold(fold(text)) == fold(text)

    @settings(max_examples=500)
    @given(text=texts)
    def test_canonical_forms_are_equal(self, text: str) -> None:
        assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)

    @settings(max_examples=500)
    @given(text=alphabets)
    def test_case_and_forms_do_not_matter(self, text: str) -> None:
        for form in FORMS:
            assert fold(unicodedata.normalize(form, text)) == fold(text)
        assert fold(text.upper()) == fold(text.lower()) == fold(text.title()) == fold(text)

    @settings(max_examples=500)
    @given(one=texts, other=texts)
    def test_words_are_folded_one_by_one(self, one: str, other: str) -> None:
        assert fold(f"{one} {other}") == f"{fold(one)} {fold(other)}".strip()


class TestSearchWords:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", ()),
            (" \u200b ", ()),
            ("Blue  BLUE bl\u00fce", ("blue",)),
            ("lamp lampshade amp a", ("lampshade",)),
            ("b a", ("a", "b")),
            ('"a b"', ('"a', 'b"')),
        ],
        ids=ascii,
    )
    def test_are_those_that_say_something(self, text: str, words: tuple[str, ...]) -> None:
        assert search_words(text) == words

    @given(name=texts, text=texts)
    def test_are_in_a_name_if_all_words_are(self, name: str, text: str) -> None:
        for query in (text, name[2:7] + " " + text[:3], name[::-1]):
            everything = all(word in fold(name) for word in fold(query).split())
            assert all(word in fold(name) for word in search_words(query)) == everything


class TestSortKey:
    @pytest.mark.parametrize(
        "names",
        [
            ("A-1", "A-9", "A-10", "A-011", "A-100", "B-1"),
            ("Apfel 1", "\u00c4pfel 2", "apfel 3", "\u00c4pfel 10", "Zebra"),
            ("lamp", "Lamp 0", "LAMP 1a", "lamp 1b", "lamp 2", "lamp 12345678", "lamp 123456789", "lamp 1234567890"),
            ("v1.9", "v1.10", "v1.10.1", "v2"),
            ("9" * 8, "9" * 9, "1" + "0" * 9, "9" * 17, "9" * 18, "9" * 80),
            ("\u0661 a", "2 a", "\uff13 a", "\u2463 a"),
            ("7 lamps", "lamps"),
            ("lodz", "\u0141\u00f3d\u017a 2", "LODZ 3"),
        ],
        ids=ascii,
    )
    def test_orders_as_people_do(self, names: tuple[str, ...]) -> None:
        keys = [sort_key(name) for name in names]
        assert keys == sorted(set(keys))

    @pytest.mark.parametrize(("one", "other"), [("Apfel", "\u00c4PFEL"), ("A-007", "a-7"), ("x 0", "X 000")])
    def test_is_the_same(self, one: str, other: str) -> None:
        assert sort_key(one) == sort_key(other)

    @given(
        one=st.integers(0, 10**40), other=st.integers(0, 10**40), zeros=st.integers(0, 5), tail=st.sampled_from(" a!")
    )
    def test_compares_numbers_by_value(self, one: int, other: int, zeros: int, tail: str) -> None:
        keys = [sort_key(f"A{number:0{zeros}}{tail}") for number in (one, other)]
        assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)

    @given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
    def test_fits_in_an_index(self, text: str) -> None:
        key = sort_key(text)
        assert len(key) <= MAX_SORT_KEY
        assert len(key.encode()) <= 1200
        assert sort_key(fold(text)) == key


class TestVisibleLength:
    @pytest.mark.parametrize(
        ("text", "length"),
        [
            ("ab", 2),
            ("a b", 2),
            ("\u200b\u200b", 0),
            ("\u3164\uffa0\u115f\u2800", 0),  # fillers of Hangul, braille without dots
            ("\u00ad\u2060\ufeff\u202e\u2066", 0),
            ("\ufe0f\U000e0041\u180e", 0),
            ("\u0301\u0308", 0),
            ("\u0e39\u3099\u20e3", 0),  # marks without a letter
            ("\u00a0\u3000 \t", 0),
            ("e\u0301", 1),
            ("a\u200b", 1),
            ("\u2764\ufe0f", 1),
            ("\u0918\u0940", 2),  # ghee, in Hindi
            ("\u0e1b\u0e39", 2),  # crab, in Thai
            ("\u0bb2\u0bcd", 2),
            ("\U0001f469\u200d\U0001f52c", 2),
            ("\U0001f1e9\U0001f1ea", 2),
            ("\ud55c\uad6d", 2),
            ("\ue000\U0001faff", 2),  # for private use, and perhaps not assigned yet
        ],
        ids=ascii,
    )
    def test_counts_what_a_reader_sees(self, text: str, length: int) -> None:
        assert visible_length(text) == length
