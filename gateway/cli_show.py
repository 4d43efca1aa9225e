"""Commands that show what the gateway does and how fast: the demonstration and the benchmarks."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from gateway.cli_terms import CannotWork, Commands, Parser, command
from gateway.demo import play

_BENCH = Path(__file__).parents[1] / "tests" / "bench" / "run.py"


def declare(commands: Commands[Parser]) -> None:
    """Declare `demo` and `bench`."""
    demo = command(
        commands,
        "demo",
        _demo,
        says="Diễn trọn một kỳ nộp hồ sơ qua HTTP thật, trong ./var/demo. 0: mọi kiểm tra đều đạt.",
        tells="Play a month-end through real HTTP, in ./var/demo. Exit status 0 only if every check held.",
        example="motcua demo",
    )
    demo.add_argument(
        "--home",
        type=Path,
        default=Path("var/demo"),
        metavar="DIR",
        help="thư mục làm việc, được làm mới (mặc định: %(default)s) · made afresh",
    )
    bench = command(
        commands,
        "bench",
        _bench,
        says="Đo hiệu năng cạnh các mức so sánh (cần bản mã nguồn có tests/bench).",
        tells="Run the benchmarks beside their baselines (needs a checkout with tests/bench).",
        example="motcua bench",
    )
    bench.add_argument("arguments", nargs=argparse.REMAINDER, help="chuyển cho tests/bench/run.py · handed on")


def _demo(asked: argparse.Namespace) -> int:
    return play(asked.home)


def _bench(asked: argparse.Namespace) -> int:
    if not _BENCH.is_file():
        raise CannotWork(
            "bản cài này không kèm phép đo: chạy trong bản mã nguồn · this installation has no benchmarks: "
            "run it in a checkout that has tests/bench/run.py"
        )
    root = _BENCH.parents[2]
    return subprocess.run([sys.executable, "-m", "tests.bench.run", *asked.arguments], cwd=root, check=False).returncode  # noqa: S603
