"""Synthesis of environment files: one stage for each, checked; an environment that fails is left out.

Answers of an account, which `ultrafleet doctor` writes beside the files, refuse what it said no to, unless the context
is `answers=ignore`: what can't launch any more can still be deleted.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import aws_cdk as cdk

from ultrafleet.app.template_validation import template_checks
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
) -> Outcome:
    """Synthesise the environments of a folder.

    Args:
        folder: of the environment files.
        memory: folder that remembers what was found valid.
        app_file: the program that runs this; what it adds to a stage counts for the checks.
        today: day by which the age of an account's answers counts.
        customise: called with each environment's stage.

    Raises:
        FleetError: no environment file is there.
    """
    # A trace of jsii's kernel says nothing to a reader, and its temporary folders make two equal syntheses differ.
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False, stack_traces=False)
    # Relative, so that an error names the file as its reader does.
    folder = Path(os.path.relpath(folder))
    ignored = app.node.try_get_context("answers") == "ignore"
    made: list[tuple[Environment, Answers]] = []
    errors: list[FleetError] = []
    for path in environment_files(folder, only=app.node.try_get_context("environment")):
        try:
            (environment,) = load_environments(folder, only=path.stem)
            answers = Answers() if ignored else answers_beside(folder, environment, today=today)
            refuse_contradicted(folder, environment, answers)
            _add(app, path, environment, answers, customise)
        except FleetError as error:
            app.node.try_remove_child(path.stem)
            errors.append(error)
        else:
            made.append((environment, answers))
    if not made:
        return Outcome(errors=errors, findings=())
    checks = template_checks(memory, acknowledgements=[Path(acknowledgements.__file__), app_file])
    cdk.Validations.of(app).add_plugins(*checks)
    assembly = Path(app.synth().directory)
    for environment, answers in made:
        write_digest(assembly / f"assembly-{environment.name}", environment, settled(answers))
    return Outcome(errors=errors, findings=[finding for check in checks for finding in check.findings])


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
