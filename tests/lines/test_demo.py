"""The demonstration plays the whole line over real HTTP, and ends well only if every check held."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import short_folder

ROOT = Path(__file__).parents[2]
LINES_MAX = 45
COLUMNS_MAX = 110


@pytest.fixture(scope="module")
def played() -> Iterator[subprocess.CompletedProcess[str]]:
    # The last line names the home, which is as long as whoever chose it likes.
    with short_folder() as folder:
        command = [sys.executable, "-m", "gateway.cli", "demo", "--home", str(folder / "demo")]
        yield subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)


def test_every_check_of_the_demonstration_holds(played: subprocess.CompletedProcess[str]):
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stderr == ""
    assert "✗" not in played.stdout
    checks = len(re.findall(r"^ *\d+\.\d s ✓ ", played.stdout, re.MULTILINE))
    assert checks >= 31
    assert f"✓ {checks}/{checks}" in played.stdout


def test_it_is_one_screenful(played: subprocess.CompletedProcess[str]):
    lines = played.stdout.splitlines()
    assert len(lines) <= LINES_MAX
    assert [line for line in lines if len(line) > COLUMNS_MAX] == []


def test_it_shows_what_it_claims(played: subprocess.CompletedProcess[str]):
    for said in (
        "40 biên nhận",
        "6.750.000",
        "31/02/1990",
        "HASH_FAILURE",
        "signer-tax-code-differs",
        "42/42",
        "409",
        "ngừng tính giờ",
        "hạn dời đến",
        "rút hồ sơ",
        "đúng chữ ký cơ quan",
        "hạn giữ nguyên",
        "kiểm tra trước khi in",
        "lặp lại",
        "tự xếp 7/7 trang",
        "đã phát",
    ):
        assert said in played.stdout, said


def test_it_does_not_empty_a_folder_that_is_not_its_own(tmp_path: Path):
    (tmp_path / "precious").write_text("x")
    command = [sys.executable, "-m", "gateway.cli", "demo", "--home", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert (tmp_path / "precious").exists()
