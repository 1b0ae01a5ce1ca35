"""Refusals of CloudFormation: requests that it refuses before anything happens, and updates that it rolls back."""

from typing import Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.rehearsal.refusals.rule import RefusalRule

_MEDIUM: Final = Confidence.MEDIUM
_LOW: Final = Confidence.LOW
_VALIDATION: Final = "ValidationError"
_API: Final = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference"
_GUIDE: Final = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"


def _quoted(text: str, address: str) -> Source:
    """Source of a message that someone who met it quotes."""
    return Source(f"{text}: the message", _MEDIUM, address)


_QUOTAS: Final = Source("CloudFormation user guide, quotas", address=f"{_GUIDE}/cloudformation-limits.html")
_OURS: Final = Source("the wording is ours", _LOW)

IN_PROGRESS: Final = RefusalRule(
    id="one-operation",
    code=_VALIDATION,
    refuses="an operation on a stack in which another is in progress, or which is in a state that doesn't allow it",
    source=_quoted("remind101/empire #932", "https://github.com/remind101/empire/issues/932"),
)
NOT_TERMINAL: Final = RefusalRule(
    id="rollback-of-failed",
    code=_VALIDATION,
    refuses="an update with rollback of a stack in UPDATE_FAILED or CREATE_FAILED",
    source=_quoted("aws-cdk-cli, tests of express deployments", "https://github.com/aws/aws-cdk-cli"),
)
RETAIN_EARLY: Final = RefusalRule(
    id="retain-before-failure",
    code=_VALIDATION,
    refuses="a deletion that retains or forces before one has failed",
    source=Source(
        "CloudFormation API, DeleteStack: RetainResources",
        address=f"{_API}/API_DeleteStack.html",
        also=(_quoted("rebuy-de/aws-nuke #244", "https://github.com/rebuy-de/aws-nuke/pull/244"),),
    ),
)
RETAIN_GONE: Final = RefusalRule(
    id="retain-gone",
    code=_VALIDATION,
    refuses="a deletion that retains what is deleted already",
    source=_quoted("rebuy-de/aws-nuke #270", "https://github.com/rebuy-de/aws-nuke/issues/270"),
)
SKIP: Final = RefusalRule(
    id="skip-not-failed",
    code=_VALIDATION,
    refuses="a rollback that skips resources which it hasn't failed to roll back",
    source=Source(
        "CloudFormation API, ContinueUpdateRollback", address=f"{_API}/API_ContinueUpdateRollback.html", also=(_OURS,)
    ),
)
EXPORT_IN_USE: Final = RefusalRule(
    id="export-in-use",
    code=_VALIDATION,
    refuses="an export that changes or goes while another stack imports it; replacements are made first, and undone",
    source=Source(
        "CloudFormation user guide, stack outputs",
        address=f"{_GUIDE}/using-cfn-stack-exports.html",
        also=(_quoted("linz/geostore #630", "https://github.com/linz/geostore/issues/630"),),
    ),
)
STACK_POLICY: Final = RefusalRule(
    id="stack-policy",
    code=_VALIDATION,
    refuses="an update of a resource that the stack's policy denies, or that no statement of it allows",
    source=Source(
        "CloudFormation user guide, stack policies",
        address=f"{_GUIDE}/protect-stack-resources.html",
        also=(Source("raaviblog.com, stack policy: the message", _MEDIUM),),
    ),
)
RESOURCE_QUOTA: Final = RefusalRule(
    id="resource-quota", code=_VALIDATION, refuses="a template of more resources than the quota", source=_QUOTAS
)
SIZE_QUOTA: Final = RefusalRule(
    id="size-quota",
    code=_VALIDATION,
    refuses="a template of more bytes than a call takes, or than one in S3 may have",
    source=_QUOTAS,
)
CAPABILITIES: Final = RefusalRule(
    id="capabilities",
    code="InsufficientCapabilitiesException",
    refuses="a template with IAM resources without CAPABILITY_IAM, or with named ones without CAPABILITY_NAMED_IAM",
    source=Source("CloudFormation API, CreateStack: Capabilities", address=f"{_API}/API_CreateStack.html"),
)
IMPORT_POLICY: Final = RefusalRule(
    id="import-without-policy",
    code=_VALIDATION,
    refuses="an import of a resource without a deletion policy",
    source=_quoted(
        "awsdocs/elastic-beanstalk-samples #168", "https://github.com/awsdocs/elastic-beanstalk-samples/issues/168"
    ),
)
IMPORT_CHANGES: Final = RefusalRule(
    id="import-with-changes",
    code=_VALIDATION,
    refuses="an import that changes another resource or an output",
    source=_quoted(
        "awslabs/aws-security-assessment-solution #6",
        "https://github.com/awslabs/aws-security-assessment-solution/issues/6",
    ),
)
REFACTOR_CHANGES: Final = RefusalRule(
    id="refactor-with-changes",
    code=_VALIDATION,
    refuses="a stack refactor that adds, removes or changes a resource, or is of more than 5 stacks",
    source=Source(
        "CloudFormation user guide, stack refactoring; aws-cdk-cli #667",
        address=f"{_GUIDE}/stack-refactoring.html",
        also=(_OURS,),
    ),
)
EARLY_VALIDATION: Final = RefusalRule(
    id="early-validation",
    code=_VALIDATION,
    refuses="properties that the schema doesn't have or misses, and names that are taken, before anything happens",
    source=Source(
        "AWS DevOps blog, pre-deployment validation on every stack operation",
        address="https://aws.amazon.com/blogs/devops/ship-infrastructure-faster-with-cloudformation-and-cdk-"
        "pre-deployment-validation-on-every-stack-operation/",
        also=(_quoted("aws-cdk-cli #1000, #1463", "https://github.com/aws/aws-cdk-cli/issues/1000"), _OURS),
    ),
)

CLOUDFORMATION_REFUSALS: Final = (
    IN_PROGRESS, NOT_TERMINAL, RETAIN_EARLY, RETAIN_GONE, SKIP, EXPORT_IN_USE, STACK_POLICY, RESOURCE_QUOTA, SIZE_QUOTA,
    CAPABILITIES, IMPORT_POLICY, IMPORT_CHANGES, REFACTOR_CHANGES, EARLY_VALIDATION,
)  # fmt: skip
"""Every reason to refuse a request for a stack that isn't an error of its template."""
