"""Resources of a stack operation: created, changed, replaced, adopted, deleted, and taken back."""

import contextlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import intrinsics, policies, schemas
from ultrafleet.rehearsal.cloudformation.providers import PROVIDERS
from ultrafleet.rehearsal.cloudformation.providers.base import Provider, ResourceContext
from ultrafleet.rehearsal.cloudformation.state import Stack, StackResource, Stacks, Undo, Unfinished
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_THROTTLED_TRIES: Final = 5
"""CloudFormation's handlers try again when a service throttles them; how often is not documented (low)."""


class Resources:
    """Resources of a stack during one operation.

    Args:
        stacks: those of the account and region.
        stack: the stack.
        unfinished: collects what can be taken back.
        live: actual properties of resources that have drifted, None where one was deleted. Default: none have.
        imported: identifiers of existing resources that the stack takes over, by logical id. Default: none.
        policy: stack policy during this operation. Default: the stack's.
    """

    def __init__(
        self,
        stacks: Stacks,
        stack: Stack,
        unfinished: Unfinished,
        *,
        live: Mapping[str, Mapping[str, Any] | None] | None = None,
        imported: Mapping[str, Mapping[str, str]] | None = None,
        policy: str | None = None,
    ) -> None:
        self._stacks = stacks
        self._stack = stack
        self._unfinished = unfinished
        self._live = dict(live or {})
        self._imported = imported or {}
        self._policy = policies.StackPolicy(policy or stack.policy)
        self._call = Calls(account_id=stack.account_id, region=stack.region, throttled_tries=_THROTTLED_TRIES)

    def bring_about(self, logical_id: str, described: Mapping[str, Any], scope: intrinsics.IntrinsicScope) -> None:
        """Make a resource what a template describes.

        Raises:
            Refusal: its service refused, in the words of the resource's event.
        """
        resource_type = described["Type"]
        existing = self._stack.resources.get(logical_id)
        kept = {key: described[key] for key in ("DeletionPolicy", "UpdateReplacePolicy") if key in described}
        with self._failing(logical_id, resource_type, existing):
            about = {"stack": self._stack.name, "logical_id": logical_id, "type": resource_type}
            SIMULATED_ACCOUNT.check_call("cloudformation", "Resource", about)
            provider = provider_of(resource_type)
            properties = scope.resolve(described.get("Properties", {}))
            unknown = sorted(set(properties) - provider.known)
            if unknown:
                raise Refusal("NotModelled", f"the embedded AWS does not model {', '.join(unknown)} of {resource_type}")
        if existing is None and logical_id in self._imported:
            self._adopt(logical_id, provider, properties, kept)
        elif existing is None:
            self._create(logical_id, provider, properties, kept)
        elif existing.type != resource_type:
            raise Refusal("ValidationError", f"Update of resource type is not permitted: {logical_id}")
        elif self._live.get(logical_id, existing.properties) is None:
            self._create(logical_id, provider, properties, kept)  # deleted by hand
        elif logical_id in self._live or existing.properties != properties:
            self._change(existing, provider, properties, kept)
        elif existing.policies != kept:
            before, existing.policies = existing.policies, kept
            self._took(logical_id, lambda: setattr(existing, "policies", before))

    def _took(self, logical_id: str, run: Callable[[], None]) -> None:
        self._unfinished.undo.append(Undo(logical_id=logical_id, run=run))

    def _create(
        self, logical_id: str, provider: Provider, properties: Mapping[str, Any], kept: Mapping[str, str]
    ) -> None:
        stack = self._stack
        stack.record_resource(logical_id, provider.type, "", "CREATE_IN_PROGRESS")
        with self._failing(logical_id, provider.type, None):
            physical = provider.create(self._call, self._place(logical_id), properties)
        resource = StackResource(
            logical_id=logical_id, type=provider.type, properties=properties, policies=kept, physical=physical
        )
        replaced = stack.resources.get(logical_id)
        stack.resources[logical_id] = resource
        self._took(logical_id, lambda: self._undo_creation(resource, replaced))
        self.tell(resource, "CREATE_COMPLETE")

    def _adopt(
        self, logical_id: str, provider: Provider, properties: Mapping[str, Any], kept: Mapping[str, str]
    ) -> None:
        stack = self._stack
        stack.record_resource(logical_id, provider.type, "", "IMPORT_IN_PROGRESS", "Resource import started.")
        with self._failing(logical_id, provider.type, None, status="IMPORT_FAILED"):
            physical = provider.adopt(self._call, self._imported[logical_id], properties)
        resource = StackResource(
            logical_id=logical_id, type=provider.type, properties=properties, policies=kept, physical=physical
        )
        stack.resources[logical_id] = resource
        self._took(logical_id, lambda: self._undo_adoption(logical_id))
        self.tell(resource, "IMPORT_COMPLETE", "Resource import completed.")

    def _change(
        self, existing: StackResource, provider: Provider, properties: Mapping[str, Any], kept: Mapping[str, str]
    ) -> None:
        """Update or replace a resource; what has drifted is changed from what it is, not from what it was to be."""
        logical_id = existing.logical_id
        before, kept_before = self._live.get(logical_id) or existing.properties, existing.policies
        replacing = schemas.replacing(provider.type, before, properties)
        with self._failing(logical_id, provider.type, existing):
            self._policy.check(logical_id, provider.type, "Replace" if replacing else "Modify")
        if replacing:
            self.tell(
                existing, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource."
            )
            with self._failing(logical_id, provider.type, existing):
                if schemas.keeps_its_name(provider.type, before, properties):
                    raise Refusal(
                        "ValidationError",
                        "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                        f"{existing.physical.physical_id} and update the stack again. ({', '.join(replacing)} changed)",
                    )
            self._create(logical_id, provider, properties, kept)
            self._unfinished.replaced.append(existing)
            return
        self.tell(existing, "UPDATE_IN_PROGRESS")
        self._took(logical_id, lambda: self._undo_change(existing, provider, properties, before, kept_before))
        with self._failing(logical_id, provider.type, existing):
            provider.update(self._call, existing.physical, before, properties)
        existing.properties, existing.policies = properties, kept
        self.tell(existing, "UPDATE_COMPLETE")

    def check_removals(self, logical_ids: list[str]) -> None:
        """Hold resources that leave the stack to its policy.

        Raises:
            Refusal: the policy denies it.
        """
        for logical_id in logical_ids:
            resource = self._stack.resources[logical_id]
            with self._failing(logical_id, resource.type, resource):
                self._policy.check(logical_id, resource.type, "Delete")

    def delete(self, resource: StackResource) -> bool:
        """Delete a resource in its service; True if it is gone."""
        self.tell(resource, "DELETE_IN_PROGRESS")
        try:
            provider_of(resource.type).delete(self._call, resource.physical, resource.properties)
        except Refusal as refusal:
            if not is_gone(refusal):
                self.tell(resource, "DELETE_FAILED", _handler_message(refusal))
                return False
        self.tell(resource, "DELETE_COMPLETE")
        return True

    def tell(self, resource: StackResource, status: str, reason: str | None = None) -> None:
        """Record a status of a resource; one that is skipped by its deletion is listed as retained."""
        self._stack.record_resource(resource.logical_id, resource.type, resource.physical.physical_id, status, reason)
        if status == "DELETE_SKIPPED":
            self._stacks.retained.append((self._stack.name, resource))

    def _undo_creation(self, resource: StackResource, replaced: StackResource | None) -> None:
        stack = self._stack
        if replaced is not None:
            stack.resources[resource.logical_id] = replaced
        else:
            stack.resources.pop(resource.logical_id, None)
        if resource.kept_on_failed_creation and not stack.retain_except_on_create:
            self.tell(resource, "DELETE_SKIPPED")
        elif not self.delete(resource):
            raise Refusal("DeleteFailed", f"{resource.logical_id} could not be deleted")

    def _undo_adoption(self, logical_id: str) -> None:
        self._stack.resources.pop(logical_id, None)

    def _undo_change(
        self,
        resource: StackResource,
        provider: Provider,
        tried: Mapping[str, Any],
        properties: Mapping[str, Any],
        kept: Mapping[str, str],
    ) -> None:
        self.tell(resource, "UPDATE_IN_PROGRESS")
        with self._failing(resource.logical_id, resource.type, resource):
            # A failed update may have done a part of what it tried.
            provider.update(self._call, resource.physical, tried, properties)
        resource.properties, resource.policies = properties, kept
        self.tell(resource, "UPDATE_COMPLETE")

    def _place(self, logical_id: str) -> ResourceContext:
        stack = self._stack
        return ResourceContext(
            stack_name=stack.name,
            stack_id=stack.stack_id,
            logical_id=logical_id,
            partition="aws",
            attempt=stack.operation,
        )

    @contextlib.contextmanager
    def _failing(
        self, logical_id: str, resource_type: str, existing: StackResource | None, *, status: str | None = None
    ) -> Iterator[None]:
        """Record a failure in the stack's events as the reason of the resource's status."""
        try:
            yield
        except Exception as error:
            refusal = error if isinstance(error, Refusal) else _own_fault(error)
            status = status or ("CREATE_FAILED" if existing is None else "UPDATE_FAILED")
            physical = "" if existing is None else existing.physical.physical_id
            message = _handler_message(refusal)
            self._stack.record_resource(logical_id, resource_type, physical, status, message)
            raise Refusal(refusal.code, message, rule=refusal.rule) from error


def provider_of(resource_type: str) -> Provider:
    """Provider of a resource type.

    Raises:
        Refusal: the embedded AWS has none.
    """
    provider = PROVIDERS.get(resource_type)
    if provider is None:
        raise Refusal(
            "NotModelled",
            f"the embedded AWS does not model {resource_type}: nothing would be known of it, so the stack fails",
        )
    return provider


def is_gone(refusal: Refusal) -> bool:
    """True for errors that say a resource doesn't exist."""
    gone = ("NotFound", "NotFoundException", "NoSuchEntity", "NoSuchBucket", "NonExistentQueue", "NotFoundFault")
    return refusal.code.endswith(gone)


def _own_fault(error: Exception) -> Refusal:
    """Refusal for an exception of the embedded AWS itself, which fails the resource so that the stack does not hang."""
    traceback.print_exception(error)
    return Refusal("EmbeddedAwsFault", f"the embedded AWS failed, which is no fault of the template: {error!r}")


def _handler_message(refusal: Refusal) -> str:
    """Message of a service as CloudFormation wraps it."""
    message = str(refusal.message)
    if message.startswith(("Resource handler returned message", policies.DENIED)):
        return message
    return f'Resource handler returned message: "{message}" (HandlerErrorCode: {refusal.code})'
