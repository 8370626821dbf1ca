# Everything that the project needs is set up by the targets themselves, and only when it is out of date: a target
# depends on the stamp of what it needs, and a stamp on the files that it was made from. The steps are in tools/.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
# The caller's own Python set-up does not reach into .venv.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV

python := .venv/bin/python
# Much of the suite waits, for a browser or a clock: more at once than there are processors.
workers := $(shell n=$$(nproc); echo $$((n < 5 ? n + 2 : 6)))
# What takes minutes to make is made once for all checkouts (tests/rig/cache).
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/muxboard-tests
checkov := $(cache)/checkov-$(shell sha256sum tests/packaging/checkov.lock | cut -c 1-12)
page := muxboard/web/static/index.html
# Folders count too: taking a file away changes its folder's time.
page_sources := $(shell find frontend/* -name node_modules -prune -o -print 2>/dev/null)

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

.PHONY: run
run: .venv/run.stamp $(page) ## Start the service on this machine's tmux; ARGS="--bind 127.0.0.1:9000" passes options
	@tools/need --warn ssh:openssh-client tmux:tmux
	@exec tools/run $(ARGS)

.PHONY: test
test: ready $(if $(T),,lint) ## Lint and run all tests; T="tests/web -k login" runs those tests only
	@exec $(if $(T),$(python) -m pytest $(T),tools/suite $(workers))

.PHONY: lint
lint: .venv/dev.stamp frontend/node_modules/.stamp ## Check style and types of Python and TypeScript
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	tools/npm run --silent check

.PHONY: bench
bench: .venv/dev.stamp $(page) ## Measure beside other programs and write bench/results.md; takes minutes
	@tools/need ssh:openssh-client sshd:openssh-server tmux:tmux
	@exec $(python) -m bench $(ARGS)

.PHONY: wheel
wheel: .venv/dev.stamp $(page) ## Build dist/*.whl, with the page in it
	$(python) -m hatchling build -t wheel

.PHONY: zipapp
zipapp: .venv/dev.stamp $(page) ## Build dist/*.pyz: one file that runs on every Python of shiv.toml
	@$(python) tools/zipapp

.PHONY: image
image: .venv/dev.stamp $(page) ## Build the container image with buildah, podman or docker; ARGS="--build-arg BASE=…"
	@tools/image $(ARGS)

.PHONY: release
release: .venv/dev.stamp frontend/node_modules/.stamp ## Build wheel, zipapp, image context, SBOM and checksums of a clean commit into dist/
	@$(python) tools/release

.PHONY: lock
lock: ## Resolve the Python locks anew
	tools/lock

.PHONY: ready
ready: .venv/dev.stamp $(checkov)/.stamp tests/proxies/node_modules/.stamp $(page)
	@tools/need apache2:apache2-bin buildah:buildah caddy:caddy chromium-headless-shell:chromium-headless-shell \
	  debootstrap:debootstrap git:git haproxy:haproxy nginx:nginx-light podman:podman redis-server:redis-server runc:runc \
	  ssh:openssh-client sshd:openssh-server sudo:sudo systemd-analyze:systemd tmux:tmux \
	  /usr/lib/apache2/modules/mod_auth_openidc.so:libapache2-mod-auth-openidc

# The alert rules are tested by it.
.PHONY: promtool
promtool:
	@tools/promtool --version >/dev/null
ready: promtool

.venv/run.stamp: requirements.lock tools/venv
	tools/venv requirements.lock
	@touch $@

# What the tests need includes what the service needs.
.venv/dev.stamp: requirements-dev.lock requirements.lock tools/venv
	tools/venv requirements-dev.lock
	@touch .venv/run.stamp $@

# In a folder of its own: it holds other versions of what the tests need.
$(checkov)/.stamp:
	tools/venv tests/packaging/checkov.lock $(checkov)
	@touch $@

# Not `npm ci`: it wants an entry for every platform's optional package, also of those that a registry may not carry.
# What is in the lock is installed as it is there, hashes checked, and tests/repo sees that nothing is missing in it.
frontend/node_modules/.stamp: frontend/package-lock.json
	tools/npm install --no-save --no-audit --no-fund --ignore-scripts
	@touch $@

# The identity provider of tests/proxies.
tests/proxies/node_modules/.stamp: tests/proxies/package-lock.json
	tools/npm --prefix ../tests/proxies install --no-save --no-audit --no-fund --ignore-scripts
	@touch $@

$(page): frontend/node_modules/.stamp $(page_sources)
	tools/npm run --silent build
	@touch $@
