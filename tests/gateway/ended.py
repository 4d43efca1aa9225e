"""Dossiers that have come to their end, by the facts that a back office would report."""

import msgspec

from gateway import course, states
from gateway.clock import to_us
from gateway.house import House
from gateway.report_rules import ENDING
from storage import courses, journal
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, a_dossier

EVERYTHING = journal.Scope(everything=True)


def accepted(gateway: Inhouse, seed: int, token: str) -> dict[str, str]:
    answer = gateway("POST", "/v1/dossiers", token, content=a_dossier(seed))
    assert answer.status_code == 201
    told: dict[str, str] = answer.json()
    return told


def taken(gateway: Inhouse, office: str) -> None:
    """The office takes all its work."""
    for work in gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 50}).json()["work"]:
        assert gateway("POST", f"/v1/leases/{work['lease']}/acknowledge", office, json={}).status_code == 200


def reported(house: House, dossier_id: str, *facts: str, now: object = None) -> None:
    """What the office reports, in facts, and how far that brings the dossier's course."""
    with house.database.begin() as tx:
        turn = journal.take_turn(tx)
        dossier = journal.dossier(tx, dossier_id, EVERYTHING)
        assert dossier is not None
        state = states.State(dossier.state)
        for fact in facts:
            state = states.after(state, fact)
            event = journal.Event(
                seq=turn.next(),
                dossier=dossier.id,
                type=fact,
                at_us=to_us(house.clock.now()),
                actor="office-1",
                detail=msgspec.json.encode({"reason": "Nguyễn Văn Ẩn nhờ trả lại"}).decode(),
                unit=dossier.unit,
                submitter=dossier.submitter,
                office=dossier.competent_office,
            )
            journal.record(tx, [event], {dossier.id: state.value})
            come = course.course_of(tx, dossier, house.clock.now())
            if fact in ENDING:
                courses.put(tx, msgspec.structs.replace(come, ended_at_us=event.at_us))
            elif fact == "returned":
                courses.put(tx, msgspec.structs.replace(come, returned_at_us=event.at_us))
        journal.end_turn(tx, turn)


def finished(gateway: Inhouse, *seeds: int) -> list[dict[str, str]]:
    """Dossiers that were accepted, taken, worked on and finished."""
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    made = [accepted(gateway, seed, employer) for seed in seeds]
    taken(gateway, office)
    for one in made:
        reported(gateway.house, one["dossier"], "work-started", "finished")
    return made
