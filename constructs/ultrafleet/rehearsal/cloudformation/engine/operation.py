"""Creation, update, deletion and rollback of a stack."""

import contextlib
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import intrinsics, resolution, schemas
from ultrafleet.rehearsal.cloudformation.engine.template import creation_order
from ultrafleet.rehearsal.cloudformation.providers import PROVIDERS
from ultrafleet.rehearsal.cloudformation.providers.base import Provider, ResourceContext
from ultrafleet.rehearsal.cloudformation.state import Stack, StackResource, Stacks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

Undo = Callable[[], None]

_THROTTLED_TRIES: Final = 5
"""CloudFormation's handlers try again when a service throttles them; how often is not documented (low)."""


class Operation:
    """Operation on a stack: create, update, continue rollback or delete."""

    def __init__(self, stacks: Stacks, stack: Stack) -> None:
        self._stacks = stacks
        self._stack = stack
        self._call = Calls(account_id=stack.account_id, region=stack.region, throttled_tries=_THROTTLED_TRIES)
        self._undo: list[Undo] = []
        self._cleanup: list[StackResource] = []
        stack.operation += 1

    def create(self, *, disable_rollback: bool = False, on_failure: str = "ROLLBACK") -> None:
        """Create every resource of the stack's template; on failure roll back, unless the arguments say otherwise."""
        stack = self._stack
        stack.record("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self._apply(stack.template)
        except Refusal as refusal:
            if disable_rollback or on_failure == "DO_NOTHING":
                stack.record("CREATE_FAILED", str(refusal.message))
                return
            stack.record("ROLLBACK_IN_PROGRESS", f"{refusal.message} . Rollback requested by user.")
            self._roll_back("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
            return
        stack.record("CREATE_COMPLETE")

    def update(self, new: Stack, *, disable_rollback: bool = False) -> None:
        """Update the stack to the template of `new`; on failure roll back."""
        stack = self._stack
        before = (stack.body, stack.template, stack.parameters, stack.resolved_parameters, stack.tags, stack.outputs)
        stack.updated = datetime.now(UTC)
        stack.record("UPDATE_IN_PROGRESS", "User Initiated")
        old_template = stack.template
        stack.body, stack.template, stack.parameters = new.body, new.template, new.parameters
        stack.resolved_parameters, stack.tags, stack.role_arn = new.resolved_parameters, new.tags, new.role_arn
        try:
            self._apply(stack.template)
        except Refusal as refusal:
            if disable_rollback:
                stack.record("UPDATE_FAILED", str(refusal.message))
                return
            stack.record("UPDATE_ROLLBACK_IN_PROGRESS", str(refusal.message))
            stack.body, stack.template, stack.parameters, stack.resolved_parameters, stack.tags, stack.outputs = before
            self._roll_back("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED")
            return
        stack.record("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up(old_template)
        stack.description = stack.template.get("Description")
        stack.record("UPDATE_COMPLETE")

    def continue_rollback(self) -> None:
        """Repeat the rollback of what failed to roll back."""
        self._undo = self._stack.to_undo
        self._stack.record("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
        self._roll_back("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED")

    def delete(self) -> None:
        """Delete the stack's resources except retained ones."""
        stack = self._stack
        stack.record("DELETE_IN_PROGRESS", "User Initiated")
        order = [name for name in creation_order(stack.template["Resources"]) if name in stack.resources]
        order += [name for name in stack.resources if name not in order]
        failed = []
        for logical_id in reversed(order):
            resource = stack.resources[logical_id]
            if resource.kept:
                self._tell(resource, "DELETE_SKIPPED")
                del stack.resources[logical_id]
            elif self._delete(resource):
                del stack.resources[logical_id]
            else:
                failed.append(logical_id)
        if failed:
            stack.record(
                "DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. "
            )
            return
        stack.outputs = {}
        stack.deleted = datetime.now(UTC)
        stack.record("DELETE_COMPLETE")

    # Bringing resources about

    def _apply(self, template: Mapping[str, Any]) -> None:
        stack = self._stack
        scope = resolution.intrinsic_scope(self._stacks, stack)
        resources = template["Resources"]
        for logical_id in creation_order(resources):
            described = resources[logical_id]
            if "Condition" in described and not scope.condition(described["Condition"]):
                continue
            try:
                self._bring_about(logical_id, described, scope)
            except Refusal as refusal:
                message = (
                    f"The following resource(s) failed to {'update' if stack.updated else 'create'}: [{logical_id}]."
                )
                raise Refusal(refusal.code, f"{message} {refusal.message}") from refusal
        resolution.resolve_outputs(self._stacks, stack, scope)

    def _bring_about(self, logical_id: str, described: Mapping[str, Any], scope: intrinsics.IntrinsicScope) -> None:
        resource_type = described["Type"]
        existing = self._stack.resources.get(logical_id)
        policies = {key: described[key] for key in ("DeletionPolicy", "UpdateReplacePolicy") if key in described}
        with self._failing(logical_id, resource_type, existing):
            about = {"stack": self._stack.name, "logical_id": logical_id, "type": resource_type}
            SIMULATED_ACCOUNT.check_call("cloudformation", "Resource", about)
            provider = _provider(resource_type)
            properties = scope.resolve(described.get("Properties", {}))
            unknown = sorted(set(properties) - provider.known)
            if unknown:
                raise Refusal("NotModelled", f"the embedded AWS does not model {', '.join(unknown)} of {resource_type}")
        if existing is None:
            self._create(logical_id, provider, properties, policies)
        elif existing.type != resource_type:
            raise Refusal("ValidationError", f"Update of resource type is not permitted: {logical_id}")
        elif existing.properties != properties:
            self._change(existing, provider, properties, policies)
        else:
            existing.policies = policies

    def _create(
        self, logical_id: str, provider: Provider, properties: Mapping[str, Any], policies: Mapping[str, str]
    ) -> StackResource:
        stack = self._stack
        stack.record_resource(logical_id, provider.type, "", "CREATE_IN_PROGRESS")
        with self._failing(logical_id, provider.type, None):
            physical = provider.create(self._call, self._place(logical_id), properties)
        resource = StackResource(
            logical_id=logical_id, type=provider.type, properties=properties, policies=policies, physical=physical
        )
        replaced = stack.resources.get(logical_id)
        stack.resources[logical_id] = resource
        self._undo.append(lambda: self._undo_creation(resource, replaced))
        self._tell(resource, "CREATE_COMPLETE")
        return resource

    def _change(
        self, existing: StackResource, provider: Provider, properties: Mapping[str, Any], policies: Mapping[str, str]
    ) -> None:
        replacing = schemas.replacing(provider.type, existing.properties, properties)
        if replacing:
            self._tell(
                existing, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource."
            )
            with self._failing(existing.logical_id, provider.type, existing):
                if schemas.keeps_its_name(provider.type, existing.properties, properties):
                    raise Refusal(
                        "ValidationError",
                        "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                        f"{existing.physical.physical_id} and update the stack again. ({', '.join(replacing)} changed)",
                    )
            self._create(existing.logical_id, provider, properties, policies)
            self._cleanup.append(existing)
            return
        old_properties, old_policies = existing.properties, existing.policies
        self._tell(existing, "UPDATE_IN_PROGRESS")
        self._undo.append(lambda: self._undo_change(existing, provider, properties, old_properties, old_policies))
        with self._failing(existing.logical_id, provider.type, existing):
            provider.update(self._call, existing.physical, existing.properties, properties)
        existing.properties, existing.policies = properties, policies
        self._tell(existing, "UPDATE_COMPLETE")

    def _clean_up(self, old_template: Mapping[str, Any]) -> None:
        """Delete replaced resources and those that the new template no longer has."""
        stack = self._stack
        for replaced in reversed(self._cleanup):
            if replaced.kept_on_replacement:
                self._tell(replaced, "DELETE_SKIPPED")
            else:
                self._delete(replaced)
        for logical_id in reversed(creation_order(old_template["Resources"])):
            wanted = stack.template["Resources"].get(logical_id)
            resource = stack.resources.get(logical_id)
            if resource is None or wanted is not None:
                continue
            if resource.kept:
                self._tell(resource, "DELETE_SKIPPED")
            else:
                # One that can't be deleted is left behind, as CloudFormation leaves it.
                self._delete(resource)
            del stack.resources[logical_id]

    def _delete(self, resource: StackResource) -> bool:
        self._tell(resource, "DELETE_IN_PROGRESS")
        try:
            _provider(resource.type).delete(self._call, resource.physical, resource.properties)
        except Refusal as refusal:
            if not _is_gone(refusal):
                self._tell(resource, "DELETE_FAILED", _handler_message(refusal))
                return False
        self._tell(resource, "DELETE_COMPLETE")
        return True

    # Taking them back

    def _roll_back(self, complete: str, failed: str) -> None:
        stack = self._stack
        problems, stack.to_undo = [], []
        for undo in reversed(self._undo):
            try:
                undo()
            except Refusal as refusal:
                problems.append(str(refusal.message))
                stack.to_undo.insert(0, undo)
        if problems:
            stack.record(failed, "; ".join(problems))
        else:
            stack.record(complete)

    def _undo_creation(self, resource: StackResource, replaced: StackResource | None) -> None:
        stack = self._stack
        if replaced is not None:
            stack.resources[resource.logical_id] = replaced
        else:
            del stack.resources[resource.logical_id]
        if resource.kept_on_failed_creation:
            self._tell(resource, "DELETE_SKIPPED")
        elif not self._delete(resource):
            raise Refusal("DeleteFailed", f"{resource.logical_id} could not be deleted")

    def _undo_change(
        self,
        resource: StackResource,
        provider: Provider,
        tried: Mapping[str, Any],
        properties: Mapping[str, Any],
        policies: Mapping[str, str],
    ) -> None:
        self._tell(resource, "UPDATE_IN_PROGRESS")
        with self._failing(resource.logical_id, resource.type, resource):
            # A failed update may have done a part of what it tried.
            provider.update(self._call, resource.physical, tried, properties)
        resource.properties, resource.policies = properties, policies
        self._tell(resource, "UPDATE_COMPLETE")

    # Help

    def _place(self, logical_id: str) -> ResourceContext:
        stack = self._stack
        return ResourceContext(
            stack_name=stack.name,
            stack_id=stack.stack_id,
            logical_id=logical_id,
            partition="aws",
            attempt=stack.operation,
        )

    def _tell(self, resource: StackResource, status: str, reason: str | None = None) -> None:
        self._stack.record_resource(resource.logical_id, resource.type, resource.physical.physical_id, status, reason)
        if status != "DELETE_SKIPPED":
            return
        self._stacks.retained.append((self._stack.name, resource))

    @contextlib.contextmanager
    def _failing(self, logical_id: str, resource_type: str, existing: StackResource | None) -> Any:
        """Record a failure in the stack's events as the reason of the resource's status."""
        try:
            yield
        except Exception as error:
            refusal = error if isinstance(error, Refusal) else _own_fault(error)
            status = "CREATE_FAILED" if existing is None else "UPDATE_FAILED"
            physical = "" if existing is None else existing.physical.physical_id
            message = _handler_message(refusal)
            self._stack.record_resource(logical_id, resource_type, physical, status, message)
            raise Refusal(refusal.code, message, rule=refusal.rule) from error


def _own_fault(error: Exception) -> Refusal:
    """Refusal for an exception of the embedded AWS itself, which fails the resource so that the stack does not hang."""
    traceback.print_exception(error)
    return Refusal("EmbeddedAwsFault", f"the embedded AWS failed, which is no fault of the template: {error!r}")


def _provider(resource_type: str) -> Provider:
    provider = PROVIDERS.get(resource_type)
    if provider is None:
        raise Refusal(
            "NotModelled",
            f"the embedded AWS does not model {resource_type}: nothing would be known of it, so the stack fails",
        )
    return provider


def _handler_message(refusal: Refusal) -> str:
    """Message of a service as CloudFormation wraps it."""
    message = str(refusal.message)
    if message.startswith("Resource handler returned message"):
        return message
    return f'Resource handler returned message: "{message}" (HandlerErrorCode: {refusal.code})'


def _is_gone(refusal: Refusal) -> bool:
    """True for errors that say a resource is already deleted."""
    return refusal.code.endswith(("NotFound", "NotFoundException", "NoSuchEntity", "NoSuchBucket", "NonExistentQueue"))
