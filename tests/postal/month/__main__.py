"""`python -m tests.postal.month --items 5000`: a month of paper with all that goes wrong, and every bit of it found."""

import argparse
import asyncio
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.postal.month.book import COLUMNS
from tests.postal.month.play import Month, opened, played
from tests.postal.month.reckoning import Check
from tests.servers import postgres, short_folder

SENDING_DAYS = 22


def main() -> int:
    options = argparse.ArgumentParser(prog="make post-month", description=__doc__)
    options.add_argument("--items", type=int, default=5000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--days", type=int, default=SENDING_DAYS, help="working days on which items are announced")
    options.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = options.parse_args()
    began_s = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(short_folder()))
        url = stack.enter_context(postgres(folder)) if asked.database == "postgresql" else ""
        gateway = stack.enter_context(opened(folder / "home", url))
        print(
            f"Một tháng bưu gửi · a month of paper: {asked.items} bưu gửi · items"
            f" ({asked.database}, seed {asked.seed})\n"
            "ngày    báo trước bưu gửi  phát  hồ sơ  chờ báo động\n"
            "day     announced  items  deliv  filed waits alarms",
            flush=True,
        )
        month = asyncio.run(played(gateway, asked.items, asked.seed, asked.days, lambda line: print(line, flush=True)))
        return sum_up(month, month.reckon(), time.monotonic() - began_s)


def sum_up(month: Month, checks: list[Check], took_s: float) -> int:
    """Print the figures; 0 when everything held."""
    book = month.book
    print(f"\nĐã xảy ra · what happened ({took_s:.0f} s)")
    for name, count in sorted(book.counts.items()):
        print(f"  {name:<44} {count:>8}")
    fates = Counter(one.plan.fate for one in book.parcels)
    ways: dict[str, Counter[str]] = {}
    for one in book.faults:
        found = (one.parcel.plan.number, one.how) in book.found
        ways.setdefault(one.parcel.plan.fate, Counter())[f"{one.how}{'' if found else ' MISSED'}"] += 1
    print("\nCố ý làm sai, và thấy bằng gì · what was injected, and how it was found")
    for fate, hows in sorted(ways.items()):
        print(f"  {fate:<20} {fates[fate]:>5}  " + ", ".join(f"{how} {count}" for how, count in sorted(hows.items())))
    print("  không có lỗi · nothing wrong: " + ", ".join(f"{n} {c}" for n, c in sorted(fates.items()) if n not in ways))
    print("\nSổ bưu gửi cuối tháng · the account at the month's end")
    for flow in ("announced", "unannounced", "outbound"):
        lines = [line for (of, _, _), line in month.nights.done[-1].lines.items() if of == flow]
        sums = {name: sum(line[name] for line in lines) for name in COLUMNS}
        print(f"  {flow:<12} " + ", ".join(f"{name} {count}" for name, count in sums.items() if count))
    print("\nĐối chiếu · the reckoning")
    for check in checks:
        print(f"  {'✗' if check.wrong else '✓'} {check.vi} ({check.looked_at})\n      {check.en}")
        for wrong in check.wrong[:12]:
            print(f"      – {wrong}")
        if len(check.wrong) > 12:
            print(f"      – … {len(check.wrong) - 12}")
    failed = sum(bool(one.wrong) for one in checks)
    print(f"{'✗' if failed else '✓'} {len(checks) - failed}/{len(checks)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
