"""Verification alone: parsing, signatures, base64 and schemas by the project's rooms, on the floor's dossiers."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.clock import VIETNAM
from schemas import envelope as envelopes
from schemas import validate, xml
from schemas.catalogue import Catalogue
from schemas.findings import Finding
from signing import certificate, signature
from signing.indication import Refusal
from signing.policy_file import load_policy
from signing.revocation import RevocationStore
from signing.trust import TrustStore, load_revocation
from signing.verify import verify
from tests.bench.pool import Pool


class Verification:
    """The rooms as the line uses them, without what the line adds."""

    def __init__(self, dossiers: list[bytes]) -> None:
        self.dossiers = dossiers
        self.catalogue, self.policy = Catalogue.load(), load_policy("national-1")
        self.trust = TrustStore.load(Pool().trust)
        self.now = datetime.now(UTC).astimezone(VIETNAM)
        self.revocation = RevocationStore(self.trust.authorities)
        for name, der in load_revocation(Pool().trust):
            assert not isinstance(self.revocation.add_crl(der, source=name, fetched_at=self.now), Refusal), name

    def measure(self) -> float:
        """µs of CPU a dossier, every employer's certificate having been seen before."""
        return self._cpu_us(lambda: None)

    def measure_cold(self) -> float:
        """µs of CPU a dossier when every certificate is met for the first time: what is remembered is forgotten."""

        def forget() -> None:
            signature._known.clear()
            certificate.from_text.cache_clear()
            self.trust._paths.cache_clear()

        return self._cpu_us(forget)

    def _cpu_us(self, before: Callable[[], None]) -> float:
        spent = 0.0
        for content in self.dossiers:
            before()
            began = time.process_time()
            self._one(content)
            spent += time.process_time() - began
        return 1e6 * spent / len(self.dossiers)

    def _one(self, content: bytes) -> None:
        on = self.now.date()
        root = xml.parse(content, file="Hoso")
        assert not isinstance(root, Finding)
        verdicts = [
            verify(
                root, "/Hoso/CKy_Dvi", file="Hoso", policy=self.policy, trust=self.trust, now=self.now,
                revocation=self.revocation,
                size_bytes=len(content),
            )
        ]  # fmt: skip
        header = envelopes.peek(root)
        envelope, findings = envelopes.open_envelope(root, catalogue=self.catalogue, on=on, header=header)
        assert envelope is not None
        read = []
        for file in envelope.files:
            form = self.catalogue.form(file.form, on)
            if form is None or file.kind != ".xml":
                continue
            inside = xml.parse(file.content, file=file.name, form=file.form)
            assert not isinstance(inside, Finding)
            verdicts.append(
                verify(
                    inside, form.signature_path, file=file.name, policy=self.policy, trust=self.trust, now=self.now,
                    revocation=self.revocation,
                    size_bytes=len(file.content),
                )
            )  # fmt: skip
            read.append((file, form, inside))
        facts = validate.facts_of(envelope, header, read, self.catalogue, on)
        for file, form, inside in read:
            findings += validate.validate_form(inside, form, file=file.name, facts=facts)
        assert not findings, findings
        assert all(verdict.passed for verdict in verdicts), verdicts
