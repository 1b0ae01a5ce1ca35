"""Every template that leaves this app was validated, and one that did not change is not validated again.

Most of the time and memory of a synth is CDK's validation engine (see docs/decisions/0008). What was found valid is
remembered by the SHA-256 of the template, so a run that changes nothing doesn't start the engine at all.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import aws_cdk as cdk
import jsii
from constructs import IConstruct

from ultrafleet.errors import FleetError

_REMEMBERED = 5000
"""Digests kept; some forty bytes each, so the file stays small whatever the fleet."""


_NOT_UNKNOWN = {"Unknown resource type 'AWS::EC2::SecondaryNetwork'"}
"""Types that the engine of aws-cdk-lib 2.276 doesn't know, though its own classes and CloudFormation's schemas have
them (cfn-lint 1.58, high)."""


@jsii.implements(cdk.IPolicyValidationContext)
class Templates:
    """A validation context that names the templates to look at.

    Args:
        stacks: their stacks.
        context: context of the app that they are of. Default: none, so that rules over constructs have none to look at.
    """

    def __init__(
        self, stacks: Sequence[cdk.PolicyValidationStack], context: cdk.IPolicyValidationContext | None = None
    ) -> None:
        self._stacks = list(stacks)
        self._context = context

    @property
    def template_paths(self) -> list[str]:
        """Paths of the templates."""
        return [stack.template_path for stack in self._stacks]

    @property
    def stack_templates(self) -> list[cdk.PolicyValidationStack]:
        """The stacks."""
        return self._stacks

    @property
    def account_id(self) -> str | None:
        """None: each stack has its own."""
        return None

    @property
    def region(self) -> str | None:
        """None: each stack has its own."""
        return None

    @property
    def app_construct(self) -> IConstruct:
        """The app that the stacks are of."""
        if self._context is None:
            raise FleetError(
                path="validation context", verb="has", got="no app", expected="rules that look at templates"
            )
        return self._context.app_construct


Engine = Callable[[], cdk.CloudFormationValidatePlugin]
"""Function that gives CDK's validation engine, which takes a second to start."""
Check = Callable[[Sequence[cdk.PolicyValidationStack], cdk.IPolicyValidationContext], list[cdk.PolicyViolation]]


def cloudformation_rules(
    stacks: Sequence[cdk.PolicyValidationStack],
    context: cdk.IPolicyValidationContext,
    *,
    engine: Engine = cdk.CloudFormationValidatePlugin,
) -> list[cdk.PolicyViolation]:
    """CDK's own validation: schemas and rules of CloudFormation."""
    violations = engine().validate(Templates(stacks, context)).violations
    return [violation for violation in violations if violation.description not in _NOT_UNKNOWN]


def security_rules(
    stacks: Sequence[cdk.PolicyValidationStack], context: cdk.IPolicyValidationContext
) -> list[cdk.PolicyViolation]:
    """cdk-nag's AWS Solutions rules and its rules of NIST 800-53 R5, over the constructs of the stacks."""
    # Loading them takes longer than a synth that needs no check.
    from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks  # noqa: PLC0415

    packs = (AwsSolutionsChecks(verbose=True), NIST80053R5Checks(verbose=True))
    violations: list[cdk.PolicyViolation] = []
    for stack in stacks:
        # By its path: to ask every construct of the app for its own takes as long as the rules.
        scope = context.app_construct
        for part in stack.stack_construct_path.split("/"):
            scope = scope.node.find_child(part)
        for pack in packs:
            violations.extend(pack.validate_scope(scope).violations)
    return violations


@jsii.implements(cdk.IPolicyValidationPlugin)
class ChangedTemplates:
    """A validation plugin that runs a check on the templates that were not found valid before.

    Args:
        name: name of the check, in reports and in the memory.
        check: the check.
        memory: folder that remembers. Deleting it is safe: everything is validated once more.
        fingerprint: whatever else the verdict depends on: versions, acknowledgements.
    """

    def __init__(self, *, name: str, check: Check, memory: Path, fingerprint: str) -> None:
        self._name = name
        self._check = check
        self._file = memory / f"valid-{name}.json"
        self._fingerprint = fingerprint
        self.findings: list[str] = []
        """Errors of the last run, a line each."""

    @property
    def name(self) -> str:
        """Name in the report."""
        return self._name

    @property
    def version(self) -> str | None:
        """The check's own version is part of the fingerprint."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """Not enumerated."""
        return None

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Check what is new and remember what is valid."""
        known = self._remembered()
        changed = {digest: stack for stack in context.stack_templates if (digest := self._digest(stack)) not in known}
        if not changed:
            return cdk.PolicyValidationPluginReport(success=True, violations=[])
        violations = self._check(list(changed.values()), context)
        errors = [violation for violation in violations if violation.severity in {"error", "fatal"}]
        self.findings = [_describe(violation) for violation in errors]
        if not errors:
            self._remember([*known, *changed])
        return cdk.PolicyValidationPluginReport(success=not errors, violations=violations)

    def _digest(self, stack: cdk.PolicyValidationStack) -> str:
        content = Path(stack.template_path).read_bytes()
        return hashlib.sha256(f"{self._fingerprint}\0{stack.region}\0".encode() + content).hexdigest()

    def _remembered(self) -> list[str]:
        try:
            return list(json.loads(self._file.read_text()))
        except (OSError, TypeError, ValueError):
            return []  # nothing remembered, or nothing legible: validate everything

    def _remember(self, digests: list[str]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(digests[-_REMEMBERED:], indent=0))


def _describe(violation: cdk.PolicyViolation) -> str:
    where = ", ".join(
        str(resource.construct_path or f"{resource.template_path} {resource.resource_logical_id}")
        for resource in violation.violating_resources
    )
    return f"{violation.rule_name}: {where}: {violation.description}"


def template_checks(
    memory: Path, *, acknowledgements: Iterable[Path], engine: Engine | None = cdk.CloudFormationValidatePlugin
) -> list[ChangedTemplates]:
    """Both checks, for an app.

    Args:
        memory: folder that remembers what was found valid.
        acknowledgements: files that hold them; a changed file means that templates are checked again.
        engine: of `template_rules`. None leaves them to a process that comes after, and cdk-nag alone is here.
    """
    library = f"aws-cdk-lib {version('aws-cdk-lib')}"
    reasons = hashlib.sha256(b"\0".join(path.read_bytes() for path in acknowledgements)).hexdigest()
    return [
        *([] if engine is None else [template_rules(memory, engine=engine)]),
        ChangedTemplates(
            name="cdk-nag",
            check=security_rules,
            memory=memory,
            fingerprint=f"{library} cdk-nag {version('cdk-nag')} {reasons}",
        ),
    ]


def template_rules(memory: Path, *, engine: Engine = cdk.CloudFormationValidatePlugin) -> ChangedTemplates:
    """CDK's own validation of templates.

    Args:
        memory: folder that remembers what was found valid.
        engine: gives its engine.
    """
    return ChangedTemplates(
        name="cloudformation",
        check=partial(cloudformation_rules, engine=engine),
        memory=memory,
        fingerprint=f"aws-cdk-lib {version('aws-cdk-lib')}",
    )
