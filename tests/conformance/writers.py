"""Writers at a vault while something happens to its store, and whether what they were told is true."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from storage.vault import Place, Vault, VaultAway
from tests.storage.contents import some_round

WRITERS = 4
SIZES_BYTES = (900, 35_000)


class Written(msgspec.Struct):
    """What writers were told: the places of what was acknowledged, by the number of the round, and what was not."""

    kept: dict[int, list[Place]] = {}
    unknown: list[int] = []
    worst_s: float = 0.0


def write_while(vault: Vault, happening: Callable[[], None]) -> Written:
    """Put rounds from several threads until what happens has happened."""
    written, lock, stop = Written(), threading.Lock(), threading.Event()

    def write(writer: int) -> None:
        number = writer * 1_000_000
        while not stop.is_set():
            number += 1
            began = time.monotonic()
            try:
                places = vault.put_many(some_round(number, *SIZES_BYTES))
            except VaultAway:
                with lock:
                    written.unknown.append(number)
            else:
                with lock:
                    written.kept[number] = places
            with lock:
                written.worst_s = max(written.worst_s, time.monotonic() - began)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(1, WRITERS + 1)]
    for thread in threads:
        thread.start()
    try:
        happening()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return written


def bad(vault: Vault, kept: dict[int, list[Place]]) -> list[int]:
    """The rounds of which something does not come back as it was put."""

    def is_bad(number: int) -> bool:
        return [vault.read(place) for place in kept[number]] != [one.body for one in some_round(number, *SIZES_BYTES)]

    with ThreadPoolExecutor(8) as pool:
        return [number for number, found in zip(kept, pool.map(is_bad, kept), strict=True) if found]
