"""How dossiers are gathered into rounds: who waits for whom, for how long, and what happens when a store is away."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.config import Settings
from gateway.intake import WINDOWS_MAX, Poisonous, Rounds
from gateway.judge import Refusal, Submission
from storage.database import DatabaseAway


def refusal(name: str) -> Refusal:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return Refusal(
        submission=Submission(content=b"", sha256=name.encode(), submitter="x", received_at=now), code="malformed"
    )


ROUND_S_MAX = WINDOWS_MAX * Settings().round_window_s


class Book:
    """Stands for what settles: it notes each round, and fails where it is told to."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.away = False
        self.poison = ""

    def settle(self, round_: Sequence[Any]) -> list[Any]:
        names = [one.submission.sha256.decode() for one in round_]
        if self.away:
            raise DatabaseAway("gone")
        if self.poison in names:
            raise ValueError("poison")
        self.rounds.append(names)
        return names


def play(book: Book, scene: Any, *, inline: bool = True, **settings: Any) -> Any:
    async def whole() -> Any:
        rounds = Rounds(book.settle, Settings(**settings), inline=inline)
        try:
            return await scene(rounds)
        finally:
            await rounds.close()

    return asyncio.run(whole())


@pytest.mark.parametrize("inline", [True, False])
def test_dossiers_that_come_together_are_one_round(inline: bool) -> None:
    book = Book()

    async def scene(rounds: Rounds) -> list[Any]:
        return await asyncio.gather(*(rounds.join(refusal(f"{n}")) for n in range(8)))

    assert play(book, scene, inline=inline) == [f"{n}" for n in range(8)]
    assert sum(map(len, book.rounds)) == 8
    assert len(book.rounds) <= 2


def test_a_round_waits_for_who_is_on_the_way_but_not_long() -> None:
    book = Book()

    async def scene(rounds: Rounds) -> float:
        loop = asyncio.get_running_loop()
        rounds.expected += 1  # a sender that never finishes
        began = loop.time()
        await rounds.join(refusal("a"))
        return loop.time() - began

    assert 0.002 <= play(book, scene) < ROUND_S_MAX + 0.05
    assert book.rounds == [["a"]]


def test_a_stream_of_others_holds_the_first_no_longer_than_the_limit() -> None:
    book = Book()

    async def scene(rounds: Rounds) -> float:
        loop = asyncio.get_running_loop()
        rounds.expected += 1
        began = loop.time()
        first = asyncio.create_task(rounds.join(refusal("first")))
        others = []
        while not first.done():
            others.append(asyncio.create_task(rounds.join(refusal(f"n{len(others)}"))))
            await asyncio.sleep(0.001)
        took = loop.time() - began
        await asyncio.gather(*others)
        return took

    assert play(book, scene, round_dossiers_max=1000) < ROUND_S_MAX + 0.05


def test_a_full_round_begins_at_once() -> None:
    book = Book()

    async def scene(rounds: Rounds) -> None:
        rounds.expected += 1
        await asyncio.gather(*(rounds.join(refusal(f"{n}")) for n in range(10)))

    play(book, scene, round_dossiers_max=4, round_window_s=5.0)
    assert max(map(len, book.rounds)) <= 4
    assert sum(map(len, book.rounds)) == 10


@pytest.mark.parametrize("inline", [True, False])
def test_a_store_that_is_away_turns_everyone_away_and_the_next_round_is_tried(inline: bool) -> None:
    book = Book()

    async def scene(rounds: Rounds) -> None:
        book.away = True
        answers = await asyncio.gather(*(rounds.join(refusal(f"{n}")) for n in range(3)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [DatabaseAway] * 3
        book.away = False
        assert await rounds.join(refusal("later")) == "later"  # type: ignore[comparison-overlap]

    play(book, scene, inline=inline)
    assert book.rounds == [["later"]]


def test_a_poisonous_dossier_sinks_alone() -> None:
    book = Book()
    book.poison = "2"

    async def scene(rounds: Rounds) -> list[Any]:
        return await asyncio.gather(*(rounds.join(refusal(f"{n}")) for n in range(4)), return_exceptions=True)

    answers = play(book, scene)
    assert [answers[0], answers[1], answers[3]] == ["0", "1", "3"]
    assert isinstance(answers[2], Poisonous)


@pytest.mark.parametrize("inline", [True, False])
def test_a_caller_that_hangs_up_leaves_the_others_their_answers(inline: bool) -> None:
    book = Book()

    async def scene(rounds: Rounds) -> Any:
        gone, stays = (asyncio.create_task(rounds.join(refusal(name))) for name in ("gone", "stays"))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert play(book, scene, inline=inline) == "stays"
    assert sorted(name for names in book.rounds for name in names) == ["gone", "stays"]


@pytest.mark.parametrize("inline", [True, False])
def test_nobody_joins_a_gateway_that_stops(inline: bool) -> None:
    book = Book()

    async def scene(rounds: Rounds) -> None:
        await rounds.close()
        with pytest.raises(DatabaseAway):
            await rounds.join(refusal("late"))

    play(book, scene, inline=inline)
