"""Values of a stack's template: parameters, resources, imports and outputs that its functions refer to."""

from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine.intrinsics import IntrinsicScope
from ultrafleet.rehearsal.cloudformation.state import Stack, Stacks
from ultrafleet.rehearsal.refusals.cloudformation import EXPORT_IN_USE
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal, refused

KNOWN_AFTER_APPLY: Final = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""Placeholder of a change set for a value that only the deployment can tell (CloudFormation user guide, high)."""


def intrinsic_scope(stacks: Stacks, stack: Stack, *, used: set[str] | None = None) -> IntrinsicScope:
    """Scope of a stack's intrinsic functions; it sees resources as they are created.

    Args:
        stacks: those of the account and region, which export.
        stack: whose template is resolved.
        used: collects the names of exports that are imported. Default: they are not recorded.
    """
    names = set() if used is None else used

    def imported(name: str) -> Any:
        exports = stacks.exports()
        if name not in exports:
            raise Refusal("ValidationError", f"No export named {name} found.")
        names.add(name)
        return exports[name][1]

    def stack_output(stack_name: str, output: str, region: str | None) -> Any:
        theirs = SIMULATED_ACCOUNT.part(Stacks, stacks.account_id, region or stacks.region)
        outputs = theirs.get(stack_name.rpartition(":stack/")[2].split("/")[0]).outputs
        if output not in outputs:
            raise Refusal("ValidationError", f"Output {output} of stack {stack_name} does not exist")
        return outputs[output][0]

    call = Calls(account_id=stacks.account_id, region=stacks.region)
    return IntrinsicScope(
        refs=_Refs(stack, _pseudo(stacks, stack)),
        attributes=lambda logical_id, attribute: _attribute(stack, logical_id, attribute),
        imported=imported,
        stack_output=stack_output,
        parameter=lambda name: str(call("ssm", "get_parameter", Name=name)["Parameter"]["Value"]),
        mappings=stack.template.get("Mappings", {}),
        conditions=stack.template.get("Conditions", {}),
    )


def preview_scope(stacks: Stacks, stack: Stack, unknown: set[str], unsure: set[str]) -> IntrinsicScope:
    """Scope in which what only the deployment can tell is `KNOWN_AFTER_APPLY`.

    Args:
        stacks: those of the account and region.
        stack: with the requested template and the resources that exist.
        unknown: resources that are to be made or replaced; the caller adds to it as it goes.
        unsure: resources that are to be changed in place: their attributes may change, and their `Ref` doesn't.
    """
    scope = intrinsic_scope(stacks, stack)
    refs, attributes = scope.refs, scope.attributes

    class Refs(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            return name in unknown or name in refs

        def __missing__(self, name: str) -> Any:
            return KNOWN_AFTER_APPLY if name in unknown else refs[name]

    def attribute(logical_id: str, name: str) -> Any:
        return KNOWN_AFTER_APPLY if logical_id in unknown | unsure else attributes(logical_id, name)

    scope.refs, scope.attributes = Refs(), attribute
    return scope


def _pseudo(stacks: Stacks, stack: Stack) -> dict[str, Any]:
    return {
        "AWS::AccountId": stacks.account_id,
        "AWS::Region": stacks.region,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": stack.name,
        "AWS::StackId": stack.stack_id,
        "AWS::NotificationARNs": [],
    }


def resolve_outputs(stacks: Stacks, stack: Stack, scope: IntrinsicScope) -> None:
    """Resolve a stack's outputs and store them.

    Raises:
        Refusal: another stack has an export of the same name, or imports one that would go or change.
    """
    outputs: dict[str, tuple[Any, str | None]] = {}
    for key, output in stack.template.get("Outputs", {}).items():
        if "Condition" in output and not scope.condition(output["Condition"]):
            continue
        export = scope.resolve(output["Export"]["Name"]) if "Export" in output else None
        outputs[key] = (scope.resolve(output["Value"]), export)
    new = {name: value for value, name in outputs.values() if name}
    others = {name for name, (stack_id, _) in stacks.exports().items() if stack_id != stack.stack_id}
    if taken := sorted(others & set(new)):
        raise Refusal("ValidationError", f"Export with name {taken[0]} is already exported by another stack")
    for value, name in stack.outputs.values():
        users = stacks.importers(name) if name else []
        if name and users and new.get(name) != value:
            what = "updated" if name in new else "deleted"
            raise refused(EXPORT_IN_USE, f"Export {name} cannot be {what} as it is in use by {' and '.join(users)}")
    stack.outputs = outputs


class _Refs(dict[str, Any]):
    """`Ref`: a parameter, a pseudo parameter or a resource as it is now."""

    def __init__(self, stack: Stack, pseudo: Mapping[str, Any]) -> None:
        super().__init__(pseudo)
        self._stack = stack

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._stack.resolved_parameters or name in self._stack.resources

    def __missing__(self, name: str) -> Any:
        if name in self._stack.resolved_parameters:
            return self._stack.resolved_parameters[name]
        return self._stack.resources[name].physical.physical_id


def _attribute(stack: Stack, logical_id: str, attribute: str) -> Any:
    resource = stack.resources.get(logical_id)
    if resource is None:
        raise Refusal(
            "ValidationError", f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}"
        )
    if attribute not in resource.physical.attributes:
        raise Refusal(
            "ValidationError",
            f"the embedded AWS does not model the attribute {attribute} of {resource.type} ({logical_id})",
        )
    return resource.physical.attributes[attribute]
