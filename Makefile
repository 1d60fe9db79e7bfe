# Thin on purpose: each target names the script that does the work. Everything made lands in .cache/.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .cache/venv
PY := $(VENV)/bin/python

.PHONY: conform dist help venv ansible demo test test-lab test-salt test-faults campaign unit simulate lint docs bench lab-shell clean

help:
	@echo "make demo       lab up, a rolling upgrade under load, a report of what it did   (root)"
	@echo "make test       lint, unit, functional; as root also browser and integration, in the lab"
	@echo "make test-lab   the lab's own tests: elections, hand-over, crash, rejoin        (root, many minutes)"
	@echo "make test-salt  every Salt and Python that is supported, every layout of Salt that sites have: a table  (root, an hour)"
	@echo "make test-faults more faults of an upgrade than make test has time for   (root)"
	@echo "make campaign   N=200 random schedules of faults of an upgrade, each in a fresh lab; goes on where it was (root, hours)"
	@echo "make unit       unit tests only"
	@echo "make simulate   every single fault at every point of a run, and N=10000 random nights, in simulated time"
	@echo "make lint       ruff, mypy, yamllint, salt-lint, CLI examples, docs"
	@echo "make docs       the documentation as pages, in .cache/docs/html"
	@echo "make dist       sdist and wheel of the last commit, in .cache/dist, built twice alike and checked"
	@echo "make bench      the orchestration against the bare commands, by shell and by Salt, and Ansible (root)"
	@echo "make conform    CAPTURE=FILE: what a cluster of yours prints, against what the laboratory does  (root)"
	@echo "make lab-shell  a lab of your own, to try the extension by hand                 (root)"
	@echo "make venv       only the virtual environment (.cache/venv)"
	@echo "make clean      remove .cache, and what Python left behind"

venv:
	@PYTHON=$(PYTHON) tools/venv.sh

ansible:
	@PYTHON=$(PYTHON) tools/venv.sh ansible

demo bench lab-shell: root venv
bench: ansible
demo:
	@$(PY) -m tests.lab run -- $(PY) -m tests.lab.demo $(DEMO)

bench:
	@$(PY) -m tests.lab run -- $(PY) -m tests.lab.bench $(BENCH)

conform: root venv
	@test -n "$(CAPTURE)" || { echo "conform: say which capture: make conform CAPTURE=FILE" >&2; exit 2; }
	@$(PY) -m tests.lab.conform check "$(CAPTURE)"
	@$(PY) -m tests.lab run -- $(PY) -m tests.lab.conform compare "$(CAPTURE)"

lab-shell:
	@$(PY) -m tests.lab up && { $(PY) -m tests.lab shell; status=$$?; $(PY) -m tests.lab down; exit $$status; }

test: venv
	@tools/test.sh

test-lab: root venv
	@$(PY) -m tests.lab run -- $(PY) -m pytest -q tests/integration/test_lab_*.py

test-salt: venv
	@tools/test_salt.sh

test-faults: root venv
	@tools/test.sh faults

campaign: N = 200
campaign: root venv
	@$(PY) -m tests.lab run -- $(PY) -m tests.campaign --schedules $(N) $(CAMPAIGN)

unit: venv
	@$(PY) -m pytest -q tests/unit

simulate: N ?= 10000
simulate: venv
	@PYTHONPATH=_utils $(PY) -m tests.simulation many --nights $(N) $(SIMULATE)

lint: venv
	@tools/lint.sh

dist: venv
	@$(PY) tools/dist.py

docs: venv
	@tools/docs.sh
	@echo "the documentation: .cache/docs/html/index.html"

clean:
	@tools/clean.sh

.PHONY: root
root:
	@test "$$(id -u)" = 0 || { echo "The lab needs root: namespaces, overlay mounts and a network bridge of its own (nothing outside this checkout is changed). Run it as root." >&2; exit 1; }
