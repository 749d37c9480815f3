"""The temporary store for the rows of a report."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myapp.platform.database.types import utc_now
from myapp.reports.spool import Spool

PLACES = st.one_of(st.lists(st.integers(-(2**40), 2**40)), st.lists(st.text(st.characters(codec="utf-8"))))


@given(PLACES, st.integers(1, 5))
def test_rows_come_in_the_order_of_their_places(places: list[int] | list[str], batch: int) -> None:
    """Rows with the same place come in the order of their adding. Reading can be repeated."""
    rows = [(place, (number,)) for number, place in enumerate(places)]
    with Spool() as spool:
        for start in range(0, len(rows), batch):
            spool.add(rows[start : start + batch])
        assert len(spool) == len(rows)
        for _ in range(2):
            assert list(spool) == [row for _, row in sorted(rows, key=lambda entry: entry[0])]


def test_values_stay_what_they_are() -> None:
    row = (1, Decimal("9999999999.99"), utc_now(), None, "Ünï\ud800\x00", 10**30)
    with Spool() as spool:
        spool.add([(0, row)])
        assert list(spool) == [row]


def test_it_is_gone_in_the_end() -> None:
    with Spool() as spool:
        spool.add([(0, ())])
    with pytest.raises(Exception, match="closed"):
        list(spool)
