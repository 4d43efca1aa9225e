"""Two gigabytes through a gateway, in and out, and its memory meanwhile: `python -m tests.bench.large [papers]`."""

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from signing.demo_pki import make_pki
from tests.lines.gateways import prepare, serving
from tests.lines.large import (
    MIB,
    Lap,
    begin,
    fetch,
    large_dossier,
    submit_upload,
    submit_whole,
    upload_rest,
    weighing,
)

# As many papers as an envelope may name, beside its three forms, each as large as a paper may be.
PAPERS = 97
PAPER_BYTES = 20 * MIB


def main() -> int:
    """Prints a line a step; 1 when the gateway took more memory than the bar."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PAPERS
    folder = Path(tempfile.mkdtemp(prefix="motcua-large-"))
    try:
        home = prepare(folder / "home", make_pki(datetime.now(UTC)))
        path, other = folder / "upload.asice", folder / "whole.asice"
        sha256 = large_dossier(home, path, count=count, size_bytes=PAPER_BYTES)
        size = path.stat().st_size
        print(f"{count} papers, {size} bytes ({size / MIB:.0f} MiB)", flush=True)
        heaviest = 0
        with serving(home) as gateway:
            lap = Lap()

            def step(name: str, took_s: float, bytes_max: int) -> None:
                nonlocal heaviest
                heaviest = max(heaviest, bytes_max)
                speed = size / MIB / took_s
                print(f"{name:<34} {took_s:7.1f} s {speed:7.0f} MiB/s   PSS {bytes_max / MIB:5.0f} MiB", flush=True)

            with weighing(lambda: gateway.pid) as weight:
                upload = begin(gateway, size)
                upload_rest(gateway, upload, path)
            step("uploaded in parts of 32 MiB", lap(), weight.bytes_max)
            with weighing(lambda: gateway.pid) as weight:
                answer = submit_upload(gateway, upload)
                assert answer.status_code == 201, answer.text
            step("submitted by reference: 201", lap(), weight.bytes_max)
            with weighing(lambda: gateway.pid) as weight:
                assert fetch(gateway, answer.json()["dossier"]) == (200, sha256, size)
            step("fetched, the digest is right", lap(), weight.bytes_max)
            path.unlink()
            sha256 = large_dossier(home, other, count=count, size_bytes=PAPER_BYTES, seed=1)
            size = other.stat().st_size
            lap()
            with weighing(lambda: gateway.pid) as weight:
                answer = submit_whole(gateway, other)
                assert (answer.status_code, answer.json()["sha256"]) == (201, sha256.hex())
            step("another, submitted in one body: 201", lap(), weight.bytes_max)
        print(f"at most {heaviest / MIB:.0f} MiB (PSS); the bar is 300 MiB")
        return int(heaviest > 300 * MIB)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
