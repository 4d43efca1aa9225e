"""The same judgement for paper: forms, lists, unit, office and due date; a signature by hand is not judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.judge import Filing, Refusal, judge, open_dossier

if TYPE_CHECKING:
    from gateway.belonging import Known
    from gateway.judge import Submission, Tables


def judge_paper(submission: Submission, known: Known, tables: Tables) -> Filing | Refusal:
    """What is wrong with the data of a paper dossier, by the same rules as for an electronic one.

    The submission's channel is `post`; a signature that stands in its data is neither asked for nor looked at.
    """
    opened = open_dossier(submission)
    return opened if isinstance(opened, Refusal) else judge(opened, known, tables, explain=False)
