"""Resources to import: what CloudFormation asks of a change set that takes existing resources over."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import schemas
from ultrafleet.rehearsal.cloudformation.engine.resources import provider_of
from ultrafleet.rehearsal.cloudformation.state import Stack, Stacks
from ultrafleet.rehearsal.refusals.cloudformation import IMPORT_CHANGES, IMPORT_POLICY
from ultrafleet.rehearsal.simulated_account import Refusal, refused


def check(
    stacks: Stacks, stack: Stack, requested: Stack, imported: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, str]]:
    """Identifiers of the resources to import, by logical id.

    Args:
        stacks: those of the account and region.
        stack: the one that takes them over.
        requested: its template with them.
        imported: type and identifier of each, by logical id.

    Raises:
        Refusal: one isn't in the template, has no deletion policy, doesn't exist, or belongs to a stack already; or the
            template changes something else (CloudFormation user guide, import-resources-manually, high).
    """
    old = stack.template.get("Resources", {})
    new = requested.template["Resources"]
    if not imported:
        raise Refusal("ValidationError", "Resources to import must be specified for change sets of type IMPORT")
    if missing := sorted(set(imported) - (set(new) - set(old))):
        raise Refusal("ValidationError", f"Resources {missing} to import are not new resources of the template")
    without = sorted(name for name in imported if "DeletionPolicy" not in new[name])
    if without:
        # awsdocs/elastic-beanstalk-samples #168 quotes it (medium)
        raise refused(
            IMPORT_POLICY,
            f"The following resources to import [{', '.join(without)}] must have DeletionPolicy attribute specified in "
            "the template.",
        )
    _check_nothing_else(stack, requested, old, {name: value for name, value in new.items() if name not in imported})
    found: dict[str, dict[str, str]] = {}
    call = Calls(account_id=stacks.account_id, region=stacks.region)
    for logical_id, wanted in imported.items():
        resource_type, identifier = new[logical_id]["Type"], dict(wanted["ResourceIdentifier"])
        if wanted["ResourceType"] != resource_type:
            raise Refusal("ValidationError", f"The resource type of {logical_id} does not match the template")
        sets = schemas.identifiers(resource_type)
        if not sets:
            raise Refusal("ValidationError", f"ResourceTypes [{resource_type}] are not supported for Import")
        if set(identifier) not in [set(one) for one in sets]:
            raise Refusal("ValidationError", f"Invalid identifier of {logical_id}, expected one of {sets}")
        physical = provider_of(resource_type).adopt(call, identifier, new[logical_id].get("Properties", {}))
        owner = stacks.owner(resource_type, physical.physical_id)
        if owner is not None:
            raise Refusal("ValidationError", f"{physical.physical_id} already exists in stack {owner.stack_id}")
        found[logical_id] = identifier
    return found


def _check_nothing_else(stack: Stack, requested: Stack, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse a template that changes more than the resources to import.

    `awslabs/aws-security-assessment-solution` #6 quotes the message for Outputs (medium).
    """
    changed = []
    if dict(old) != dict(new):
        changed.append("Resources")
    if stack.template.get("Outputs", {}) != requested.template.get("Outputs", {}):
        changed.append("Outputs")
    if changed:
        raise refused(
            IMPORT_CHANGES, f"As part of the import operation, you cannot modify or add [{', '.join(changed)}]"
        )
