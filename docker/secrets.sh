#!/bin/sh
# Makes what docker/compose.yaml must be given: secrets as files, a folder for trust anchors, and .env.
# Run again it adds what is missing and replaces nothing: a lost master key cannot be made again.
set -eu
umask 027
cd "$(dirname "$0")"
mkdir -p secrets trust
chmod 0750 secrets
chmod 0755 trust

# make NAME COMMAND...: the command's output becomes the secret, whole or not at all.
make() {
    name=secrets/$1
    shift
    [ -e "$name" ] && return
    "$@" >"$name.new"
    chmod 0640 "$name.new"
    mv "$name.new" "$name"
    echo "made docker/$name"
}
word() { openssl rand -hex "$1" | tr -d '\n'; }
key_pair() { printf '%s\n%s\n' "$(word 10)" "$(word 20)"; }
s3_config() {
    printf '{"identities":[{"name":"motcua","credentials":[{"accessKey":"%s","secretKey":"%s"}],' \
        "$(sed -n 1p secrets/s3)" "$(sed -n 2p secrets/s3)"
    printf '"actions":["Read:motcua","Write:motcua","List:motcua"]}]}\n'
}

make database_password word 24
make s3 key_pair
make s3_config.json s3_config
make master_key openssl rand 32
make seal_key.pem openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256
make log_key.pem openssl genpkey -algorithm Ed25519
make absence_key.pem openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048
# Containers run under users of their own; the group that owns the files lets them read.
[ -e .env ] || echo "MOTCUA_SECRETS_GID=$(id -g)" >.env
