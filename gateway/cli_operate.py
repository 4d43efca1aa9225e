"""Commands of the operator: the database, the configuration, the audit."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.app import fetcher_of, knows_no_revocation, open_tables, open_the_database
from gateway.audit import Audit
from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    Commands,
    Parser,
    add_json,
    command,
    settings,
    table,
    thousands,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock, for_people, from_us, rfc3339
from gateway.config import Misconfigured, Settings
from gateway.facts import NOTHING, Confirmed, facts_in, open_catalogue, read_confirmed
from gateway.opened import open_migrated
from gateway.retention import Retention
from gateway.scanner import scanner_of
from gateway.seals import open_seal, refuse_unknown_seal
from gateway.settle import Stores
from gateway.start import SchemaMissing
from gateway.store_words import told_of
from schemas.catalogue import CatalogueError
from signing.seal import SealKeyUnusable
from storage.cipher import Cipher
from storage.database import DatabaseAway
from storage.migrations import SchemaUnknown, migrate, missing
from storage.vaults import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gateway.audit import Audited


# Of what is older than the last audit, so small a part is read again each time, unless told otherwise.
PARTS = 24
PARTS_MAX = 100_000
_PASSWORD = re.compile(r"(://[^:/@]*):[^@/]*@")


class _Looked(Struct, frozen=True):
    """One thing that `check-config` looked at: what was found, or what is wrong; and facts that nobody confirmed."""

    what: str
    found: str = ""
    wrong: str = ""
    unconfirmed: tuple[str, ...] = ()


def declare(commands: Commands[Parser]) -> None:
    """Declare `migrate`, `check-config` and `audit`."""
    schema = command(
        commands,
        "migrate",
        _migrate,
        says="Cập nhật cơ sở dữ liệu lên lược đồ hiện tại; chạy lại không đổi gì.",
        tells="Bring the database to today's schema; running it again changes nothing.",
        example="""
            motcua migrate
            motcua migrate --check      # chỉ xem; 1: còn thiếu · only look; 1: something is missing
        """,
    )
    schema.add_argument("--check", action="store_true", help="chỉ xem · only look")
    config = command(
        commands,
        "check-config",
        _check_config,
        says="Đọc cấu hình và mở thử mọi thứ; không in bí mật nào. 0: chạy được, 1: có chỗ sai.",
        tells="Read the configuration and open everything once; prints no secret. 0: fit to start, 1: not.",
        example="""
            motcua check-config
            MOTCUA_CONFIG=motcua.toml motcua check-config --json
        """,
    )
    add_json(config)
    audit = command(
        commands,
        "audit",
        _audit,
        says="Đối chiếu sổ, kho và nhật ký: từng hồ sơ đọc lại được, từng biên nhận còn đúng. 0: tất cả đúng.",
        tells="Walk journal, vault and log: every dossier's bytes come back, every receipt holds. 0: all of them.\n"
        "Whatever is new since the last sound audit, and a part of what is older; or, with --full, everything.",
        example="""
            motcua audit                        # mỗi giờ một lần · once an hour
            motcua audit --part 1/168           # đọc lại hết trong bảy ngày · all read again within seven days
            motcua audit --full --json
        """,
    )
    audit.add_argument("--full", action="store_true", help="đối chiếu lại tất cả · look at everything again")
    audit.add_argument(
        "--part", type=_a_part, default=PARTS, metavar="1/N", help="phần hồ sơ cũ đọc lại mỗi lần (mặc định 1/24)"
    )
    audit.add_argument("--no-packs", action="store_true", help="không đếm phần thừa trong kho · do not count orphans")
    add_json(audit)


def _migrate(asked: argparse.Namespace) -> int:
    told = settings()
    told.home_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_the_database(told)
    try:
        steps = missing(database) if asked.check else migrate(database)
    finally:
        database.close()
    listed = ", ".join(f"{number:04d}" for number in steps)
    if asked.check:
        print(f"Còn thiếu · missing: {listed}" if steps else "Đã mới nhất · up to date")
        return JUDGED_BAD if steps else DONE
    print(f"Đã áp dụng · applied: {listed}" if steps else "Đã mới nhất · up to date")
    return DONE


def _check_config(asked: argparse.Namespace) -> int:
    try:
        told = settings()
    except Misconfigured as error:
        looked = [_Looked("cấu hình · settings", wrong=str(error))]
        values: dict[str, object] = {}
    else:
        looked = _look(told)
        # A password may stand in a URL; whoever reads this need not know it.
        values = {
            name: _PASSWORD.sub(r"\1:***@", value) if isinstance(value, str) else value
            for name, value in msgspec.structs.asdict(told).items()
        }
    bad = any(one.wrong for one in looked)
    if asked.json:
        print(msgspec.json.encode({"ok": not bad, "settings": values, "checks": looked}).decode())
        return JUDGED_BAD if bad else DONE
    for line in table((f"MOTCUA_{name.upper()}", str(value) or "—") for name, value in values.items()):
        print(line)
    for one in looked:
        mark, says = ("✗", one.wrong) if one.wrong else ("✓", one.found)
        for line in wrapped(f"{mark} {one.what}: ", says, 0):
            print(line)
    print("CÓ CHỖ SAI · NOT fit to start" if bad else "Chạy được · fit to start")
    return JUDGED_BAD if bad else DONE


def _look(told: Settings) -> list[_Looked]:
    """Each thing opened by itself, so that one answer tells all that is wrong."""
    if not told.database_url and not (told.home_path / "motcua.sqlite").exists():
        first = "chưa có gì, lần chạy đầu sẽ tạo · nothing there yet, the first start makes it"
        return [
            _Looked(f"{told.home_path}", found=first),
            _try("bảng · tables", lambda: _tables(told)),
            _catalogue(told, NOTHING),
        ]
    return [
        _try("cơ sở dữ liệu · database", lambda: _database(told)),
        _try("kho · vault", lambda: _vault(told)),
        _try("khóa chính · master key", lambda: _master_key(told)),
        _try("khóa niêm phong · seal key", lambda: _seal(told)),
        _try("bảng · tables", lambda: _tables(told)),
        _catalogue(told, _confirmed(told)),
        _try("thu hồi chứng thư · revocation", lambda: _revocation(told)),
        _try("quét mã độc · scanner", lambda: _papers(told)),
        _try("thời hạn lưu giữ · retention", lambda: _retention(told)),
    ]


def _try(what: str, look: Callable[[], str]) -> _Looked:
    try:
        return _Looked(what, found=look())
    except OSError as error:
        return _Looked(what, wrong=f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        return _Looked(what, wrong=str(error))


def _database(told: Settings) -> str:
    with open_migrated(told) as database:
        return f"{database.dialect}, lược đồ mới nhất · up to date"


def _vault(told: Settings) -> str:
    vault = open_vault(told.vault)
    try:
        standing = vault.probe()
    finally:
        vault.close()
    return "; ".join(filter(None, (told.vault.partition("?")[0], told_of(standing))))


def _master_key(told: Settings) -> str:
    path = told.path("master_key", "master.key")
    Cipher.load(path)
    return str(path)


def _seal(told: Settings) -> str:
    now = SystemClock().now()
    seal = open_seal(told, now, keep=False)
    with open_migrated(told) as database:
        refuse_unknown_seal(seal, database, now)
    if troubles := seal.troubles(now):
        raise SealKeyUnusable("; ".join(troubles))
    return seal.signer_at(now).kid


def _tables(told: Settings) -> str:
    tables = open_tables(told, SystemClock().now())
    anchors = len(tables.trust.anchors)
    trusted = f"{anchors} gốc được tin · anchors" if anchors else "CHƯA có gốc được tin · NO anchor, nothing can pass"
    return f"{trusted}; {tables.offices.version}; {tables.policy.id}"


def _confirmed(told: Settings) -> Confirmed:
    """What an operator confirmed; nothing where the database cannot say, which is told with the database."""
    try:
        with open_migrated(told) as database:
            return read_confirmed(database, SystemClock().now().astimezone(VIETNAM).date())
    except (DatabaseAway, SchemaMissing, SchemaUnknown, OSError, ValueError):
        return NOTHING


def _catalogue(told: Settings, confirmed: Confirmed) -> _Looked:
    """How much may be filed by how many rules, what of it nobody has confirmed, and what is laid over it."""
    what, today = "danh mục · catalogue", SystemClock().now().astimezone(VIETNAM).date()
    try:
        catalogue = open_catalogue(told)
    except (CatalogueError, Misconfigured) as error:
        return _Looked(what, wrong=" ".join(str(error).split()))
    forms = catalogue.forms(today)
    counted = (
        f"{len(catalogue.procedures(today))} thủ tục · procedures, {len(forms)} biểu mẫu · forms, "
        f"{sum(len(form.rules.rules) for form in forms)} quy tắc · rules"
    )
    unsure = [
        fact
        for fact in facts_in(catalogue, today).values()
        if fact.certainty == "unconfirmed" and fact.id not in confirmed.words
    ]
    only_warning = [fact.id for fact in unsure if fact.refuses]
    said = f"{len(confirmed.words)} điều đã xác nhận · confirmed, {len(unsure)} chưa · not (motcua fact list)"
    if only_warning:
        said += f"; mới chỉ nhắc vì chưa xác nhận · only warn until confirmed: {', '.join(only_warning)}"
    over = f"; lớp phủ · laid over it: {told.catalogue}" if told.catalogue else ""
    return _Looked(what, found=f"{counted}; {said}{over}", unconfirmed=tuple(fact.id for fact in unsure))


def _revocation(told: Settings) -> str:
    fetcher_of(told)
    tables = open_tables(told, SystemClock().now())
    if knows_no_revocation(told, tables):
        raise ValueError(
            "không có đường nào tới dữ liệu thu hồi, mọi hồ sơ sẽ phải chờ · no way to revocation data, every dossier "
            "will stay pending (MOTCUA_REVOCATION_HOSTS, .crl)"
        )
    held = sum(1 for _ in tables.revocation.held())
    return f"{told.revocation_hosts or 'không hỏi ai · nobody is asked'}; {held} CRL"


def _retention(told: Settings) -> str:
    if not told.retention:
        return "chưa đặt: giữ mọi hồ sơ mãi mãi · not set, everything is kept for good"
    Retention.load(told.path("retention", ""), open_catalogue(told))
    return f"{told.retention} (theo đơn vị vận hành · the operator's word)"


def _papers(told: Settings) -> str:
    scanner_of(told.scanner)
    return told.scanner or "KHÔNG quét mã độc · papers are NOT scanned"


def _audit(asked: argparse.Namespace) -> int:
    told = settings()
    now = SystemClock().now()
    seal = open_seal(told, now, keep=False, to_seal=False)
    vault = open_vault(told.vault)
    try:
        with open_migrated(told) as database:
            stores = Stores(
                database=database,
                vault=vault,
                cipher=Cipher.load(told.path("master_key", "master.key")),
                seal=seal,
                gateway_unit=told.gateway_unit,
            )
            keys = {key.kid: key.jwk for key in seal.keys(now)}
            audit = Audit(stores, keys, _progress())
            found, mark = audit.go_on(now, parts=asked.part, whole=asked.full, packs=not asked.no_packs)
    finally:
        vault.close()
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    whole_since = from_us(mark.whole_since_us) if mark.whole_since_us is not None else None
    if asked.json:
        since = {"all_read_again_since": rfc3339(whole_since) if whole_since else None}
        told_so = {"ok": found.holds, **since, **msgspec.to_builtins(found)}
        print(msgspec.json.encode(told_so).decode())
    else:
        print("\n".join(_report(found, whole_since)))
    return DONE if found.holds else JUDGED_BAD


def _progress() -> Callable[[int], None]:
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda count: print(f"\r\x1b[K{thousands(count)} hồ sơ · dossiers", end="", file=sys.stderr, flush=True)


def _report(found: Audited, whole_since: datetime | None) -> list[str]:
    """The audit in less than a screenful, but for what does not hold: that is told one by one."""
    rows = [
        ("hồ sơ đã tiếp nhận · accepted", thousands(found.accepted), f"{thousands(found.content_bytes)} byte đọc lại"),
        ("hồ sơ không tiếp nhận · refused", thousands(found.refused), ""),
        ("hồ sơ kết luận sau · judged later", thousands(found.judged_later), ""),
        ("hồ sơ đã xóa · erased", thousands(found.erased), ""),
        ("sự kiện · facts", thousands(found.events), f"liền mạch đến · gap-free to {thousands(found.upto)}"),
        ("lá nhật ký · leaves", thousands(found.leaves), f"{thousands(found.logged)} trong cây · in the tree"),
        ("kỳ khóa sổ · closings", thousands(found.closings), ""),
    ]
    if found.since:
        rows.append(("  trong đó hồ sơ cũ đọc lại · older, again", thousands(found.again), _since(whole_since)))
    if found.packs:
        rows += [
            ("gói trong kho · packs", thousands(found.packs), f"{thousands(found.entries)} mục · entries"),
            ("mục không thuộc hồ sơ nào · orphans", thousands(found.orphans), "vô hại · harmless"),
            ("đoạn hỏng ngoài hồ sơ · gaps", thousands(found.gaps), ""),
        ]
    lines = table(rows)
    if found.packs_unread:
        lines.append(f"Không đếm được gói · packs not counted: {found.packs_unread}")
    for fault in found.faults:
        lines += wrapped(f"✗ {fault.subject}: ", f"{fault.vi} · {fault.en}", 0)
    if more := found.faults_count - len(found.faults):
        lines.append(f"  … và {thousands(more)} chỗ sai nữa · more")
    return [*lines, _verdict(found, whole_since)]


def _verdict(found: Audited, whole_since: datetime | None) -> str:
    """One line: whether every receipt still holds, as far as was looked."""
    if not found.holds:
        return f"{thousands(found.faults_count)} CHỖ SAI · FAULTS"
    verdict = "MỌI BIÊN NHẬN ĐỀU ĐÚNG · EVERY RECEIPT HOLDS"
    if found.since:
        verdict += f" (mới từ sự kiện · new since fact {thousands(found.since)}; {_since(whole_since)})"
    return verdict


def _since(whole_since: datetime | None) -> str:
    if whole_since is None:
        return "chưa đọc lại hết vòng nào · no round over all of them is through yet"
    return f"tất cả đã đọc lại từ · all read again since {for_people(whole_since)}"


def _a_part(text: str) -> int:
    """The type of `--part`: 1/24."""
    one, slash, parts = text.partition("/")
    if one != "1" or not slash or not parts.isascii() or not parts.isdigit() or not 1 <= int(parts[:6]) <= PARTS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a part like 1/24")
    return int(parts)
