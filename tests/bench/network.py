"""The real servers beside which the embedded default is measured: PostgreSQL and an S3 store, both fsyncing."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import boto3
import psycopg
from psycopg import sql

from tests.bench.stacks import Stack, on_network
from tests.servers import postgres, seaweedfs, short_folder


@contextmanager
def servers() -> Iterator[Callable[[], Stack]]:
    """The servers up; each call gives the gateway on an empty database and an empty bucket."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        postgres_folder = stack.enter_context(short_folder())
        server = stack.enter_context(postgres(postgres_folder))
        store = stack.enter_context(seaweedfs(folder))
        admin = stack.enter_context(psycopg.connect(server.replace("+psycopg", "", 1), autocommit=True))
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=store.url,
            region_name="us-east-1",
            aws_access_key_id=store.access_key,
            aws_secret_access_key=store.secret_key,
        )
        stack.callback(client.close)
        credentials = folder / "credentials"
        credentials.touch(mode=0o600)
        credentials.write_text(f"{store.access_key}\n{store.secret_key}\n")
        numbers = itertools.count(1)

        def fresh() -> Stack:
            name = f"bench-{next(numbers)}"
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            client.create_bucket(Bucket=name)
            database = urlsplit(server)._replace(path=f"/{name}").geturl()
            return on_network(database, f"s3://{name}?endpoint={store.url}&region=us-east-1&credentials={credentials}")

        yield fresh
