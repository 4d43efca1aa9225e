#!/bin/bash
# Builds the image where there is no container engine, and runs it: buildah with chroot isolation, over a base made by
# debootstrap that stands in for the official one. Shows that the Dockerfile's steps work and that the gateway answers
# as its own user; it cannot show limits, seccomp or a read-only root, for which a real engine is needed.
#
#   docker/build-test.sh            needs root, and the packages buildah and debootstrap
#   ROOTFS=folder                   a Debian root that is there already, with python3-venv and ca-certificates
#   KEEP=folder                     where base and layers are kept for the next run (default: var/image in the tree)
set -euo pipefail
cd "$(dirname "$0")/.."
KEEP=$(realpath -m "${KEEP:-var/image}")
SUITE=${SUITE:-bookworm}
BASE=localhost/motcua-base:$SUITE
IMAGE=localhost/motcua:build-test
mkdir -p "$KEEP"

for needed in buildah debootstrap; do
    command -v $needed >/dev/null || { echo "$needed is needed: install the package $needed" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "chroot isolation needs root" >&2; exit 2; }

say() { printf '\n== %s\n' "$*"; }

# A storage, a policy and a registry list of our own: nothing of the machine's is read or changed, nothing is pulled.
printf '[storage]\ndriver = "overlay"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' "$KEEP" "$KEEP" >"$KEEP/storage.conf"
printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$KEEP/policy.json"
printf 'unqualified-search-registries = ["localhost"]\nshort-name-mode = "disabled"\n' >"$KEEP/registries.conf"
export CONTAINERS_STORAGE_CONF=$KEEP/storage.conf CONTAINERS_REGISTRIES_CONF=$KEEP/registries.conf BUILDAH_ISOLATION=chroot
policy=(--signature-policy "$KEEP/policy.json")

if ! buildah images -q "$BASE" >/dev/null 2>&1; then
    root=${ROOTFS:-$KEEP/rootfs}
    if [ ! -e "$root/usr/bin/python3" ]; then
        say "base: debootstrap $SUITE"
        rm -rf "$root"
        # The mirror that this machine's apt is set up with.
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
        debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,tzdata "$SUITE" "$root" "$mirror" \
            >"$KEEP/debootstrap.log" || { tail "$KEEP/debootstrap.log" >&2; exit 2; }
    fi
    say "base: commit"
    new=$(buildah from scratch)
    buildah add -q "$new" "$root" / >/dev/null
    buildah commit -q "${policy[@]}" "$new" "$BASE" >/dev/null
    buildah rm "$new" >/dev/null
fi

# pip in the build is set up like pip here: its configuration as the build secret, its local folders and files mounted.
# The local folder of an index may link to its neighbours, so the folder above is mounted.
{
    echo '[global]'
    python3 -m pip config list | sed -nE "s/^[a-z:]+\.([a-z-]+)='(.*)'$/\1 = \2/p" | awk '!seen[$1]++'
} >"$KEEP/pip.conf"
mounts=()
for place in $(grep -oE '(file://)?/[^ ]+' "$KEEP/pip.conf"); do
    case $place in
        file://*) place=$(dirname "${place#file://}") ;;
    esac
    if [ -e "$place" ]; then mounts+=(--volume "$place:$place:ro"); fi
done

say "build"
buildah bud --format docker "${policy[@]}" --pull-never --network host --build-arg "BASE=$BASE" \
    --secret "id=pip,src=$KEEP/pip.conf" "${mounts[@]}" --file docker/Dockerfile --tag "$IMAGE" . >"$KEEP/build.log" 2>&1 ||
    { tail -n 40 "$KEEP/build.log" >&2; exit 1; }
buildah images "$IMAGE"

box=$(buildah from "${policy[@]}" --pull-never "$IMAGE")
server=
finish() {
    if [ -n "$server" ]; then
        kill -TERM -- "-$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    buildah rm "$box" >/dev/null
    # buildah mounts its storage on itself; left so, the folder could not be removed.
    umount "$KEEP/graph/overlay" 2>/dev/null || true
}
trap finish EXIT
inside() { buildah run --network host "$box" -- "$@"; }

say "who runs in it, and what it can write"
[ "$(inside id -u)" = 10001 ]
inside sh -c 'for place in / /opt/motcua /opt/motcua/bin /usr/local/bin; do if [ -w $place ]; then echo "$place can be written"; exit 1; fi; done'
inside sh -c '[ -w /var/lib/motcua ]'
inside sh -c 'if [ -e /opt/motcua/bin/pip ]; then echo "pip was left in it"; exit 1; fi'

say "what it holds: every room, and their tables"
inside python3 -c '
import storage, signing
from gateway.deadlines import Calendar
from gateway.routing import OfficeTable
from schemas.catalogue import Catalogue
Catalogue.load()
print(Calendar.load().version, OfficeTable.load().version, sep="\n")'

say "motcua --help"
inside motcua --help

# A gateway that trusts no certificate does not start; --demo makes a PKI of its own.
say "motcua serve --demo, asked by its own health check"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
buildah config --env "MOTCUA_PORT=$port" --env MOTCUA_HOST=127.0.0.1 "$box"
mapfile -t check < <(buildah inspect "$IMAGE" | python3 -c '
import json, sys
told = json.load(sys.stdin)["Docker"]["config"]
assert (told["Entrypoint"], told["Cmd"]) == (["motcua"], ["serve"]), told
print(*told["Healthcheck"]["Test"][1:], sep="\n")')
[ "${#check[@]}" -gt 0 ]
# A process group of its own, so that all of it is ended by its number.
set -m
inside motcua serve --demo >"$KEEP/serve.log" 2>&1 &
server=$!
set +m
for attempt in $(seq 60); do
    if inside "${check[@]}" 2>"$KEEP/health.log"; then
        echo "healthy at attempt $attempt"
        healthy=yes
        break
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.5
done
if [ "${healthy:-}" != yes ]; then
    tail -n 30 "$KEEP/serve.log" "$KEEP/health.log" >&2
    exit 1
fi
ps -o uid=,args= -C motcua --no-headers | head -n 3 || true
say "all held"
