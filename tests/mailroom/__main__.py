"""Synthetic scans as a campaign: `python -m tests.mailroom --scans 200`; fails when too few pages file themselves."""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.mailroom.piles import Outcome, play_asked
from tests.mailroom.scanner import QUALITIES

# Of the pages that one who misreads nothing would file by the same rules, how many file themselves.
LEAST = {"good": 0.99, "office": 0.95}


def main() -> int:
    options = argparse.ArgumentParser(prog="make scans")
    options.add_argument("--scans", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    asked = options.parse_args()
    names = list(QUALITIES)
    wanted = [(number, names[number % len(names)], asked.seed) for number in range(asked.scans)]
    began_s = time.monotonic()
    outcomes: list[Outcome] = []
    with multiprocessing.get_context("fork").Pool(asked.workers) as pool:
        for outcome in pool.imap_unordered(play_asked, wanted):
            outcomes.append(outcome)
            if sys.stderr.isatty():
                print(f"\r{len(outcomes)}/{asked.scans}", end="", file=sys.stderr)
    for line in table(outcomes):
        print(line)
    print(f"seed {asked.seed}, {time.monotonic() - began_s:.0f} s with {asked.workers} workers")
    failures = judged(outcomes)
    for failure in failures:
        print(f"NOT SHOWN: {failure}")
    return 1 if failures else 0


def table(outcomes: Sequence[Outcome]) -> list[str]:
    head = (
        f"{'quality':8}{'items':>6}{'pages':>7}{'fileable':>9}{'filed':>7}{'of all':>9}{'of fileable':>12}"
        f"{'coded read':>11}{'wrong':>6}{'blank missed':>13}{'writing lost':>13}{'pages/s':>8}"
    )
    lines = [head]
    for name in QUALITIES:
        own = [one for one in outcomes if one.quality == name]
        if not own:
            continue
        pages, fileable, filed = (sum(getattr(one, what) for one in own) for what in ("pages", "fileable", "filed"))
        coded = sum(one.coded_filed for one in own) / max(1, sum(one.coded for one in own))
        speed = sum(one.scanned for one in own) / max(0.001, sum(one.reading_s for one in own))
        lines.append(
            f"{name:8}{len(own):6}{pages:7}{fileable:9}{filed:7}{filed / pages:9.2%}{filed / max(1, fileable):12.2%}"
            f"{coded:11.2%}{sum(one.wrong for one in own):6}{sum(one.blank_kept for one in own):13}"
            f"{sum(one.written_lost for one in own):13}{speed:8.1f}"
        )
        whys = sum((Counter(one.whys) for one in own), Counter())
        mishaps = Counter(each for one in own for each in one.mishaps)
        sound = [one for one in own if not one.mishaps]
        alone, of = sum(one.filed for one in sound), sum(one.pages for one in sound)
        lines.append(
            f"        in {len(sound)} items in which nothing is amiss: {alone} of {of} pages, {alone / max(1, of):.2%}"
        )
        lines.append(f"        waits: {dict(whys.most_common())}; mishaps: {dict(mishaps)}")
    return lines


def judged(outcomes: Sequence[Outcome]) -> list[str]:
    """What was to be shown and was not."""
    found = []
    if wrong := sum(one.wrong for one in outcomes):
        found.append(f"{wrong} pages were filed wrongly")
    for name, least in LEAST.items():
        own = [one for one in outcomes if one.quality == name]
        fileable, filed = sum(one.fileable for one in own), sum(one.filed for one in own)
        if filed < least * fileable:
            found.append(f"{name}: {filed / fileable:.2%} of the pages filed themselves, less than {least:.0%}")
        sound = [one for one in own if not one.mishaps]
        alone, of = sum(one.filed for one in sound), sum(one.pages for one in sound)
        if alone < least * of:
            found.append(f"{name}: {alone / of:.2%} of the pages of items in which nothing is amiss")
    return found


if __name__ == "__main__":
    sys.exit(main())
