"""Employees who do not exist: names, numbers, contracts and the change that is reported for each."""

import random
import unicodedata
from datetime import date, timedelta
from itertools import accumulate
from typing import Final

import msgspec

from schemas.sample_words import Change, Job, Province, Ward, places, words

# Every such employee is a newly registered one and has a row in TK1-TS.
NEW_EVERY: Final = 5

_AGE_MIN_DAYS: Final = 19 * 366
_AGE_MAX_DAYS: Final = 55 * 365
_MOTHER_AGE_MAX_DAYS: Final = 45 * 365
# A contract of fixed term lasts at most so long and may follow another once (Labour Code 45/2019/QH14, Art. 20).
_FIXED_TERM_MONTHS_MAX: Final = 36
_TENURE_MONTHS_MAX: Final = 144
_TWENTY_FIRST_CENTURY: Final = 2000
_FEMALE_SHARE: Final = 0.52
_HAZARDOUS_SHARE: Final = 0.06
_ALLOWANCE_SHARE: Final = 0.35
_OPEN_CONTRACT_SHARE: Final = 0.55
_OTHER_CONTRACT_SHARE: Final = 0.05


class Home(msgspec.Struct, frozen=True):
    """An address: province, ward, and the line as it is written."""

    province: Province
    ward: Ward
    line: str


class Employee(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a list of employees; dates that do not apply are None.

    `insurance_number` is empty for the newly registered: the number is what they are to be given.
    """

    row: int
    name: str
    male: bool
    born: date
    personal_id: str
    insurance_number: str
    phone: str
    birth: Home
    home: Home
    job: Job
    department: str
    wage: int
    allowance: int
    change: Change
    paper: int
    day: date
    start: date | None
    end: date | None
    hired: date
    contract: str
    contract_from: date
    contract_to: date | None
    left: date | None
    died: date | None
    hazardous: bool

    @property
    def new(self) -> bool:
        """Whether this employee is registered for the first time."""
        return not self.insurance_number

    @property
    def gone(self) -> bool:
        """Whether this employee leaves the unit with this dossier."""
        return self.left is not None


def dice(*marks: object) -> random.Random:
    """A source of chance that gives the same for the same marks, on every machine and release of Python."""
    return random.Random("\x1f".join(map(str, marks)))  # noqa: S311 - repeatable on purpose; nothing here is secret


def later(day: date, months: int) -> date:
    """The first day of the month that lies `months` after the month of `day` (before it, if negative)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def plain(text: str) -> str:
    """The text in ASCII letters, as people write it where no diacritics can stand."""
    bare = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in bare if letter.isascii())


def person_name(chance: random.Random, *, male: bool) -> str:
    """A full name whose middle and given names suit the gender."""
    people = words().people
    middles, givens = (
        (people.male_middles, people.male_givens) if male else (people.female_middles, people.female_givens)
    )
    return f"{chance.choice(people.families)} {chance.choice(middles)} {chance.choice(givens)}"


def phone_number(chance: random.Random) -> str:
    """Ten digits in a block that is not in use."""
    return f"{words().numbers.phone_prefix}{chance.randrange(10**6):06d}"


def a_home(chance: random.Random, province: Province) -> Home:
    """An address in that province, written without a district."""
    ward = chance.choice(province.wards)
    street = chance.choice(words().places.streets)
    return Home(province, ward, f"Số {chance.randrange(1, 400)} đường {street}, {ward.name}, {province.name}")


def unit_province(chance: random.Random, office: str) -> Province:
    """The province in which a unit of that office sits: the one of the same code, else any, since codes are older."""
    known = {province.code: province for province in places().provinces}
    return known.get(office[1:3]) or chance.choice(places().provinces)


def employees_of(
    chance: random.Random, count: int, period: date, province: Province, *, declared: bool
) -> list[Employee]:
    """The employees of one list, in the month that begins with `period`, at a unit in that province.

    Unless the newcomers are `declared` (in a TK1-TS), they bring a number: without one they would have to be.
    """
    crew = _Crew(chance, period, province, declared=declared)
    return [crew.next(row) for row in range(1, count + 1)]


