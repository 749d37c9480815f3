"""Rules that hold for every caller, tested with data from hypothesis."""

from typing import Any
from uuid import UUID

import httpx
from hypothesis import given
from hypothesis import strategies as st
from pico_ioc import PicoContainer

from myapp.platform.context.claims import Caller
from myapp.platform.fold import fold
from myapp.platform.text import is_single_line, visible_length
from myapp.users.services import ProfileService, UserService

from ..fixture_types import Connect
from .conftest import ME, USERS, new_subject

lines = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=98).map(lambda text: f"<{text}>")
claims = st.none() | st.booleans() | st.integers() | st.text(max_size=300) | st.lists(st.text(), max_size=2)


@given(email=claims, name=claims)
async def test_a_claim_is_kept_or_counts_as_absent(connect: Connect, email: Any, name: Any) -> None:
    response = await (await connect(email=email, name=name)).get(ME)
    assert response.status_code == 200
    for claim, kept, length in ((email, response.json()["email"], 254), (name, response.json()["name"], 100)):
        fits = isinstance(claim, str) and len(claim.strip()) <= length and is_single_line(claim.strip())
        fits = fits and visible_length(claim) > 0
        assert kept == (claim.strip() if fits else None)


@given(name=st.text(max_size=110), phone=st.text("0123456789 +()-./x\n", max_size=25))
async def test_a_profile_is_changed_or_refused(connect: Connect, name: str, phone: str) -> None:
    client = await connect()
    response = await client.patch(ME, json={"name": name, "phone": phone})
    found = (await client.get(ME)).json()
    if response.status_code == 200:
        assert response.json() == found
        assert found["name"] in name
        assert found["phone"] == phone.strip()
    else:
        assert response.status_code == 422
        assert (found["name"], found["phone"]) == (None, None)


@given(name=lines, email=lines, part=st.tuples(st.integers(0, 100), st.integers(1, 100)))
async def test_a_search_finds_every_part_of_a_name_or_an_email(
    container: PicoContainer, admin: httpx.AsyncClient, name: str, email: str, part: tuple[int, int]
) -> None:
    user = await container.get(ProfileService).get(Caller(new_subject(), email, name))
    for whole in (name, email):
        text = whole[part[0] % len(whole) :][: part[1]]
        page = (await admin.get(USERS, params={"search": text})).json()
        expected = all(word in fold(name) or word in fold(email) for word in fold(text).split())
        assert (str(user.id) in {found["id"] for found in page["items"]}) == expected
    await container.get(UserService).delete(UUID(str(user.id)))
