# Coterie: everything a person or a machine does with a checkout. `make help` lists it.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
WHEELS := build/wheels
LOCKS := requirements

# The first interpreter that is new enough; say PYTHON=/path/to/python to choose another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
CARGO := cargo
MANIFEST := kernels/Cargo.toml
NAME ?= logistic
MINUTES ?= 30
SEED ?= 7

# Directories count too: their times change when a file is added or removed.
SOURCES := $(shell find src kernels/src -not -path '*/__pycache__*' -not -name '*.so') \
	pyproject.toml README.md LICENSE $(MANIFEST) kernels/Cargo.lock

.PHONY: help demo example test bench soak lint format imports docs install develop wheel reproduce sbom lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: install $(STAMPS)/demo ## train a joint credit score of two parties on real data, by mpc and in a simulated TEE; results in build/demo
	$(BIN)/python examples/credit_score/demo.py

example: NAME = credit_scorecard
example: install $(STAMPS)/$(if $(filter digits,$(NAME)),test,demo) ## run one example, e.g. make example NAME=credit_scorecard; results in build/examples
	$(BIN)/python -m examples.$(NAME).run

test: install $(STAMPS)/test ## install what tests need and run them all, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadgroup

bench: install $(STAMPS)/test ## run one benchmark, e.g. make bench NAME=operations WORK=less_1e6; results in build/bench
	$(BIN)/python -m bench.run $(NAME) $(foreach work,$(WORK),--work $(work))

soak: install $(STAMPS)/test ## kill processes and hurt links while jobs of every engine run, e.g. make soak MINUTES=30 SEED=7; results in build/soak
	nice -n 5 $(BIN)/python -m soak.run --minutes $(MINUTES) --seed $(SEED) $(if $(ENGINES),--engines $(ENGINES))

lint: install $(STAMPS)/test ## style, types, import directions, clippy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/python -m tests.house.imports
	$(CARGO) fmt --manifest-path $(MANIFEST) --check
	PYO3_PYTHON=$(abspath $(BIN)/python) $(CARGO) clippy --manifest-path $(MANIFEST) --locked --all-targets --quiet -- -D warnings

format: $(STAMPS)/test ## put Python and Rust in the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(CARGO) fmt --manifest-path $(MANIFEST)

imports: $(STAMPS)/test ## check that imports go downwards only
	$(BIN)/python -m tests.house.imports

docs: install ## write the generated pages: docs/errors.md, docs/functions.md
	$(BIN)/python scripts/errors_page.py docs/errors.md
	$(BIN)/python scripts/functions_page.py docs/functions.md

install: $(STAMPS)/coterie ## make .venv with the locked dependencies and the wheel

develop: $(STAMPS)/locked ## like install, but edits of src/ take effect at once
	@touch $(VENV)/.editable
	@rm -f $(STAMPS)/coterie
	@$(MAKE) --no-print-directory install

wheel: $(STAMPS)/test ## build the wheel of the last commit reproducibly, the bill of its crates in it; build/dist
	$(BIN)/python -m scripts.wheel

reproduce: $(STAMPS)/test ## build the wheel of the last commit twice, apart, and compare the bytes (minutes)
	$(BIN)/python -m scripts.wheel --reproduce

sbom: $(STAMPS)/test ## write the bill of materials of all that is locked, CycloneDX; build/sbom
	$(BIN)/python -m scripts.sbom build/sbom/coterie.cdx.json

$(STAMPS)/venv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $(PYTHON)"; "$(PYTHON)" -m venv $(VENV); }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/locked: $(STAMPS)/venv $(LOCKS)/runtime.txt $(LOCKS)/build.txt
	@echo "installing the locked dependencies"
	@$(PIP) install --require-hashes -r $(LOCKS)/runtime.txt -r $(LOCKS)/build.txt
	@touch $@

$(STAMPS)/test: $(STAMPS)/locked $(LOCKS)/test.txt
	@echo "installing what tests need"
	@$(PIP) install --require-hashes -r $(LOCKS)/test.txt
	@touch $@

$(STAMPS)/demo: $(STAMPS)/locked $(LOCKS)/demo.txt
	@echo "installing what the demo compares with"
	@$(PIP) install --require-hashes -r $(LOCKS)/demo.txt
	@touch $@

# One abi3 wheel holds the Python package and the compiled crate.
$(STAMPS)/coterie: $(STAMPS)/locked $(SOURCES)
	@command -v $(CARGO) >/dev/null || { echo "a Rust toolchain is needed (cargo)" >&2; exit 1; }
	@if test -e $(VENV)/.editable; then \
		echo "building coterie (editable)"; \
		VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --locked --skip-install --quiet && \
		$(PIP) install --no-deps --no-build-isolation --editable .; \
	else \
		echo "building coterie"; \
		rm -rf $(WHEELS) && \
		$(BIN)/maturin build --release --locked --quiet --interpreter $(BIN)/python --out $(WHEELS) && \
		$(PIP) install --no-deps --force-reinstall $(WHEELS)/coterie-*.whl; \
	fi
	@touch $@

# Wants Python 3.11: a peer that `make bench` compares with has no wheels for newer ones.
LOCK_VENV := build/venvs/lock
COMPILE := env -u PIP_FIND_LINKS CUSTOM_COMPILE_COMMAND="make lock" $(LOCK_VENV)/bin/pip-compile --quiet \
	--generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock: ## renew the pinned, hashed lock files (add UPGRADE=--upgrade for newer versions)
	python3.11 -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check --no-input --quiet install --require-hashes -r $(LOCKS)/lock.txt
	$(COMPILE) $(UPGRADE) -o $(LOCKS)/runtime.txt pyproject.toml
	$(COMPILE) $(UPGRADE) --extra test -c $(LOCKS)/runtime.txt -o $(LOCKS)/test.txt pyproject.toml
	$(COMPILE) $(UPGRADE) --extra demo -c $(LOCKS)/test.txt -o $(LOCKS)/demo.txt pyproject.toml
	$(COMPILE) $(UPGRADE) -o $(LOCKS)/build.txt $(LOCKS)/build.in
	$(COMPILE) $(UPGRADE) -o $(LOCKS)/lock.txt $(LOCKS)/lock.in
	$(COMPILE) $(UPGRADE) -o $(LOCKS)/bench-spu.txt $(LOCKS)/bench-spu.in
	$(COMPILE) $(UPGRADE) -o $(LOCKS)/bench-openmined.txt $(LOCKS)/bench-openmined.in
	$(COMPILE) $(UPGRADE) -o $(LOCKS)/bench-flower.txt $(LOCKS)/bench-flower.in
	$(COMPILE) $(UPGRADE) -o $(LOCKS)/bench-grpc.txt $(LOCKS)/bench-grpc.in

clean: ## remove everything that was built, .venv included
	rm -rf build dist $(VENV) kernels/target .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f src/coterie/*.so
	find src tests bench soak examples scripts -name __pycache__ -type d -exec rm -rf {} +
