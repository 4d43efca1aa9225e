"""A container in a file is judged as one in memory is, and what is too large to be read is told, not passed over."""

import hashlib
import io
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from lxml import etree
from msgspec import structs

from gateway import containers
from gateway.attached import judge_papers
from gateway.belonging import look_up
from gateway.judge import ASIC_E, Filing, Opened, Refusal, Spooled, Submission, judge, open_dossier
from schemas.attachments import check_ends
from schemas.envelope import open_envelope
from schemas.envelope_files import READ_BYTES_MAX
from schemas.findings import Place, Severity
from schemas.sample import make_dossier
from schemas.sample_attachments import docx, pdf
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse, inhouse, pki, signature_paths
from tests.large_containers import naming, write_container

NOW = HandClock().now()
NAMES = ("hop-dong.pdf", "phu-luc.pdf", "nho.pdf")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("containers") / "home") as made:
        yield made


def envelope() -> bytes:
    return make_dossier(
        "600", employees=2, seed=3, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, attachments=0, period="03/2026",
        made_on=date(2026, 3, 2),
    )  # fmt: skip


def made(folder: Path, changed: bytes = b"") -> bytes:
    """A container with two papers that are not small, and one that is."""
    large = pdf(random.Random(1), containers.SMALL_BYTES_MAX + 5000)
    entries = {NAMES[0]: (large,), NAMES[1]: (changed or large[:-1] + b" ",), NAMES[2]: (pdf(random.Random(2)),)}
    path = folder / "made.asice"
    holder = pki().employers["employer"]
    write_container(path, naming(envelope(), list(NAMES)), entries, holder, NOW, signature_paths())
    return path.read_bytes()


def submission(content: bytes, *, in_file: bool) -> Submission:
    spooled = Spooled(io.BytesIO(content), len(content)) if in_file else None
    return Submission(
        content=b"" if in_file else content,
        spooled=spooled,
        sha256=hashlib.sha256(content).digest(),
        submitter="employer",
        received_at=NOW,
        media_type=ASIC_E,
    )


def judged(gateway: Inhouse, content: bytes, *, in_file: bool) -> Filing | Refusal:
    opened = open_dossier(submission(content, in_file=in_file))
    assert isinstance(opened, Opened), opened
    known = look_up(gateway.house.database, unit_code=opened.header.unit_code, on=date(2026, 3, 2))
    return judge(opened, known, gateway.house.tables)


@pytest.mark.parametrize("kind", ["good", "a program", "cut off"])
def test_in_a_file_or_in_memory_the_judgement_is_the_same(gateway: Inhouse, tmp_path: Path, kind: str) -> None:
    large = pdf(random.Random(1), containers.SMALL_BYTES_MAX + 5000)
    changed = {"good": b"", "a program": b"MZ" + bytes(len(large)), "cut off": large[: len(large) // 2] * 2}[kind]
    content = made(tmp_path, changed)
    in_memory, in_file = (judged(gateway, content, in_file=in_file) for in_file in (False, True))
    assert type(in_memory) is type(in_file) is (Filing if kind == "good" else Refusal)
    assert in_memory.findings == in_file.findings
    assert in_memory.verdicts == in_file.verdicts
    if isinstance(in_memory, Filing) and isinstance(in_file, Filing):
        assert in_memory.parts == in_file.parts
        assert in_memory.papers == in_file.papers
        held = {one.name: isinstance(one.source, bytes) for one in in_file.to_scan}
        assert held == {NAMES[0]: False, NAMES[1]: False, NAMES[2]: True}
        assert [b"".join(one.source.chunks()) for one in in_file.to_scan if not isinstance(one.source, bytes)] == [
            one.content for one in in_memory.to_scan[:2]
        ]


def test_a_changed_paper_in_a_file_is_refused_by_the_signature(gateway: Inhouse, tmp_path: Path) -> None:
    content = bytearray(made(tmp_path))
    at = content.find(b"%PDF-") + 700_000
    content[at] ^= 1
    opened = open_dossier(submission(bytes(content), in_file=True))
    assert isinstance(opened, Refusal)
    assert opened.findings[0].code == "container-checksum"


class Huge:
    """A file of more than can be read, all blanks but for its ends."""

    def __init__(self, head: bytes, tail: bytes) -> None:
        self.ends = (head, tail)
        self.size_bytes = READ_BYTES_MAX + 1
        self.sha256 = hashlib.sha256(b"huge").digest()

    def chunks(self) -> Iterator[bytes]:
        raise AssertionError("nobody reads it but the scanner")

    def read(self) -> bytes:
        raise AssertionError("nobody reads it")


def test_what_is_too_large_to_be_read_is_judged_by_its_ends_and_told(gateway: Inhouse) -> None:
    """Under a catalogue that lets papers be so large."""
    root = etree.fromstring(naming(envelope(), ["anh.pdf"]))
    whole = pdf(random.Random(1))
    catalogue = gateway.house.tables.catalogue
    opened, _ = open_envelope(root, catalogue=catalogue, on=date(2026, 3, 2), beside={"anh.pdf": Huge(whole, whole)})
    assert opened is not None
    paper = opened.files[-1]
    assert (paper.name, paper.size_bytes, paper.is_too_large_to_read) == ("anh.pdf", READ_BYTES_MAX + 1, True)
    with pytest.raises(ValueError, match="not read into memory"):
        assert paper.content
    found, papers = judge_papers(opened, gateway.house.tables, NOW)
    assert [(one.code, one.severity) for one in found] == [("attachment-not-looked-into", Severity.WARNING)]
    assert [(one.signatures_state, one.unread) for one in papers] == [("not-judged", "too-large")]


@pytest.mark.parametrize(
    ("head", "tail", "name", "codes"),
    [
        (pdf(random.Random(1)), pdf(random.Random(1)), "a.pdf", []),
        (pdf(random.Random(1)), b"cut", "a.pdf", ["attachment-damaged"]),
        (b"MZ", b"", "a.pdf", ["attachment-executable"]),
        (b"\x89PNG\r\n\x1a\n", b"", "a.pdf", ["attachment-content-mismatch", "attachment-damaged"]),
        (docx(random.Random(1)), docx(random.Random(1)), "a.docx", ["attachment-too-large"]),
        (b"what", b"?", "a.pdf", ["attachment-content-unknown"]),
    ],
)
def test_ends_tell_what_a_large_file_is(
    gateway: Inhouse, head: bytes, tail: bytes, name: str, codes: list[str]
) -> None:
    procedure = gateway.house.tables.catalogue.procedure("600", date(2026, 3, 2))
    assert procedure is not None
    allowed = structs.replace(procedure.attachments, size_bytes_max=2 * READ_BYTES_MAX)
    place, size = Place(file=name), READ_BYTES_MAX + 1
    found = check_ends((head, tail), size, place, name=name, kind=Path(name).suffix, allowed=allowed)
    assert [one.code for one in found] == codes
    strict = check_ends((head, tail), size, place, name=name, kind=Path(name).suffix, allowed=procedure.attachments)
    assert "attachment-too-large" in {one.code for one in strict}
