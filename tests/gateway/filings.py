"""Judged dossiers by the thousand: one is judged as at the door, the others are the same but for a comment."""

import hashlib

from msgspec import structs

from gateway.belonging import look_up
from gateway.clock import VIETNAM
from gateway.judge import Filing, Refusal, Submission, judge, open_dossier
from tests.gateway.inhouse import UNIT, Inhouse, a_dossier


class Filings:
    """Makes filings and refusals of one client that the gateway's `settle` takes."""

    def __init__(self, gateway: Inhouse, submitter: str) -> None:
        self._gateway, self._submitter = gateway, submitter
        self._content = a_dossier()
        submission = self._submission(self._content)
        opened = open_dossier(submission)
        assert not isinstance(opened, Refusal)
        known = look_up(gateway.house.database, unit_code=UNIT, on=submission.received_at.date())
        judged = judge(opened, known, gateway.house.tables)
        assert isinstance(judged, Filing), judged
        self._filing = judged

    def filing(self, number: int, *, waits: bool = False) -> Filing:
        """Filing number so and so; it waits for revocation data if it is told to."""
        submission = self._submission(self._content + b"<!-- %d -->" % number)
        return structs.replace(self._filing, submission=submission, waits=waits)

    def refusal(self, number: int) -> Refusal:
        """A refusal of bytes of their own."""
        return Refusal(submission=self._submission(b"refused %d" % number), code="malformed")

    def _submission(self, content: bytes) -> Submission:
        return Submission(
            content=content,
            sha256=hashlib.sha256(content).digest(),
            submitter=self._submitter,
            received_at=self._gateway.clock.now().astimezone(VIETNAM),
        )