class _Crew:
    """Draws employees one after another and never gives two of them the same number."""

    def __init__(self, chance: random.Random, period: date, province: Province, *, declared: bool) -> None:
        self._chance = chance
        self._period = period
        self._province = province
        self._declared = declared
        self._taken: set[str] = set()
        changes = words().changes
        self._newcomer = next(change for change in changes if change.group == "new")
        self._any = tuple(change for change in changes if change.weight)
        self._not_mothers = tuple(change for change in self._any if change.group != "maternity")
        self._any_up_to = tuple(accumulate(change.weight for change in self._any))
        self._not_mothers_up_to = tuple(accumulate(change.weight for change in self._not_mothers))
        self._jobs_up_to = tuple(accumulate(job.weight for job in words().people.jobs))

    def next(self, row: int) -> Employee:
        chance, period = self._chance, self._period
        male = chance.random() >= _FEMALE_SHARE
        born = period - timedelta(days=chance.randrange(_AGE_MIN_DAYS, _AGE_MAX_DAYS))
        change = self._change(row, male=male, born=born)
        hired = self._hired(change, born)
        start, end = self._span(change)
        died = period - timedelta(days=chance.randrange(1, 26)) if change.group == "died" else None
        left = period - timedelta(days=1) if change.group == "left" else died
        contract, contract_from, contract_to = self._contract(hired, left or period)
        number = self._insurance_number()
        birth = a_home(chance, chance.choice(places().provinces))
        job = chance.choices(words().people.jobs, cum_weights=self._jobs_up_to)[0]
        return Employee(
            row=row,
            name=person_name(chance, male=male),
            male=male,
            born=born,
            personal_id=self._personal_id(birth.province, born, male=male),
            insurance_number="" if self._declared and change.group == "new" else number,
            phone=phone_number(chance),
            birth=birth,
            home=a_home(chance, self._province),
            job=job,
            department=chance.choice(words().people.departments),
            wage=self._wage(job),
            allowance=self._allowance(),
            change=change,
            paper=chance.randrange(1, 2000),
            day=left or (hired if change.group in ("new", "joined") else period),
            start=start,
            end=end,
            hired=hired,
            contract=contract,
            contract_from=contract_from,
            contract_to=left or contract_to,
            left=left,
            died=died,
            hazardous=chance.random() < _HAZARDOUS_SHARE,
        )

    def _change(self, row: int, *, male: bool, born: date) -> Change:
        if row % NEW_EVERY == 1:
            return self._newcomer
        mother = not male and (self._period - born).days <= _MOTHER_AGE_MAX_DAYS
        pool, up_to = (self._any, self._any_up_to) if mother else (self._not_mothers, self._not_mothers_up_to)
        return self._chance.choices(pool, cum_weights=up_to)[0]

    def _hired(self, change: Change, born: date) -> date:
        if change.group in ("new", "joined"):
            return self._period + timedelta(days=self._chance.randrange(5))
        grown_up = date(born.year + 18, born.month, 1)
        hired = later(self._period, -self._chance.randrange(2, _TENURE_MONTHS_MAX))
        return max(hired, later(grown_up, 1))

    def _span(self, change: Change) -> tuple[date | None, date | None]:
        if not change.span:
            return None, None
        start = self._period + timedelta(days=self._chance.randrange(28))
        months = change.span if change.group == "maternity" else self._chance.randrange(change.span) + 1
        return start, later(self._period, months) - timedelta(days=1)

    def _contract(self, hired: date, at: date) -> tuple[str, date, date | None]:
        draw = self._chance.random()
        months = (at.year - hired.year) * 12 + at.month - hired.month
        if draw < _OPEN_CONTRACT_SHARE or months >= 2 * _FIXED_TERM_MONTHS_MAX:
            return "open", hired, None
        kind = "other" if draw > 1 - _OTHER_CONTRACT_SHARE else "fixed"
        # The contract in force: the later of those that followed one another since the hiring.
        begun = months - months % _FIXED_TERM_MONTHS_MAX
        begins = later(hired, begun) if begun else hired
        return kind, begins, later(begins, _FIXED_TERM_MONTHS_MAX) - timedelta(days=1)

    def _wage(self, job: Job) -> int:
        wages = words().wages
        percent = job.wage_percent + self._chance.randrange(wages.spread_percent)
        least = wages.minimum[self._province.wage_region]
        # Rounded up, so that nobody falls below the least.
        return -(-least * percent // (100 * wages.step)) * wages.step

    def _allowance(self) -> int:
        wages = words().wages
        if self._chance.random() >= _ALLOWANCE_SHARE:
            return 0
        return wages.step * self._chance.randrange(1, wages.allowance_max // wages.step)

    def _personal_id(self, province: Province, born: date, *, male: bool) -> str:
        century = 2 if born.year >= _TWENTY_FIRST_CENTURY else 0
        head = f"0{province.code}{century + (0 if male else 1)}{born.year % 100:02d}"
        return self._unused(head, words().numbers.personal_serial_min, 10**6, 6)

    def _insurance_number(self) -> str:
        return self._unused(words().numbers.insurance_prefix, 0, 10**8, 8)

    def _unused(self, head: str, least: int, above: int, width: int) -> str:
        while (number := f"{head}{self._chance.randrange(least, above):0{width}d}") in self._taken:
            pass
        self._taken.add(number)
        return number
