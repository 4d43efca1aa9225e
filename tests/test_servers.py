"""The suite's own servers: they keep what they acknowledged, they flush, and they listen on loopback only."""

import os
import subprocess
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest

from tests.servers import S3Server, ServerFailed, _running, copied_install, postgres, seaweedfs, short_folder


def test_postgres_is_a_real_one_with_fsync_on(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        for setting, value in [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")]:
            assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)
        version = connection.execute("SELECT current_setting('server_version_num')::int").fetchone()
        assert version is not None
        assert version[0] >= 180000


@pytest.mark.parametrize("time", ["first", "second"])
def test_every_test_gets_an_empty_database(postgres_url: str, time: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE left_behind (x int)")


@pytest.mark.parametrize("time", ["first", "second"])
def test_every_test_gets_an_empty_bucket(s3_bucket: str, s3_admin: "boto3.client", time: str) -> None:
    assert s3_admin.list_objects_v2(Bucket=s3_bucket).get("KeyCount") == 0
    s3_admin.put_object(Bucket=s3_bucket, Key="left behind", Body=b"x")


def test_postgres_keeps_its_rows_over_a_restart() -> None:
    with short_folder() as folder:
        with postgres(folder) as url, psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE kept (x int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        with postgres(folder) as url, psycopg.connect(url.replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT x FROM kept").fetchone() == (7,)


def test_the_copy_of_postgres_runs_where_the_virtual_environment_cannot_be_reached(tmp_path: Path) -> None:
    answer = subprocess.run(
        [copied_install(tmp_path) / "initdb", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("initdb (PostgreSQL) 18")


def test_the_store_listens_on_loopback_only(s3_server: S3Server) -> None:
    listening = [c for c in psutil.Process(s3_server.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_the_store_leaves_no_socket_behind() -> None:
    with short_folder() as folder, seaweedfs(folder) as server:
        bound = {Path(c.laddr) for c in psutil.Process(server.pid).net_connections("unix") if c.laddr}
        assert bound
    assert not any(path.exists() for path in bound)


def test_the_store_keeps_its_objects_over_a_restart() -> None:
    with short_folder() as folder:
        for time in ("first", "second"):
            with seaweedfs(folder) as server:
                client = boto3.session.Session().client(
                    "s3",
                    endpoint_url=server.url,
                    region_name="us-east-1",
                    aws_access_key_id=server.access_key,
                    aws_secret_access_key=server.secret_key,
                )
                if time == "first":
                    client.create_bucket(Bucket="kept")
                    client.put_object(Bucket="kept", Key="k", Body=b"7")
                with client.get_object(Bucket="kept", Key="k")["Body"] as body:
                    assert body.read() == b"7"
                client.close()


def test_the_store_reports_to_nobody(s3_server: S3Server) -> None:
    assert "-master.telemetry=false" in psutil.Process(s3_server.pid).cmdline()


def test_a_server_that_does_not_start_is_a_failure_with_its_last_words(tmp_path: Path) -> None:
    words = ["/bin/sh", "-c", "echo no room left; exit 1"]
    with (
        pytest.raises(ServerFailed, match="no room left"),
        _running(lambda _: words, lambda _: False, ports=1, log=tmp_path / "log"),
    ):
        pass


def test_a_server_ends_with_its_context(tmp_path: Path) -> None:
    sleeper = ["/bin/sleep", "1000"]
    with _running(lambda _: sleeper, lambda _: True, ports=1, log=tmp_path / "log") as (process, _):
        os.kill(process.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
