"""Limits of a template, and the capabilities that it needs: refused before anything happens."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from ultrafleet.catalog.limits import STACK_RESOURCES, TEMPLATE_BYTES
from ultrafleet.rehearsal.refusals.cloudformation import CAPABILITIES, RESOURCE_QUOTA, SIZE_QUOTA
from ultrafleet.rehearsal.simulated_account import refused

MOST_BYTES_INLINE: Final = 51_200
"""Bytes of a template in a call (CloudFormation user guide, quotas, high)."""

_IAM: Final = {
    "AWS::IAM::AccessKey": "",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": "",
}
"""Types that need CAPABILITY_IAM, with the property that names one: it needs CAPABILITY_NAMED_IAM (CloudFormation API
reference, CreateStack, high)."""


def check_size(body: str, *, inline: bool) -> None:
    """Hold a template to its size in bytes.

    Raises:
        Refusal: it is too long for a call, or for a template in S3.
    """
    size = len(body.encode())
    if inline and size > MOST_BYTES_INLINE:
        raise refused(
            SIZE_QUOTA,
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MOST_BYTES_INLINE}",
        )
    if size > TEMPLATE_BYTES.value:
        raise refused(SIZE_QUOTA, f"Template may not exceed {TEMPLATE_BYTES.value} bytes in size.")


def check_count(template: Mapping[str, Any]) -> None:
    """Hold a template to the number of resources.

    Raises:
        Refusal: it has too many.
    """
    count, most = len(template["Resources"]), STACK_RESOURCES.value
    if count > most:
        raise refused(
            RESOURCE_QUOTA,
            f"Template format error: Number of resources, {count}, is greater than maximum allowed, {most}",
        )


def needed_capabilities(template: Mapping[str, Any]) -> list[str]:
    """Capabilities that the caller has to acknowledge for a template."""
    found = [resource for resource in template["Resources"].values() if resource["Type"] in _IAM]
    if any(_IAM[resource["Type"]] in (resource.get("Properties") or {}) for resource in found):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if found else []


def check_capabilities(template: Mapping[str, Any], given: Collection[str]) -> None:
    """Hold a request to the capabilities that its template needs.

    Raises:
        Refusal: one is missing.
    """
    needed = needed_capabilities(template)
    enough = {"CAPABILITY_NAMED_IAM", *needed}
    if needed and not enough & set(given):
        raise refused(CAPABILITIES, f"Requires capabilities : [{', '.join(needed)}]")
