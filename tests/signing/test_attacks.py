"""Every attack of the catalogue is refused, by its reason: alone, in a whole dossier, and within a bound of time."""

import pickle
import socket
from collections.abc import Callable, Iterator

import pytest

from signing import signature
from signing.demo_pki import DemoPki
from tests.signing.attacks import bench as at_bench
from tests.signing.attacks import catalogue, containers, harmless
from tests.signing.attacks.bench import ENVELOPE, FORM, TARGETS, Attack, Bench, Outcome, Target
from tests.signing.attacks.catalogue import KINDS
from tests.signing.attacks.timed import Timed, TimedJudge
from tests.signing.conformance import README
from tests.signing.zip_forging import build

# Of processor time, on a slow machine that others use too; an honest dossier takes a few milliseconds.
CPU_S_MAX = 2.0
QUICK = catalogue.quick()
COSTLY = catalogue.costly()

# A minute and a half of processor time: in `make test`, not in `make check`.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(pki, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def timed(bench: Bench) -> Iterator[TimedJudge]:
    made = TimedJudge(bench.home)
    yield made
    made.close()


def forget() -> None:
    """Let the room forget every form of Signature that it has read."""
    assert signature._known
    signature._known.clear()


def of(kind: str, attacks: list[Attack]) -> list[Attack]:
    return [one for one in attacks if one.kind == kind]


def kinds(attacks: list[Attack]) -> list[str]:
    return [kind for kind in KINDS if of(kind, attacks)]


def meets(one: Attack, outcome: Outcome | Timed) -> bool:
    """Whether the outcome is the refusal that the catalogue names."""
    pairs = zip(outcome.codes, outcome.sub_indications, strict=True)
    asked = str(one.sub or "")
    named = any(one.answers(code) and (one.sub is None or str(sub or "") == asked) for code, sub in pairs)
    return not outcome.accepted and named


# --- the list, and what stands for the good --------------------------------------------------------------------------


def test_every_attack_that_has_to_be_refused_has_its_samples() -> None:
    attacks = [*QUICK, *COSTLY]
    assert {one.kind for one in attacks} == set(KINDS)
    names = [(one.kind, one.name) for one in attacks]
    assert len(names) == len(set(names))
    assert all(one.source and one.code for one in attacks)
    for kind in KINDS[:15]:
        levels = {one.level for one in of(kind, attacks)}
        assert levels >= {"form", "envelope"} or levels == {"container"}, kind
    assert {kind for kind in KINDS if any(one.level == "container" for one in of(kind, attacks))} >= set(KINDS[14:])


def test_what_the_attacks_are_made_of_is_accepted_as_it_is(bench: Bench) -> None:
    """Else every forgery would be refused, and prove nothing."""
    for target in TARGETS:
        for profile in ("XMLDSig", "XAdES"):
            assert bench.room(bench.signed(target, profile), target).accepted  # type: ignore[arg-type]
    assert bench.whole(bench.signed(ENVELOPE)).accepted
    assert bench.whole(bench.around(bench.signed(FORM, "XAdES"))).accepted
    assert bench.whole(bench.container(), container=True).accepted
    assert bench.whole(build(*containers.members(bench).values()), container=True).accepted


def test_the_values_that_attackers_change_would_matter(bench: Bench) -> None:
    """A dossier that its holder signs with the other values is accepted, and says something else."""
    one, genuine = bench.holder, bench.whole(bench.signed(ENVELOPE)).filing
    evil = at_bench.sign(
        ENVELOPE.evil(bench.unsigned(ENVELOPE)), ENVELOPE.path, one.key, one.certificate, now=at_bench.NOW
    )
    found = bench.whole(evil)
    assert genuine is not None
    assert found.filing is not None
    assert (genuine.period, found.filing.period) == ("03/2026", "04/2026")


def test_the_table_of_the_readme_is_what_the_command_prints() -> None:
    section = README.read_text(encoding="utf-8").partition(catalogue.SECTION)[2].partition("\n## ")[0]
    assert catalogue.COMMAND in section
    assert catalogue.table(catalogue.everything()) in section


# --- refused, each by its reason -------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["at first sight", "when its form is known"])
@pytest.mark.parametrize("kind", kinds([one for one in QUICK if one.level != "container"]))
def test_a_forged_document_is_refused_by_its_reason(kind: str, known: str, bench: Bench) -> None:
    """What was read once with care is known by its form: neither a cold nor a warm memory lets a forgery by."""
    for target in TARGETS:
        bench.room(bench.signed(target), target)
    forget()
    if known == "when its form is known":
        for target in TARGETS:
            assert bench.room(bench.signed(target), target).accepted
    wrong = []
    for one in (each for each in of(kind, QUICK) if each.level != "container"):
        outcome = bench.room(one.make(bench), one.target, one.policy)
        if not meets(one, outcome):
            wrong.append((one.name, one.code, outcome))
    assert wrong == []


