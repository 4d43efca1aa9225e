"""What happens before the first request: the database is brought up to date, and everything opens once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import first_start
from gateway.app import fetcher_of, knows_no_revocation, open_stores, open_tables, open_the_database
from gateway.clock import SystemClock
from gateway.logbook import open_log
from gateway.seals import refuse_unknown_seal
from storage.migrations import migrate, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.config import Settings


class SchemaMissing(Exception):
    """The database lacks migrations. Run `motcua migrate`, then try again."""


def prepare(settings: Settings, *, demo: bool) -> Iterator[str]:
    """Make what a first start makes, open everything once, and tell, line by line, what a person should know.

    The embedded database is migrated here; a server is migrated by `motcua migrate`, once for all gateways. Raises what
    opening raises: then the gateway must not start. Trying again is safe.
    """
    settings.home_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_the_database(settings)
    try:
        if database.dialect == "sqlite":
            migrate(database)
        elif steps := missing(database):
            raise SchemaMissing(f"cơ sở dữ liệu thiếu bước {steps}: chạy `motcua migrate` · run `motcua migrate` first")
        for path in first_start.make_keys(settings, database):
            yield f"Đã tạo khóa · made a key: {path}"
        if demo:
            now = SystemClock().now()
            yield from _demo(settings, first_start.make_demo(settings, database, now))
            first_start.renew_demo_crls(settings, now)
    finally:
        database.close()
    settings.path("trust", "trust").mkdir(parents=True, exist_ok=True)
    if not first_start.is_trusting(settings):
        yield "CHƯA có chứng thư số gốc nào được tin: mọi chữ ký sẽ bị từ chối (thêm bằng `motcua trust add`)"
        yield "NO trust anchor yet: every signature will be refused (add one with `motcua trust add`)"
    now = SystemClock().now()
    stores = open_stores(settings, now)
    refuse_unknown_seal(stores.seal, stores.database, now)
    open_log(settings, stores.database, stores.seal, now)
    fetcher_of(settings)
    if knows_no_revocation(settings, open_tables(settings, now)):
        yield "KHÔNG có đường nào tới dữ liệu thu hồi (MOTCUA_REVOCATION_HOSTS, tệp .crl): mọi hồ sơ sẽ phải chờ"
        yield "NO way to revocation data (MOTCUA_REVOCATION_HOSTS, .crl files): every dossier will stay pending"
    stores.vault.close()
    stores.database.close()


def _demo(settings: Settings, secrets: object) -> list[str]:
    folder = settings.home_path / first_start.DEMO_FOLDER
    if secrets is None:
        kept = folder / first_start.SECRETS_FILE
        return [f"Tài khoản mẫu · demo clients: {kept}"] if kept.exists() else []
    lines = [
        "Đã tạo PKI, đơn vị và tài khoản mẫu · made a demo PKI, units and clients; the secrets are shown this once:"
    ]
    lines += [f"  {name:<13} {client} {secret}" for name, client, secret in first_start.read_secrets(folder)]
    return [*lines, f"  {folder / first_start.SECRETS_FILE} (0600)"]
