"""The rules of paper are data: which arrival starts the clock, and what an operator may set."""

from pathlib import Path

import pytest

from gateway.postal.rules import Hybrid, RulesUnreadable, clock_start_us, rules

OURS = Path("gateway/postal/post.toml")


@pytest.mark.parametrize(
    ("clock", "electronic_us", "paper_us", "start_us"),
    [
        ("electronic", 5, None, 5), ("electronic", 5, 9, 5), ("electronic", None, 9, None),
        ("paper", 5, None, None), ("paper", 5, 9, 9), ("paper", None, 9, 9),
        ("first", 5, None, 5), ("first", None, 9, 9), ("first", 9, 5, 5), ("first", None, None, None),
        ("later", 5, None, None), ("later", None, 9, None), ("later", 5, 9, 9), ("later", 9, 5, 9),
    ],
)  # fmt: skip
def test_the_half_that_the_rule_names_starts_the_clock(clock, electronic_us, paper_us, start_us):
    assert clock_start_us(Hybrid(clock, 10), electronic_us, paper_us) == start_us


def test_an_operators_rules_are_read_and_wrong_ones_stop_the_start(tmp_path: Path):
    own = tmp_path / "post.toml"
    own.write_text(OURS.read_text().replace('basis = "arrived"', 'basis = "posted"'))
    assert rules(own).time_of_receipt.of("600") == "posted"
    for wrong in ('clock = "soon"', "half_days_max = 0", "half_days_max = 3\nmore = 1"):
        own.write_text(OURS.read_text().replace("half_days_max = 10", wrong))
        with pytest.raises(RulesUnreadable):
            rules(own)
    with pytest.raises(RulesUnreadable):
        rules(tmp_path / "not-there.toml")
