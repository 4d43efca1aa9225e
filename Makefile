# motcua: what people run. Each target works on a fresh machine with Python 3.11–3.13 (and its venv module), make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --root-user-action=ignore

.PHONY: help demo serve test check bench interop image-test test-ha test-ceph test-swift lock clean test-faults handlings due-cases routing-cases month-offices scans post-month
.DEFAULT_GOAL := help

help:
	@echo "make demo     play the line, and say in a screenful what happened"
	@echo "make serve    the gateway on its embedded default, with a demo PKI and demo clients"
	@echo "make test     the whole suite, with real PostgreSQL and S3 servers"
	@echo "make check    format, lint, types, fast tests: under a minute"
	@echo "make test-ha  PgBouncer in between, a standby promoted, a failover of Patroni's"
	@echo "make test-faults  the crash and fault campaign, with its table: minutes (SEED=, MINUTES=, ONLY=)"
	@echo "make due-cases  the table of due dates: worked out by hand, by the program, and by walking minute by minute"
	@echo "make routing-cases  the table of routing cases: who is competent, expected and worked out"
	@echo "make month-offices  a month of 50,000 dossiers over 40 offices, some silent or dying (DOSSIERS=, SEED=)"
	@echo "make post-month  a month of 5,000 items with losses, shortages and surplus, every one of which is found (ITEMS=, SEED=, DATABASE=)"
	@echo "make handlings  100,000 carriers' events shuffled, repeated and truncated against the same in order (EVENTS=, SEED=, DATABASE=)"
	@echo "make scans    synthetic scans at three qualities: how many pages file themselves, and none wrongly (SCANS=, SEED=)"
	@echo "make bench    the benchmarks beside their baselines, in one run"
	@echo "make image-test  build and start the image with buildah (root, buildah and debootstrap are needed)"
	@echo "make test-ceph   the vault's contract on a Ceph of three, killed and revived (root; Debian's packages)"
	@echo "make test-swift  the same on OpenStack Swift, the adversary"
	@echo "make interop  sign afresh with xmlsec1 and the JDK, and verify (both must be installed)"

# A stamp says which requirements the environment holds, so that a second run starts at once.
$(VENV)/run.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/run.stamp
	@$(BIN)/motcua demo

serve: $(VENV)/run.stamp
	@$(BIN)/motcua serve --demo

# Two processes, a file of tests in one of them: TEST_PROCESSES=1 for one after the other.
TEST_PROCESSES ?= 2
test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

check: $(VENV)/dev.stamp
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/hadolint docker/Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml > /dev/null
	@$(BIN)/python -m pytest -m "not slow" tests/house tests/schemas tests/signing tests/gateway/test_states.py tests/gateway/test_config.py tests/gateway/test_deadlines.py tests/gateway/test_due_cases.py tests/gateway/test_routing.py

# Minutes of real faults: root, gcc, iproute2 and iptables are needed for all of them. SEED=1 MINUTES=8 ONLY=power
test-faults: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.faults $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(foreach name,$(ONLY),--only $(name))

due-cases: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.gateway.due_table

routing-cases: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.gateway.routing_cases

# An hour and more; killed, it goes on where it was. DOSSIERS=5000 OFFICES=40 SEED=1 WORKERS=2 DATABASE=postgresql AFRESH=1
month-offices: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.offices $(if $(DOSSIERS),--dossiers $(DOSSIERS)) $(if $(OFFICES),--offices $(OFFICES)) \
		$(if $(SEED),--seed $(SEED)) $(if $(WORKERS),--workers $(WORKERS)) $(if $(DATABASE),--database $(DATABASE)) \
		$(if $(AFRESH),--afresh)

# Half a minute on SQLite, three on PostgreSQL. EVENTS=100000 SEED=1 DATABASE=postgresql
handlings: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.postal.shuffle $(if $(EVENTS),--events $(EVENTS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(DATABASE),--database $(DATABASE))

# Minutes: paper printed, spoilt at three qualities, read again and filed. SCANS=200 SEED=1 WORKERS=2
scans: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.mailroom $(if $(SCANS),--scans $(SCANS)) $(if $(SEED),--seed $(SEED)) $(if $(WORKERS),--workers $(WORKERS))

# Ten minutes of two cores. ITEMS=5000 SEED=1 DATABASE=postgresql
post-month: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.postal.month $(if $(ITEMS),--items $(ITEMS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(DATABASE),--database $(DATABASE))

bench: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.bench.run

interop: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest tests/lines/test_interop.py tests/signing -rs

# Targets of their own: their servers are Debian packages, and take minutes.
test-ha: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest tests/ha/test_standby.py tests/ha/failovers.py -s

# A target of its own: it makes a base system, which takes minutes and a package mirror.
image-test:
	@bash docker/build-test.sh

# The vault's contract on stores that take minutes and an installation (root; Debian's packages, or wheels of their own).
# What they saw is kept in tests/conformance/results and shown by storage/README.md.
CONFORMANCE = MOTCUA_CONFORMANCE_RECORD=tests/conformance/results MOTCUA_CONFORMANCE_BY="make $@"

test-ceph: $(VENV)/dev.stamp
	@$(CONFORMANCE) MOTCUA_CONFORMANCE_STORES=ceph,ceph-https $(BIN)/python -m pytest tests/conformance/test_vault.py
	@$(BIN)/python -m pytest tests/ceph/kills.py
	@$(BIN)/python -m tests.conformance.table --no-run --write > /dev/null

test-swift: $(VENV)/dev.stamp
	@$(CONFORMANCE) MOTCUA_CONFORMANCE_STORES=swift,swift-https $(BIN)/python -m pytest tests/conformance/test_vault.py
	@$(BIN)/python -m pytest tests/conformance/swift_kills.py
	@$(BIN)/python -m tests.conformance.table --no-run --write > /dev/null

# Locks name hashes and no index; run after a change of pyproject.toml, with the tool `uv` at hand.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet pyproject.toml --extra build -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) var build *.egg-info .mypy_cache .ruff_cache .hypothesis