@pytest.mark.parametrize("kind", kinds(QUICK))
def test_a_dossier_with_a_forgery_in_it_is_refused_as_a_whole(kind: str, bench: Bench) -> None:
    """A forged form lies in an envelope that its holder signed rightly; the other forgeries are dossiers."""
    wrong = []
    for one in of(kind, QUICK):
        content = one.make(bench)
        if one.level == "form":
            outcome = bench.whole(bench.around(content))
        else:
            outcome = bench.whole(content, container=one.level == "container")
        if not meets(one, outcome):
            wrong.append((one.name, one.code, outcome.accepted, outcome.codes[:3]))
    assert wrong == []


@pytest.mark.parametrize("kind", kinds(COSTLY))
def test_a_bomb_is_refused_by_its_reason_and_before_it_costs(kind: str, bench: Bench, timed: TimedJudge) -> None:
    assert timed.judge(bench.signed(FORM), "form").accepted
    wrong = []
    for one in of(kind, COSTLY):
        content = one.make(bench)
        judged = [timed.judge(content, one.level)]
        if not judged[0].ended and one.level != "container":
            whole = bench.around(content) if one.level == "form" else content
            judged.append(timed.judge(whole, "whole"))
        wrong += [
            (one.name, one.code, each.accepted, each.codes[:2], f"{each.cpu_s:.1f} s", "ended" if each.ended else "")
            for each in judged
            if not meets(one, each) or each.cpu_s > CPU_S_MAX
        ]
    assert wrong == [], "\n".join(map(str, wrong))


def test_nothing_is_fetched_for_a_reference_or_an_entity(bench: Bench) -> None:
    """Whatever they name, nobody knocks at the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port, tried = server.getsockname()[1], 0
        for one in (each for each in [*QUICK, *COSTLY] if each.level != "container"):
            if one.kind not in ("external references", "entity and expansion bombs") or "100,000" in one.name:
                continue
            content = one.make(bench)
            if b"127.0.0.1:9/" in content:
                tried += 1
                content = content.replace(b"127.0.0.1:9/", b"127.0.0.1:%d/" % port)
                assert not bench.room(content, one.target).accepted
                whole = bench.around(content) if one.target is FORM else content
                assert not bench.whole(whole).accepted
        assert tried >= 12
        with pytest.raises(BlockingIOError):
            server.accept()


# --- what the standard does not see: read as it was signed -----------------------------------------------------------


def reading(outcome: Outcome) -> bytes:
    """All that the gateway took from a dossier, but for its bytes and what is of the signing itself."""
    filing = outcome.filing
    assert filing is not None, outcome.codes
    parts = [(part.number, part.form, part.name, part.kind) for part in filing.parts]
    facts = (filing.unit, filing.tax_code, filing.period, filing.schema_versions, filing.route, filing.due)
    return pickle.dumps((facts, parts, [(one.code, one.value) for one in filing.findings]))


@pytest.mark.parametrize("how", harmless.SPLITS)
def test_a_text_split_after_signing_is_read_whole(how: str, bench: Bench) -> None:
    """<MaSoThue>01012<!---->34565</MaSoThue> is signed as one number, so it is read as one."""
    genuine = bench.signed(ENVELOPE)
    expected = reading(bench.whole(genuine))
    leaves = list(harmless.leaves(genuine))
    assert {b"MaSoBHXH", b"MaSoThue", b"KyKeKhai", b"NoiDungFile", b"MaThuTuc"} <= {leaf[1] for leaf in leaves}
    for leaf in leaves:
        assert reading(bench.whole(harmless.split(genuine, leaf, how))) == expected, leaf[1]
    assert reading(bench.whole(harmless.everywhere(bench, ENVELOPE, how))) == expected


@pytest.mark.parametrize("how", harmless.SPLITS)
def test_a_text_of_a_form_split_after_signing_is_judged_whole(how: str, bench: Bench) -> None:
    expected = reading(bench.whole(bench.signed(ENVELOPE)))
    genuine = bench.signed(FORM)
    for leaf in harmless.leaves(genuine):
        assert reading(bench.whole(bench.around(harmless.split(genuine, leaf, how)))) == expected, leaf[1]
    assert reading(bench.whole(bench.around(harmless.everywhere(bench, FORM, how)))) == expected


def test_what_a_schema_refuses_is_refused_however_its_text_is_split(bench: Bench) -> None:
    """A split must not hide a wrong value either: the holder signs a month that there is not."""
    wrong = bench.unsigned(FORM).replace(b"<TuThang>03/2026<", b"<TuThang>13/2026<")
    one = bench.holder
    signed = at_bench.sign(wrong, FORM.path, one.key, one.certificate, now=at_bench.NOW)
    codes = bench.whole(bench.around(signed)).codes
    assert codes
    for mark in (b"1<!---->3/2026", b"<!---->13/2026", b"13<![CDATA[/]]>2026"):
        split = signed.replace(b"13/2026", mark)
        assert split != signed
        assert bench.whole(bench.around(split)).codes == codes


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_nobody_signed_beside_the_content_is_not_read(target: Target, bench: Bench) -> None:
    whole: Callable[[bytes], bytes] = bench.around if target is FORM else bytes
    expected = reading(bench.whole(bench.signed(ENVELOPE)))
    for name, content in harmless.around_the_signature(bench, target).items():
        assert reading(bench.whole(whole(content))) == expected, name
