"""One gateway and one mail room for a module's tests: each test brings items of its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.inhouse import inhouse
from tests.mailroom.post_room import PostRoom


@pytest.fixture(scope="module")
def room(tmp_path_factory: Any) -> Iterator[PostRoom]:
    with inhouse(tmp_path_factory.mktemp("mailroom") / "home", token_life_s=30 * 86_400) as gateway:
        yield PostRoom(gateway)
