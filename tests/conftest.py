"""The servers of a test run, each started at the first test that asks for it; and what is fresh for every test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from storage.database import open_database
from storage.migrations import migrate
from tests.clocks import HandClock
from tests.servers import S3Server, postgres, seaweedfs, short_folder

# The suite is the same at every run, so that a red run can be run again; `HYPOTHESIS_PROFILE=default` explores further.
settings.register_profile("suite", derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

_numbers = itertools.count(1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of the run's PostgreSQL, its first database."""
    with short_folder() as folder, postgres(folder) as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_admin(postgres_server: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server.replace("+psycopg", "", 1), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def _postgres_migrated(postgres_server: str, _postgres_admin: psycopg.Connection) -> str:
    """Name of a database that has today's schema, made once: a copy of it takes a fifth of migrating another."""
    name = "migrated"
    _postgres_admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    database = open_database(_url_of(postgres_server, name))
    migrate(database)
    database.close()
    return name


@pytest.fixture
def postgres_url(postgres_server: str, _postgres_admin: psycopg.Connection) -> Iterator[str]:
    """URL of an empty database of the test's own; it is dropped after the test, whoever is still connected."""
    yield from _own_database(postgres_server, _postgres_admin, "template1")


@pytest.fixture
def postgres_migrated_url(
    postgres_server: str, _postgres_admin: psycopg.Connection, _postgres_migrated: str
) -> Iterator[str]:
    """The same of a database that has today's schema and nothing in it."""
    yield from _own_database(postgres_server, _postgres_admin, _postgres_migrated)


def _own_database(server: str, admin: psycopg.Connection, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)),
    )
    yield _url_of(server, name)
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _url_of(server: str, name: str) -> str:
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with short_folder() as folder, seaweedfs(folder) as server:
        yield server


@pytest.fixture(scope="session")
def _s3_credentials(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("s3") / "credentials"
    path.touch(mode=0o600)
    path.write_text(f"{s3_server.access_key}\n{s3_server.secret_key}\n")
    return path


@pytest.fixture(scope="session")
def s3_admin(s3_server: S3Server) -> Iterator["boto3.client"]:
    """The store as its administrator sees it: to make buckets, and to look behind the vault's back."""
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=s3_server.url,
        region_name="us-east-1",
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
    )
    yield client
    client.close()


@pytest.fixture
def s3_bucket(s3_admin: "boto3.client") -> Iterator[str]:
    """Name of an empty bucket of the test's own."""
    name = f"test-{next(_numbers)}"
    s3_admin.create_bucket(Bucket=name)
    yield name
    for page in s3_admin.get_paginator("list_objects_v2").paginate(Bucket=name):
        for found in page.get("Contents", []):
            s3_admin.delete_object(Bucket=name, Key=found["Key"])
    s3_admin.delete_bucket(Bucket=name)


@pytest.fixture
def s3_vault_url(s3_server: S3Server, s3_bucket: str, _s3_credentials: Path) -> str:
    """URL of a vault in an empty bucket of the test's own."""
    return f"s3://{s3_bucket}?endpoint={s3_server.url}&region=us-east-1&credentials={_s3_credentials}"
