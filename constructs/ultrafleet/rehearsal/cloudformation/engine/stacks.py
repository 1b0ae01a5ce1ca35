"""The stacks of an account and a region: change sets, exports, and who imports what."""

import uuid
from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import schemas
from ultrafleet.rehearsal.cloudformation.engine.intrinsics import Scope
from ultrafleet.rehearsal.cloudformation.engine.operation import Operation
from ultrafleet.rehearsal.cloudformation.engine.template import creation_order, parse_template
from ultrafleet.rehearsal.cloudformation.state import ChangeSet, Resource, Stack
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED"}


class Stacks:
    """Stacks of one account and region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.stacks: dict[str, Stack] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self.retained: list[tuple[str, Resource]] = []
        """Resources that a stack let go of and that stay on purpose, with the stack's name."""

    # Finding

    def named(self, name: str) -> Stack | None:
        """The stack of a name that isn't deleted, or of an id."""
        if name in self.stacks:
            return self.stacks[name]
        return next((s for s in self.stacks.values() if s.name == name and s.status != "DELETE_COMPLETE"), None)

    def get(self, name: str) -> Stack:
        """The stack of a name or id.

        Raises:
            Refusal: there is none.
        """
        stack = self.named(name)
        if stack is None:
            raise Refusal("ValidationError", f"Stack with id {name} does not exist")
        return stack

    def change_set(self, name: str, stack_name: str | None) -> ChangeSet:
        """The change set of an ARN, or of a name and a stack."""
        if name in self.change_sets:
            return self.change_sets[name]
        for change_set in reversed(self.change_sets.values()):
            if change_set.name == name and stack_name in {change_set.stack.name, change_set.stack.stack_id}:
                return change_set
        raise Refusal("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")

    # Changing

    def create(self, wanted: Stack, **options: Any) -> Stack:
        """CreateStack."""
        standing = self.named(wanted.name)
        if standing is not None:
            raise Refusal("AlreadyExistsException", f"Stack [{wanted.name}] already exists")
        self._check(wanted)
        self.stacks[wanted.stack_id] = wanted
        Operation(self, wanted).create(**options)
        return wanted

    def update(self, stack: Stack, wanted: Stack, **options: Any) -> Stack:
        """UpdateStack."""
        self._check_updatable(stack)
        self._check(wanted)
        if not self.changes(stack, wanted):
            raise Refusal("ValidationError", "No updates are to be performed.")
        Operation(self, stack).update(wanted, **options)
        return stack

    def propose(self, wanted: Stack, *, kind: str, name: str, description: str | None) -> ChangeSet:
        """CreateChangeSet."""
        standing = self.named(wanted.name)
        if kind == "CREATE":
            if standing is not None and standing.status != "REVIEW_IN_PROGRESS":
                raise Refusal("ValidationError", f"Stack [{wanted.name}] already exists and cannot be created again")
            stack = standing or wanted
            if standing is None:
                stack.record("REVIEW_IN_PROGRESS", "User Initiated")
                self.stacks[stack.stack_id] = stack
        else:
            stack = self.get(wanted.name)
            self._check_updatable(stack)
        self._check(wanted)
        change_set = ChangeSet(
            id=f"arn:aws:cloudformation:{self.region}:{self.account_id}:changeSet/{name}/{uuid.uuid4()}",
            name=name,
            kind=kind,
            stack=stack,
            wanted=wanted,
            changes=self.changes(stack, wanted) if kind == "UPDATE" else self._additions(wanted),
            description=description,
        )
        if kind == "UPDATE" and not change_set.changes:
            change_set.status, change_set.execution_status, change_set.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
        self.change_sets[change_set.id] = change_set
        return change_set

    def execute(self, change_set: ChangeSet, *, disable_rollback: bool = False) -> None:
        """ExecuteChangeSet."""
        if change_set.execution_status != "AVAILABLE":
            raise Refusal(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.id}] cannot be executed in its current execution status of "
                f"[{change_set.execution_status}]",
            )
        change_set.execution_status = "EXECUTE_IN_PROGRESS"
        stack, wanted = change_set.stack, change_set.wanted
        if change_set.kind == "CREATE":
            stack.body, stack.template, stack.parameters = wanted.body, wanted.template, wanted.parameters
            stack.resolved_parameters, stack.tags = wanted.resolved_parameters, wanted.tags
            stack.description, stack.role_arn = wanted.description, wanted.role_arn
            Operation(self, stack).create(disable_rollback=disable_rollback)
        else:
            Operation(self, stack).update(wanted, disable_rollback=disable_rollback)
        change_set.execution_status = "EXECUTE_COMPLETE"

    def delete(self, stack: Stack) -> None:
        """DeleteStack."""
        if stack.termination_protection:
            raise Refusal(
                "ValidationError", f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        if stack.status == "DELETE_COMPLETE":
            return
        for export in (name for _, name in stack.outputs.values() if name):
            users = self.importers(export)
            if users:
                stack.record(
                    "DELETE_FAILED", f"Export {export} cannot be deleted as it is in use by {' and '.join(users)}"
                )
                return
        Operation(self, stack).delete()

    # Exports

    @property
    def live(self) -> list[Stack]:
        """Stacks that are not deleted."""
        return [stack for stack in self.stacks.values() if stack.status != "DELETE_COMPLETE"]

    def exports(self) -> dict[str, tuple[str, Any]]:
        """Name of each export -> stack that exports it, value."""
        return {name: (stack.stack_id, value) for stack in self.live for value, name in stack.outputs.values() if name}

    def importers(self, export: str) -> list[str]:
        """Names of the stacks that import an export."""
        return sorted(stack.name for stack in self.live if export in stack.imports)

    def resolve_outputs(self, stack: Stack, scope: Scope) -> None:
        """Bring a stack's outputs up to date.

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
        others = {name for name, (stack_id, _) in self.exports().items() if stack_id != stack.stack_id}
        if taken := sorted(others & set(new)):
            raise Refusal("ValidationError", f"Export with name {taken[0]} is already exported by another stack")
        for value, name in stack.outputs.values():
            users = self.importers(name) if name else []
            if name and users and new.get(name) != value:
                what = "updated" if name in new else "deleted"
                raise Refusal(
                    "ValidationError", f"Export {name} cannot be {what} as it is in use by {' and '.join(users)}"
                )
        stack.outputs = outputs

    # Resolving

    def scope(self, stack: Stack) -> Scope:
        """What the functions of a stack's template refer to; it sees resources as they come about."""
        stack.imports = set()

        def imported(name: str) -> Any:
            exports = self.exports()
            if name not in exports:
                raise Refusal("ValidationError", f"No export named {name} found.")
            stack.imports.add(name)
            return exports[name][1]

        def stack_output(stack_name: str, output: str, region: str | None) -> Any:
            theirs = SIMULATED_ACCOUNT.part(Stacks, self.account_id, region or self.region)
            outputs = theirs.get(stack_name.rpartition(":stack/")[2].split("/")[0]).outputs
            if output not in outputs:
                raise Refusal("ValidationError", f"Output {output} of stack {stack_name} does not exist")
            return outputs[output][0]

        return Scope(
            refs=_Refs(stack, self._pseudo(stack)),
            attributes=lambda logical_id, attribute: _attribute(stack, logical_id, attribute),
            imported=imported,
            stack_output=stack_output,
            mappings=stack.template.get("Mappings", {}),
            conditions=stack.template.get("Conditions", {}),
        )

    def _pseudo(self, stack: Stack) -> dict[str, Any]:
        return {
            "AWS::AccountId": self.account_id,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack.name,
            "AWS::StackId": stack.stack_id,
            "AWS::NotificationARNs": [],
        }

    def new_stack(self, name: str, body: str, parameters: Mapping[str, str], **more: Any) -> Stack:
        """A stack as it is asked for, not yet known to anybody.

        Raises:
            Refusal: the template can't be read, or a parameter is missing or extra.
        """
        template = parse_template(body)
        return Stack(
            stack_id=f"arn:aws:cloudformation:{self.region}:{self.account_id}:stack/{name}/{uuid.uuid4()}",
            name=name,
            region=self.region,
            account_id=self.account_id,
            status="",
            body=body,
            template=template,
            parameters=dict(parameters),
            resolved_parameters=self._parameters(template, parameters),
            description=template.get("Description"),
            **more,
        )

    def _parameters(self, template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
        declared = template.get("Parameters", {})
        if extra := sorted(set(given) - set(declared)):
            raise Refusal("ValidationError", f"Parameters: {extra} do not exist in the template")
        resolved = {}
        for name, parameter in declared.items():
            value = given.get(name, parameter.get("Default"))
            if value is None:
                raise Refusal("ValidationError", f"Parameters: [{name}] must have values")
            kind = parameter["Type"]
            if kind.startswith("AWS::SSM::Parameter::Value"):
                call = Calls(account_id=self.account_id, region=self.region)
                try:
                    value = call("ssm", "get_parameter", Name=value)["Parameter"]["Value"]
                except Refusal as refusal:
                    raise Refusal(
                        "ValidationError",
                        f"Unable to fetch parameters [{value}] from parameter store for this account.",
                    ) from refusal
            is_list = kind == "CommaDelimitedList" or "List<" in kind
            resolved[name] = [item for item in str(value).split(",") if item] if is_list else value
        return resolved

    # Comparing

    def changes(self, stack: Stack, wanted: Stack) -> list[dict[str, Any]]:
        """Changes of resources between a stack and what is wanted, as DescribeChangeSet tells them.

        A change of parameters, tags or outputs alone is a change too.
        """
        old, new = stack.template.get("Resources", {}), wanted.template["Resources"]
        changes = [_change("Add", name, new[name]["Type"]) for name in new if name not in old]
        changes += [_change("Remove", name, old[name]["Type"]) for name in old if name not in new]
        parameters = stack.resolved_parameters != wanted.resolved_parameters
        for name in (name for name in new if name in old):
            if old[name] == new[name] and not parameters:
                continue
            replacing = schemas.replacing(
                new[name]["Type"], old[name].get("Properties", {}), new[name].get("Properties", {})
            )
            changes.append(_change("Modify", name, new[name]["Type"], "True" if replacing else "False"))
        if not changes and (stack.template != wanted.template or stack.tags != wanted.tags or parameters):
            changes.append(_change("Modify", stack.name, "AWS::CloudFormation::Stack", "False"))
        return changes

    @staticmethod
    def _additions(wanted: Stack) -> list[dict[str, Any]]:
        return [_change("Add", name, resource["Type"]) for name, resource in wanted.template["Resources"].items()]

    # Checking

    @staticmethod
    def _check(wanted: Stack) -> None:
        creation_order(wanted.template["Resources"])

    @staticmethod
    def _check_updatable(stack: Stack) -> None:
        if stack.status not in _UPDATABLE:
            raise Refusal(
                "ValidationError", f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
            )


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
        return self._stack.resources[name].made.physical_id


def _attribute(stack: Stack, logical_id: str, attribute: str) -> Any:
    resource = stack.resources.get(logical_id)
    if resource is None:
        raise Refusal(
            "ValidationError", f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}"
        )
    if attribute not in resource.made.attributes:
        raise Refusal(
            "ValidationError",
            f"the embedded AWS does not model the attribute {attribute} of {resource.type} ({logical_id})",
        )
    return resource.made.attributes[attribute]


def _change(action: str, logical_id: str, resource_type: str, replacement: str | None = None) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": resource_type}
    if replacement is not None:
        change["Replacement"] = replacement
    return {"Type": "Resource", "ResourceChange": change}
