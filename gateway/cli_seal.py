"""Commands of the operator for the keys that seal: which there are, a new one, one that was lost to others."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from gateway.cli_terms import (
    DONE,
    JUDGED_BAD,
    CannotWork,
    Commands,
    Parser,
    add_json,
    an_instant,
    command,
    group,
    settings,
    table,
)
from gateway.clock import SystemClock, for_people, rfc3339
from gateway.seals import history_path, open_seal
from signing.jwks import Standing
from signing.pkcs11_uri import is_pkcs11
from signing.seal import SealAway, SealKeyUnusable, Signer, create_seal_key, load_seal_key
from signing.seal_history import NOTICE_S, ChangeRefused
from signing.signer import prove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.config import Settings
    from signing.keyring import Keyring
    from signing.seal_history import HeldKey

_KID_CHARACTERS = 12
_PREFIX_CHARACTERS_MIN = 6
# A new key that seals sooner than this surprises those who pinned the keys of before.
_SUDDEN = timedelta(hours=1)
_WORDS = {
    Standing.IN_USE: "đang dùng · in use",
    Standing.UPCOMING: "sắp dùng · upcoming",
    Standing.RETIRED: "đã nghỉ · retired",
    Standing.COMPROMISED: "ĐÃ LỘ · COMPROMISED",
}


def declare(commands: Commands[Parser]) -> None:
    """Declare `seal list|rotate|retire|check`."""
    kinds = group(commands, "seal", says="Khóa niêm phong biên nhận.", tells="The keys that seal receipts.")
    show = command(
        kinds,
        "list",
        _list,
        says="Liệt kê mọi khóa cổng từng niêm phong, kèm thời gian dùng.",
        tells="List every key that the gateway ever sealed with, and when.",
        example="motcua seal list",
    )
    add_json(show)
    rotate = command(
        kinds,
        "rotate",
        _rotate,
        says="Công bố khóa mới ngay, niêm phong bằng nó từ 24 giờ sau; không phải khởi động lại.",
        tells="Publish a new key now, to seal with it in 24 hours; the gateway need not be restarted.",
        example="""
            motcua seal rotate                                  # tạo khóa P-256 mới trong MOTCUA_HOME · make a new key
            motcua seal rotate --from "01/04/2026 00:00"
            motcua seal rotate --key "pkcs11:token=cong;object=seal-2026?module-path=/usr/lib/softhsm/libsofthsm2.so&\
pin-source=file:/etc/motcua/pin"
        """,
    )
    _add_key(rotate)
    rotate.add_argument(
        "--from", dest="start", type=_when, metavar="TIME", help="lúc bắt đầu niêm phong, hoặc now · when it takes over"
    )
    add_json(rotate)
    retire = command(
        kinds,
        "retire",
        _retire,
        says="Khóa đã lộ: ngừng niêm phong bằng nó ngay, công bố là đã lộ, thay khóa mới nếu cần.",
        tells="A key was lost to others: stop sealing with it, publish that, put a new one in its place if needed.",
        example="""
            motcua seal retire kPrK_qmxVWaY --since "02/03/2026 08:30"
        """,
    )
    retire.add_argument(
        "kid",
        metavar="KID",
        help="tên khóa hoặc phần đầu, bỏ dấu - đứng trước · its name or how it begins, without a leading -",
    )
    retire.add_argument(
        "--since", type=an_instant, metavar="TIME", help="lộ từ lúc nào (mặc định: bây giờ) · since when (default: now)"
    )
    _add_key(retire)
    add_json(retire)
    check = command(
        kinds,
        "check",
        _check,
        says="Ký thử bằng từng khóa đang dùng và sắp dùng. 0: mọi khóa niêm phong được.",
        tells="Sign a probe with each key that seals or will. 0: all of them do.",
        example="motcua seal check",
    )
    add_json(check)


def _add_key(parser: Parser) -> None:
    parser.add_argument(
        "--key", metavar="FILE|URI", help="khóa mới: tệp PEM hoặc URI pkcs11: (mặc định: tạo mới) · the new key"
    )


def _when(text: str) -> datetime | Literal["now"]:
    return "now" if text == "now" else an_instant(text)


def _open(told: Settings, now: datetime, *, keep: bool = False) -> Keyring:
    return open_seal(told, now, keep=keep, to_seal=False)


def _list(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    keys = _open(settings(), now).keys(now)
    if asked.json:
        print(msgspec.json.encode([_shown(key, now) for key in keys]).decode())
        return DONE
    rows = [("KHÓA", "TRẠNG THÁI", "NIÊM PHONG TỪ", "ĐẾN TRƯỚC", "NƠI GIỮ")]
    for key in keys:
        standing = _WORDS[key.standing(now)]
        since = f" ({for_people(key.compromised_at)})" if key.compromised_at else ""
        begins, ends = (for_people(at) if at else "—" for at in (key.seals_from, key.seals_until))
        rows.append((key.kid[:_KID_CHARACTERS], standing + since, begins, ends, key.source))
    print("\n".join(table(rows)))
    return DONE


def _shown(key: HeldKey, now: datetime) -> dict[str, object]:
    instants = ("published_at", "seals_from", "seals_until", "compromised_at")
    told = {name: rfc3339(at) if (at := getattr(key, name)) else None for name in instants}
    return {
        "kid": key.kid,
        "alg": key.jwk["alg"],
        "status": key.standing(now).value,
        **told,
        "retired_reason": key.retired_reason,
        "source": key.source,
    }


def _rotate(asked: argparse.Namespace) -> int:
    told, now = settings(), SystemClock().now()
    ring = _open(told, now, keep=True)
    starts = now if asked.start == "now" else asked.start or now + timedelta(seconds=NOTICE_S)
    with _new_key(asked.key, told, now) as (signer, source):
        new = ring.rotate(signer, source, now, starts)
    if asked.json:
        print(msgspec.json.encode(_shown(new, now)).decode())
        return DONE
    begins = for_people(new.seals_from or now)
    print(f"Khóa mới · new key  {new.kid}  ({new.source})")
    print(f"Đã công bố tại /v1/keys; niêm phong từ {begins}, khóa trước nghỉ lúc đó và vẫn được công bố mãi.")
    print(f"Published at /v1/keys; seals from {begins} on, the key before it ends then and stays published for ever.")
    print("Mỗi máy của cổng phải đọc được khóa mới trước lúc đó: chạy `motcua seal check` trên từng máy.")
    if (new.seals_from or now) < now + _SUDDEN:
        print("CHÚ Ý: ai đã ghim khóa cũ phải tải lại /v1/keys ngay · NOTE: whoever pinned keys must fetch them again")
    return DONE


def _retire(asked: argparse.Namespace) -> int:
    told, now = settings(), SystemClock().now()
    ring = _open(told, now, keep=True)
    kid = _named(ring, asked.kid, now)
    since = asked.since or now
    with ExitStack() as making:
        new = ring.retire(kid, since, now, lambda: making.enter_context(_new_key(asked.key, told, now)))
    if asked.json:
        print(msgspec.json.encode({"kid": kid, "successor": _shown(new, now) if new else None}).decode())
        return DONE
    print(f"Khóa · key {kid}: đã công bố là lộ từ {for_people(since)} · published as compromised since then.")
    print("Biên nhận do khóa này niêm phong chỉ còn giá trị khi có bằng chứng độc lập (dấu thời gian, nhật ký) rằng đã")
    print("có trước lúc đó · receipts under it now need a proof from elsewhere that they were there before.")
    if new:
        begins = for_people(new.seals_from or now)
        print(f"Khóa thay thế · the key in its place  {new.kid}  ({new.source}), từ · from {begins}")
    return DONE


def _named(ring: Keyring, begins: str, now: datetime) -> str:
    if len(begins) < _PREFIX_CHARACTERS_MIN:
        raise CannotWork(f"{begins}: cần ít nhất {_PREFIX_CHARACTERS_MIN} ký tự · too short to name a key")
    # A name may begin with the sign of an option: then it is told without.
    found = [key.kid for key in ring.keys(now) if key.kid.lstrip("-").startswith(begins.lstrip("-"))]
    if len(found) != 1:
        raise CannotWork(f"{begins}: {len(found)} khóa có tên như vậy · {len(found)} keys are called so")
    return found[0]


@contextmanager
def _new_key(named: str | None, told: Settings, now: datetime) -> Iterator[tuple[Signer, Path | str]]:
    """The key that was named, or one made afresh beside the history, which goes again if the change is refused."""
    if named is not None:
        source: Path | str = named if is_pkcs11(named) else Path(named)
        signer = load_seal_key(source)
        prove(signer)
        yield signer, source
        return
    path = history_path(told).with_name(f"seal-{now:%Y%m%dT%H%M%S%f}.pem")
    made = create_seal_key(path)
    try:
        yield made, path
    except ChangeRefused:
        # After any other failure the key may be in the history already.
        path.unlink()
        raise


def _check(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    ring = _open(settings(), now)
    living = [key for key in ring.keys(now) if key.standing(now) in (Standing.IN_USE, Standing.UPCOMING)]
    found = [(key, _fault(ring, key)) for key in living]
    current = next((key for key in living if key.standing(now) is Standing.IN_USE), None)
    bad = current is None or any(wrong for _, wrong in found)
    if asked.json:
        checks = [{**_shown(key, now), "wrong": wrong} for key, wrong in found]
        print(msgspec.json.encode({"ok": not bad, "keys": checks}).decode())
        return JUDGED_BAD if bad else DONE
    for key, wrong in found:
        mark, says = ("✗", wrong) if wrong else ("✓", f"ký thử đúng · the probe holds ({key.source})")
        print(f"{mark} {key.kid[:_KID_CHARACTERS]} {_WORDS[key.standing(now)]}: {says}")
    if current is None:
        print("✗ KHÔNG có khóa nào đang dùng: cổng không cấp được biên nhận · NO key in use: nothing can be sealed")
    return JUDGED_BAD if bad else DONE


def _fault(ring: Keyring, key: HeldKey) -> str:
    try:
        prove(ring.load(key))
    except (SealKeyUnusable, SealAway) as error:
        return str(error)
    return ""
