"""Synthesis of environment files: one stage for each, checked; an environment that fails is left out.

Answers of an account, which `ultrafleet doctor` writes beside the files, refuse what it said no to, unless the context
is `answers=ignore`: what can't launch any more can still be deleted.
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import aws_cdk as cdk

from ultrafleet.app.template_validation import Engine, template_checks
from ultrafleet.doctor import Answers
from ultrafleet.doctor.synthesis import answers_beside, refuse_contradicted, settled
from ultrafleet.environment import Environment, environment_files, load_environments
from ultrafleet.environment.digest import write_digest
from ultrafleet.environment.located import located
from ultrafleet.errors import FleetError
from ultrafleet.stacks import acknowledgements
from ultrafleet.stacks.fleet_stage import FleetStage


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of a synthesis.

    Attributes:
        errors: of the environments that are not in the assembly, in the order of their files.
        findings: of the checks, a line each.
    """

    errors: Sequence[FleetError]
    findings: Sequence[str]


def synthesise(
    *,
    folder: Path,
    memory: Path,
    app_file: Path,
    today: date,
    customise: Callable[[FleetStage], None] | None,
    engine: Engine | None,
) -> Outcome:
    """Synthesise the environments of a folder.

    Args:
        folder: of the environment files.
        memory: folder that remembers what was found valid.
        app_file: the program that runs this; what it adds to a stage counts for the checks.
        today: day by which the age of an account's answers counts.
        customise: called with each environment's stage.
        engine: gives CDK's validation engine. None where a process that comes after holds the templates to its rules.

    Raises:
        FleetError: no environment file is there.
    """
    # Relative, so that an error names the file as its reader does.
    folder = Path(os.path.relpath(folder))
    app = _app()
    paths = environment_files(folder, only=app.node.try_get_context("environment"))
    made, errors = _add_stages(app, paths, today, customise)
    if errors:
        # A stage that failed half-way can't be taken out of its app, and its folder is there already.
        good = {environment.name for environment, _ in made}
        for path in paths:
            if path.stem not in good:
                shutil.rmtree(Path(app.outdir) / f"assembly-{path.stem}", ignore_errors=True)
        app = _app()
        made, _ = _add_stages(app, [path for path in paths if path.stem in good], today, customise)
    if not made:
        return Outcome(errors=errors, findings=())
    checks = template_checks(memory, acknowledgements=[Path(acknowledgements.__file__), app_file], engine=engine)
    cdk.Validations.of(app).add_plugins(*checks)
    try:
        assembly = Path(app.synth().directory)
    except RuntimeError:  # without the CDK CLI, CDK itself refuses what the checks object to
        findings = [finding for check in checks for finding in check.findings]
        if not findings:
            raise
        return Outcome(errors=errors, findings=findings)
    for environment, answers in made:
        write_digest(assembly / f"assembly-{environment.name}", environment, settled(answers))
    return Outcome(errors=errors, findings=[finding for check in checks for finding in check.findings])


def _app() -> cdk.App:
    # A trace of jsii's kernel says nothing to a reader, and its temporary folders make two equal syntheses differ.
    return cdk.App(
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
        stack_traces=False,
        # Said here, too: a program that loads CDK first has its Node started before the variables are set.
        context=json.loads(os.environ["CDK_CONTEXT_JSON"]) if "CDK_CONTEXT_JSON" in os.environ else None,
        outdir=os.environ.get("CDK_OUTDIR"),
    )


def _add_stages(
    app: cdk.App, paths: Sequence[Path], today: date, customise: Callable[[FleetStage], None] | None
) -> tuple[list[tuple[Environment, Answers]], list[FleetError]]:
    """Add a stage for each file; the environments that have one, and the errors of the others."""
    ignored = app.node.try_get_context("answers") == "ignore"
    made: list[tuple[Environment, Answers]] = []
    errors: list[FleetError] = []
    for path in paths:
        try:
            (environment,) = load_environments(path.parent, only=path.stem)
            answers = Answers() if ignored else answers_beside(path.parent, environment, today=today)
            refuse_contradicted(path.parent, environment, answers)
            _add(app, path, environment, answers, customise)
        except FleetError as error:
            errors.append(error)
        else:
            made.append((environment, answers))
    return made, errors


def _add(
    app: cdk.App,
    path: Path,
    environment: Environment,
    answers: Answers,
    customise: Callable[[FleetStage], None] | None,
) -> None:
    try:
        stage = FleetStage(app, environment=environment, answers=answers)
        if customise is not None:
            customise(stage)
    except FleetError as error:
        raise located(path, error) from error
    acknowledgements.acknowledge(stage, environment)
