# The targets of every repository of environments, as `ultrafleet init` writes them, and those of the library's own.
# This repository is the library: it is installed from here.
ALSO_INSTALL := --no-deps --no-build-isolation --editable .
include constructs/ultrafleet/starter/files/fleet.mk

# Scanners of templates bring a hundred packages, of which the library needs none.
SCANNERS := .venv-scan
# The site's generator, too, is none of the library's.
SITE := .venv-site

# Hundreds of tests start the command, which is a second slower where Python may not write what it compiled.
COMPILED := python -m compileall -q constructs/ultrafleet

.PHONY: test test-fast docs site golden lint check check-programme scan bench lock wheel clean

test: $(READY) ## every test (PYTEST_ARGS="-k name")
	@$(COMPILED)
	@python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

test-fast: $(READY) ## all but the slow: nothing is deployed, the CDK CLI isn't started
	@python -m pytest -n auto --dist worksteal -m 'not slow' $(PYTEST_ARGS)

docs: golden ## write every generated page and picture again, and build the site; `make test` fails while one differs
	@# By their names, so that a new one is found; what update effects are is read by pages.
	@for tool in tests/tools/update_effects.py tests/tools/acceptance_table.py tests/tools/argument_tables.py tests/tools/*_{document,example,picture}.py; do python "$$tool"; done
	@$(MAKE) --no-print-directory site

site: $(SITE)/.ready ## the documents as a site that works offline -> site/; a dead link fails
	@NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --quiet --strict

$(SITE)/.ready: site.lock
	@echo "setting up: the site's generator, from its lock"
	@"$(PYTHON)" -m venv --clear $(SITE)
	@$(SITE)/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r site.lock
	@touch $@

golden: $(READY) ## write tests/golden: the templates of the shipped environments, as reviewers read them
	@python tests/tools/golden.py

lint: $(READY) ## ruff and mypy
	@ruff format --check .
	@ruff check .
	@mypy
	@mypy tests/repository/typing_api.py

check: synth ## cfn-lint and our own policy over every synthesised template
	@python tests/tools/lint_templates.py cdk.out
	@ultrafleet check cdk.out

check-programme: programme ## cfn-lint and our own policy over every kind of cell of PROGRAMME=name, each with all of its stacks
	@cells=$$(python tests/tools/programme_sample.py "cdk.out/programmes/$$FLEET_PROGRAMME") \
	  && python tests/tools/lint_templates.py $$cells && ultrafleet check $$cells

# Acknowledgements are those of every environment, so every one is synthesised.
scan: override ENV :=
scan: synth $(SCANNERS)/.ready ## checkov and cloudsplaining over every synthesised template; both from a lock of their own
	@PYTHONPATH=tests $(SCANNERS)/bin/python -m tools.scan_templates cdk.out

$(SCANNERS)/.ready: scan.lock
	@echo "setting up: checkov and cloudsplaining, from their lock"
	@"$(PYTHON)" -m venv --clear $(SCANNERS)
	@$(SCANNERS)/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r scan.lock
	@touch $@

bench: $(READY) ## synthesis, check and review beside their rivals -> docs/benchmarks/
	@python benchmarks/run.py
	@python benchmarks/commands.py
	@python benchmarks/policy.py
	@python benchmarks/plans.py

lock: $(READY) ## compile requirements.lock again from pyproject.toml, scan.lock and site.lock from scan.in and site.in, release.lock from release.in
	@uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --output-file requirements.lock $(LOCK_ARGS)
	@# Of a repository that `ultrafleet init` makes: the same versions, without what works on the library alone.
	@echo pytest | uv pip compile --quiet pyproject.toml - --extra app --extra picture --extra plan --extra preflight \
	  --extra rehearsal --constraint requirements.lock --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --output-file constructs/ultrafleet/starter/files/requirements.lock $(LOCK_ARGS)
	@uv pip compile --quiet scan.in --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --output-file scan.lock $(LOCK_ARGS)
	@uv pip compile --quiet site.in --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --output-file site.lock $(LOCK_ARGS)
	@uv pip compile --quiet release.in --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --output-file release.lock $(LOCK_ARGS)

wheel: $(READY) ## the wheel and the source distribution -> dist/; `ultrafleet init` takes the wheel
	@python -m hatchling build -d dist

clean: ## forget everything that the targets made
	@rm -rf .venv $(SCANNERS) $(SITE) site node_modules cdk.out .cache
