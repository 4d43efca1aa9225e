"""The words and numbers that sample dossiers are made of, read from two files of data."""

from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

_FOLDER: Final = Path(__file__).parent


class Mix(msgspec.Struct, frozen=True):
    """The forms that a procedure's sample holds, in their order."""

    forms: tuple[str, ...]


UnitFact = Literal[
    "carrier", "carrier_name", "office", "office_name", "name", "code", "tax_code", "phone", "email", "signer",
    "address", "made_on", "period", "receipt",
]  # fmt: skip
PersonFact = Literal["born", "sex", "personal_id", "phone", "email", "account_holder"]


class Columns(msgspec.Struct, frozen=True):
    """Which columns of a form tell a fact of the unit, and which of a row tell a fact of its person."""

    unit: dict[str, UnitFact]
    person: dict[str, PersonFact]


class Carrier(msgspec.Struct, frozen=True):
    """The I-VAN provider that a sample names as its sender."""

    code: str
    name: str


class Numbers(msgspec.Struct, frozen=True):
    """Blocks of numbers that nobody is known to have been given."""

    tax_prefixes: tuple[str, str]
    insurance_prefix: str
    phone_prefix: str
    personal_serial_min: int


class Codes(msgspec.Struct, frozen=True):
    """Values of coded columns; published artefacts differ, so they stand in the data file."""

    male: str
    female: str
    country: str
    ethnicity: str
    unit_kind: str
    birth_precision: str
    benefit_level: str
    rate: str
    result_channel: str
    identity_paper: str


class Wages(msgspec.Struct, frozen=True):
    """Monthly wages in đồng: the least of each wage region, and how a sample rises above it."""

    minimum: dict[str, int]
    step: int
    spread_percent: int
    allowance_max: int


class Change(msgspec.Struct, frozen=True):
    """One reason of change (phương án), how often it comes, for how many months, its proof and the remark beside it."""

    code: str
    group: Literal["new", "joined", "back", "left", "died", "away", "maternity", "adjusted"]
    weight: int
    kind: str
    remark: str
    span: int = 0
    paper: str = ""
    mark: str = ""


class Job(msgspec.Struct, frozen=True):
    """What somebody does, the group of positions it belongs to, how often it is met, and its wage."""

    title: str
    position: Literal["nql", "cmktbc", "cmktbt", "khac"]
    weight: int
    wage_percent: int


class People(msgspec.Struct, frozen=True):
    """Names of people and of what they do."""

    families: tuple[str, ...]
    male_middles: tuple[str, ...]
    female_middles: tuple[str, ...]
    male_givens: tuple[str, ...]
    female_givens: tuple[str, ...]
    jobs: tuple[Job, ...]
    departments: tuple[str, ...]


class Hospital(msgspec.Struct, frozen=True):
    """A place of first medical care: its province and its five characters."""

    province: str
    code: str


class Streets(msgspec.Struct, frozen=True):
    """Streets found in every town, and places of first medical care."""

    streets: tuple[str, ...]
    hospitals: tuple[Hospital, ...]


class Firms(msgspec.Struct, frozen=True):
    """Parts of a firm's name."""

    kinds: tuple[str, ...]
    trades: tuple[str, ...]
    names: tuple[str, ...]


class Texts(msgspec.Struct, frozen=True):
    """Sentences that stand in forms and attachments."""

    list_title: str
    list_with: str
    registered: str
    contract_title: str
    contract_lines: tuple[str, ...]
    payroll_title: str


class Words(msgspec.Struct, frozen=True):
    """The whole of `sample_words.toml`."""

    procedures: dict[str, Mix]
    carrier: Carrier
    columns: Columns
    numbers: Numbers
    codes: Codes
    wages: Wages
    changes: tuple[Change, ...]
    people: People
    places: Streets
    firms: Firms
    texts: Texts


class Ward(msgspec.Struct, frozen=True):
    """A ward, commune or special zone: five digits and its name."""

    code: str
    name: str


class Province(msgspec.Struct, frozen=True):
    """A province since 01/07/2025: two digits, its name, a wage region, and some of its wards."""

    code: str
    name: str
    wage_region: str
    wards: tuple[Ward, ...]


class Places(msgspec.Struct, frozen=True):
    """The whole of `sample_places.toml`."""

    provinces: tuple[Province, ...]
    offices: dict[str, str]


@cache
def words() -> Words:
    """The words, read once."""
    return msgspec.toml.decode((_FOLDER / "sample_words.toml").read_bytes(), type=Words)


@cache
def places() -> Places:
    """The provinces, wards and offices, read once."""
    return msgspec.toml.decode((_FOLDER / "sample_places.toml").read_bytes(), type=Places)
