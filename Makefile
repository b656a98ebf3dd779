# make run   a simulated branch on http://localhost:8080/, on a fresh machine
# make test  the whole test suite, with what it needs
# make check style and types · make bench figures beside yardsticks · make fmt formats

PYTHON ?= python3
# one more than cores: tests wait for brokers, browsers and clocks more than they compute
TESTERS ?= 3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-for-tests

.PHONY: run test check bench fmt

run: $(STAMP)
	@sh config/mosquitto/install.sh $(VENV)/mosquitto
	@exec $(VENV)/bin/gateway run --config gateway.toml

test: $(TEST_STAMP)
	@sh tests/install.sh
	$(PY) -m pytest --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder

check: $(TEST_STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(TEST_STAMP)
	@sh tests/install.sh
	$(PY) tests/bench/run.py

fmt: $(TEST_STAMP)
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "The gateway needs Python 3.11 or newer; this is $$($(PYTHON) --version)."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing. Install it, then run make again:"; \
	    echo "  sudo apt-get install -y python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): setup.cfg pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[push]'
	@touch $@

$(TEST_STAMP): setup.cfg pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(STAMP) $@
