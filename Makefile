# Every target installs what it needs: Rust crates by cargo, Python packages into target/venv, and the
# emulator of `make e2e` into ORGPATCH_TOOLS, outside of the checkout.

ORGPATCH_TOOLS ?= $(HOME)/.cache/orgpatch-tools
export ORGPATCH_TOOLS

VENV := target/venv
PYTHON := $(VENV)/bin/python
# Policy linters, in an environment of their own: their pinned boto3 is another one.
CHECKOV := target/checkov
GUARD := target/cfn-guard
# cfn-guard comes with its rules, and a program for each kind of machine.
GUARD_BIN := $(GUARD)/package/bin/$(if $(filter Darwin,$(shell uname -s)),macos,ubuntu)/$(patsubst arm64,aarch64,$(shell uname -m))/cfn-guard
export ORGPATCH_CHECKOV := $(CURDIR)/$(CHECKOV)/bin/checkov
export ORGPATCH_CFN_GUARD := $(CURDIR)/$(GUARD_BIN) validate --rules $(CURDIR)/$(GUARD)/package/rules/control-tower/cfn-guard
EXAMPLE := src/sim/example-organization.json
RENDERED := target/rendered

.PHONY: test e2e bench soak

## Rust tests, then the templates and the documents' Python.
test: $(VENV)/.installed $(GUARD)/.installed
	cargo test --locked
	$(MAKE) $(RENDERED)
	ORGPATCH_RENDERED=$(CURDIR)/$(RENDERED) $(PYTHON) -m pytest tests/python -q \
		--cov=templates/scripts --cov-report=term:skip-covered --cov-fail-under=95
	$(VENV)/bin/ruff check templates tests/python tests/e2e tests/bench
	$(VENV)/bin/ruff format --check templates tests/python tests/e2e tests/bench

## The built binary against an emulator over HTTP: a whole rollout, update, removal, destroy.
e2e: $(VENV)/.installed
	tests/e2e/install-emulator
	cargo build --locked
	ORGPATCH_BIN=$(CURDIR)/target/debug/orgpatch $(PYTHON) -m pytest tests/e2e -q

## How fast it is: the plan over made-up organizations, and reading one beside a plain walk, against an
## emulator. Writes docs/benchmarks.md. Builds a release binary, which takes some ten minutes on two cores.
bench: $(VENV)/.installed
	tests/e2e/install-emulator
	cargo build --release --locked
	mkdir -p target/bench
	# A build without AWS, as the benchmark itself is, puts its binary in the same place.
	cp target/release/orgpatch target/bench/orgpatch
	ORGPATCH_BIN=$(CURDIR)/target/bench/orgpatch ORGPATCH_BENCHMARKS=$(CURDIR)/target/bench/plan.md \
		cargo bench --locked --no-default-features --bench plan
	ORGPATCH_BIN=$(CURDIR)/target/bench/orgpatch $(PYTHON) tests/bench/walk.py --markdown target/bench/walk.md
	cat benches/about.md target/bench/plan.md benches/beside.md target/bench/walk.md > docs/benchmarks.md

## The long run, which CI does not do: ten thousand random organizations with faults, and fuzzing. `SEED` is
## another one each time, and is printed.
SEED ?= $(shell date +%s)
CASES ?= 10000
FUZZ_SECONDS ?= 60
soak:
	@echo "SEED=$(SEED) CASES=$(CASES)"
	PROPTEST_CASES=$(CASES) PROPTEST_RNG_SEED=$(SEED) \
		cargo test --release --locked --no-default-features --test it -- convergence exclusion
	fuzz/run $(FUZZ_SECONDS)

# Templates and parameters of every example policy, and of policies that tests need beside them, as they
# would be sent.
.PHONY: $(RENDERED)
$(RENDERED):
	rm -rf $(RENDERED)
	cargo build --locked
	for policy in policies/*.yaml tests/fixtures/rendered/*.yaml; do \
		target/debug/orgpatch render $$policy --org $(EXAMPLE) \
			--out $(RENDERED)/$$(basename $$policy .yaml) >/dev/null || exit 1; \
	done

$(VENV)/.installed: tests/python/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
	touch $@

$(CHECKOV)/.installed: tests/python/linters.txt
	python3 -m venv $(CHECKOV)
	$(CHECKOV)/bin/pip install --quiet --disable-pip-version-check -r tests/python/linters.txt
	touch $@

$(GUARD)/.installed: $(CHECKOV)/.installed
	$(CHECKOV)/bin/pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(GUARD) cdklabs.cdk-validator-cfnguard==0.0.62
	tar -xzf $(GUARD)/cdklabs/cdk_validator_cfnguard/_jsii/*.tgz -C $(GUARD) \
		package/bin package/rules/control-tower/cfn-guard
	touch $@
