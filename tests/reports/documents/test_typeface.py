"""The lines of a PDF's text: their direction, their fonts and their breaks."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myapp.reports.documents import typeface as module
from myapp.reports.documents.typeface import ELLIPSIS, REPLACEMENT, Line, Typeface, typefaces

FACE, _ = typefaces()
SIZE = 8.0
SAMPLES = st.text("abc -12.,(שלום) قهوةعر ไทย้ำ हिन्दी 中文、한 e\u0301\u200c\u200f\u202e😀", max_size=120)


def drawn(text: str) -> str:
    """Return the characters of a line from left to right, letters without the form that their neighbours give them."""
    return unicodedata.normalize("NFKC", "".join(run.text for run in FACE.line(text).runs))


class TestDirection:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("abc (12)", "abc (12)"),
            ("שלום", "םולש"),
            ("שלום abc", "abc םולש"),
            ("abc שלום", "abc םולש"),
            ("abc שלום עולם def", "abc םלוע םולש def"),
            ("א (ב) ג", "ג (ב) א"),
            ("א (12) x", "x (12) א"),
            ("אב (גד) ab", "ab (דג) בא"),
            ("a (אב) b", "a (בא) b"),
            ("מחיר 1,234.50 שקל", "לקש 1,234.50 ריחמ"),
            ("USB-C כבל 2m", "USB-C 2 לבכm"),
            ("כבל-USB", "USB-לבכ"),
            ("تومان ۱٬۲۳۴", "۱٬۲۳۴ ناموت"),  # noqa: RUF001
            ("سعر ١٢٣", "١٢٣ رعس"),
            ("\u200fabc א", "א abc"),
            ("ab\u202ecd\u202c", "abcd"),
        ],
    )
    def test_is_that_of_the_letters(self, text: str, shown: str) -> None:
        assert drawn(text) == shown

    @pytest.mark.parametrize(
        ("text", "right_to_left"),
        [("שלום abc", True), ("12 שלום", True), ("abc שלום", False), ("", False), ("12", False)],
    )
    def test_of_a_line_is_that_of_its_first_letter(self, text: str, right_to_left: bool) -> None:
        assert all(line.right_to_left is right_to_left for line in FACE.wrap(text, SIZE, 20, 9))


class TestShapes:
    def test_of_arabic_letters_join(self) -> None:
        (run,) = FACE.line("بيت").runs
        assert run.text == "\ufe96\ufef4\ufe91"  # final, medial, initial form
        (lam_alef,) = FACE.line("لا").runs
        assert len(lam_alef.text) == 1

    def test_a_non_joiner_separates(self) -> None:
        assert FACE.line("می\u200cخواهم").width != FACE.line("میخواهم").width  # noqa: RUF001

    def test_a_word_has_one_font(self) -> None:
        """DejaVu has the first two letters of this word only."""
        assert [run.font for run in FACE.line("چائے").runs] == ["NotoSansArabic-Regular"]

    def test_what_no_font_has_is_a_box(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "fallback_fonts", list)
        bare = Typeface("DejaVuSans")
        assert "".join(run.text for run in bare.line("中文 กา a").runs) == f"{REPLACEMENT * 2} {REPLACEMENT * 2} a"


class TestWrap:
    @given(text=SAMPLES, width=st.floats(15, 200), limit=st.integers(1, 9))
    def test_no_line_is_too_wide(self, text: str, width: float, limit: int) -> None:
        lines = FACE.wrap(text, SIZE, width, limit)
        assert 1 <= len(lines) <= limit
        assert all(line.width * SIZE / 1000 <= width + SIZE for line in lines)

    @given(text=st.text("ab -中文、กखقש", max_size=80))
    def test_loses_nothing(self, text: str) -> None:
        lines = FACE.wrap(text, SIZE, 40, 1000)
        shown = "".join(unicodedata.normalize("NFKC", run.text) for line in lines for run in line.runs)
        assert sorted(shown.replace(" ", "")) == sorted(unicodedata.normalize("NFKC", text).replace(" ", ""))

    def test_keeps_punctuation_behind_a_chinese_character(self) -> None:
        lines = FACE.wrap("木、" * 40, SIZE, 50, 99)
        assert all(text_of(line).startswith("木") for line in lines)

    def test_ends_with_an_ellipsis(self) -> None:
        *_, last = FACE.wrap("中文" * 40, SIZE, 50, 2)
        assert text_of(last).endswith(ELLIPSIS)


def text_of(line: Line) -> str:
    return "".join(run.text for run in line.runs)
