# Targets of a repository of environment files: set up, synthesise, deploy, rehearse. It belongs to the library, which
# replaces it with `ultrafleet init --upgrade`; your own targets go into Makefile.
# Everything a fresh machine needs is Python >= 3.11 with venv, make, and the package registries.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
READY := .venv/.ready
# What `make setup` installs on top of the lock; quoted, because a folder's name may have spaces.
ALSO_INSTALL ?=
export PATH := $(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_NODE := $(BIN)/node
# The registries are the only part of the network that a command here may reach.
export CDK_DISABLE_CLI_TELEMETRY := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

ENV ?=
# The shell reads the name as a variable, never as a part of a command.
export FLEET_ENVIRONMENT = $(ENV)
PROGRAMME ?=
export FLEET_PROGRAMME = $(PROGRAMME)
AS_OF ?=
# Set here, so that a variable of the shell's doesn't choose the account: only a word of the command does.
AWS = embedded
FAULT ?=
ACCEPT ?=
PURGE ?=
VERBOSE ?=
PYTEST_ARGS ?=

# Equal texts, one word or none: `filter` would find a word among several.
is = $(if $(subst x$(1),,x$(2))$(subst x$(2),,x$(1)),,yes)

.PHONY: help setup synth programme deploy destroy stop rehearse rollout

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install the pinned tools (done by every other target when a lock changed)

$(READY): requirements.lock package-lock.json
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"python {sys.version.split()[0]} found, 3.11 or newer expected: make PYTHON=/path/to/python")'
	@echo "setting up: Python packages, Node and the CDK CLI, from the locks"
	@"$(PYTHON)" -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	@$(if $(ALSO_INSTALL),.venv/bin/python -m pip install --quiet $(ALSO_INSTALL))
	@# npm's progress says nothing; its log says why it failed.
	@npm ci --no-progress > .venv/npm.log 2>&1 || { cat .venv/npm.log >&2; echo "npm ci failed: the CDK CLI isn't installed" >&2; exit 1; }
	@touch $@

synth: $(READY) ## every environment, or ENV=name -> cdk.out/, and a summary (warns about what is over today, or at AS_OF=date)
	@# Not through the CDK CLI, which adds its start to what the app says itself.
	@python app.py synth $(if $(ENV),"$$FLEET_ENVIRONMENT") $(if $(AS_OF),--as-of $(AS_OF))

programme: $(READY) ## PROGRAMME=name: every cell of it -> cdk.out/programmes/name; only what changed is made
	@$(if $(PROGRAMME),,echo "PROGRAMME is not set, expected the name of a programme: make programme PROGRAMME=half-a-million" >&2; exit 2)
	@ultrafleet programme synth "$$FLEET_PROGRAMME"

# The embedded AWS is the default, so that nobody deploys to an account by accident.
deploy: $(READY) env $(if $(call is,$(AWS),real),synth) ## ENV=name to an embedded AWS (FAULT=name injects one, VERBOSE=1 shows every line), or AWS=real: synth, preflight (ACCEPT="key …"), your account
	@$(if $(call is,$(AWS),real),ultrafleet preflight "$$FLEET_ENVIRONMENT" $(foreach key,$(ACCEPT),--accept '$(key)') \
	  && for stacks in $$(ultrafleet stacks "$$FLEET_ENVIRONMENT"); do cdk deploy --exclusively --app cdk.out "$$stacks"; done,\
	  ultrafleet local deploy "$$FLEET_ENVIRONMENT" $(if $(FAULT),--fault $(FAULT)) $(if $(VERBOSE),--verbose))

destroy: $(READY) env ## what `make deploy` deployed: ENV=name (PURGE=1: what is retained, too), AWS=real for your account
	@# Before: once the stacks are deleted, CloudFormation no longer knows what it left.
	@$(if $(call is,$(AWS),real),left=$$(ultrafleet retained "$$FLEET_ENVIRONMENT") \
	  && cdk destroy "$$FLEET_ENVIRONMENT/**" --context "environment=$$FLEET_ENVIRONMENT" --context answers=ignore && echo "$$left",\
	  ultrafleet local destroy "$$FLEET_ENVIRONMENT" $(if $(PURGE),--purge) $(if $(VERBOSE),--verbose))

stop: $(READY) env ## the embedded AWS of ENV=name, which then forgets everything
	@ultrafleet local stop "$$FLEET_ENVIRONMENT"

# Nothing of the real one depends on this machine: run again, here or elsewhere, it goes on where it stopped.
rollout: $(READY) where programme ## the cells of PROGRAMME=name in waves, to an embedded AWS (FAULT="cell=name" injects one), or AWS=real: your accounts
	@$(if $(call is,$(AWS),real),ultrafleet programme rollout "$$FLEET_PROGRAMME" --check \
	  && make --no-print-directory --file="stacks/programmes/$$FLEET_PROGRAMME.rollout.mk" rollout,\
	  ultrafleet local rollout "$$FLEET_PROGRAMME" $(foreach one,$(FAULT),--fault '$(one)'))

.PHONY: env where
where:
	@$(if $(call is,$(AWS),real)$(call is,$(AWS),embedded),,echo "AWS is neither embedded nor real" >&2; exit 2)
	@$(if $(filter file command,$(firstword $(origin AWS))),,echo "AWS is set by the environment: say it in the command, make $(firstword $(MAKECMDGOALS)) AWS=embedded" >&2; exit 2)

env:
	@$(if $(ENV),,echo "ENV is not set, expected the name of an environment: make $(firstword $(MAKECMDGOALS)) ENV=dev" >&2; exit 2)
	@$(if $(call is,$(AWS),real)$(call is,$(AWS),embedded),,echo "AWS is neither embedded nor real" >&2; exit 2)
	@$(if $(filter file command,$(firstword $(origin AWS))),,echo "AWS is set by the environment: say it in the command, make $(firstword $(MAKECMDGOALS)) AWS=embedded" >&2; exit 2)

rehearse: $(READY) env ## scenarios of ENV=name on a simulated clock
	@ultrafleet rehearse "$$FLEET_ENVIRONMENT"
