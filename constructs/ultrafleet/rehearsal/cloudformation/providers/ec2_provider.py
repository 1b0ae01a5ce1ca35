"""Provider of EC2 resource types that are a create, a describe and a delete call, each described by an `Ec2Type`.

Paths are JMESPath, as botocore's waiters and the AWS CLI have them: `Vpc.VpcId` in the answer of create_vpc.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath  # type: ignore[import-untyped]  # no stubs in the wheel

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    only_changed,
    raise_problem,
    tag_specifications,
    update_tags,
)
from ultrafleet.rehearsal.simulated_account import Refusal


@dataclass(frozen=True, kw_only=True)
class Ec2Type:
    """Description of a resource type: how EC2 makes, describes, changes and deletes a resource of a type.

    Attributes:
        type: `AWS::EC2::…`.
        known: properties that the embedded AWS models.
        create: operation that makes one; it takes the properties that `later` doesn't name.
        later: properties that the create call doesn't take: `arguments`, `finish` or `update` has them.
        arguments: arguments of the create call beside properties, or in their place; None leaves one out.
        tags: resource type in TagSpecifications of the create call; "": it takes no `Tags`.
        id: path of the physical id in the create call's answer.
        attributes: attribute of Fn::GetAtt -> its path in the create call's answer.
        finish: what follows the create call; returns further attributes.
        handle: attribute by which the other calls know the resource. Default: its physical id.
        describe: operation, parameter that takes a list with the id, and path of the resource in the answer.
        not_found: error code of a resource that the answer doesn't have.
        updatable: properties that change in place, beside `Tags`.
        update: how they do, once one of them has changed.
        delete: operation and parameter that takes the id.
        delete_many: the parameter takes a list.
    """

    type: str
    known: frozenset[str]
    create: str
    id: str
    describe: tuple[str, str, str]
    not_found: str
    delete: tuple[str, str]
    tags: str = ""
    later: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)
    arguments: Callable[[Calls, ResourceContext, Properties], dict[str, Any]] | None = None
    finish: Callable[[Calls, str, Properties], dict[str, Any]] | None = None
    handle: str = ""
    updatable: tuple[str, ...] = ()
    update: Callable[[Calls, PhysicalResource, Properties, Properties], None] | None = None
    delete_many: bool = False


class Ec2Provider(Provider):
    """Provider of one `Ec2Type`."""

    def __init__(self, row: Ec2Type) -> None:
        self._row = row
        self.type = row.type  # type: ignore[misc]  # of the class elsewhere, of the row here
        self.known = row.known  # type: ignore[misc]  # the same

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        row = self._row
        arguments = {key: value for key, value in properties.items() if key != "Tags" and key not in row.later}
        if row.arguments is not None:
            arguments |= row.arguments(call, context, properties)
        if row.tags:
            arguments["TagSpecifications"] = tag_specifications(row.tags, properties)
        answer = call("ec2", row.create, **arguments)
        for problem in answer.get("Unsuccessful", []):
            raise_problem(problem["Error"])
        resource_id = str(jmespath.search(row.id, answer))
        attributes = {name: jmespath.search(path, answer) for name, path in row.attributes.items()}
        if row.finish is not None:
            attributes |= row.finish(call, resource_id, properties)
        return PhysicalResource(physical_id=resource_id, attributes=attributes)

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        operation, parameter, path = self._row.describe
        described = jmespath.search(path, call("ec2", operation, **{parameter: [self._handle(resource)]}))
        return find([] if described is None else [described], self._row.not_found, resource.physical_id)

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        """Properties that the description spells as the template does; others can't be compared."""
        live = self.describe(call, resource, properties)
        unlike = {
            key for key in properties if isinstance(properties[key], Mapping) != isinstance(live.get(key), Mapping)
        }
        return {key: value for key, value in live.items() if key in self.known and key not in unlike}

    def adopt(self, call: Calls, identifier: Mapping[str, str], properties: Properties) -> PhysicalResource:
        """Resource whose identifier EC2 knows; its attributes are read from its description."""
        (handle,) = identifier.values()
        shell = PhysicalResource(physical_id=handle, attributes={self._row.handle: handle} if self._row.handle else {})
        root = self._row.id.partition(".")[0].partition("[")[0]
        answer = {root: self.describe(call, shell, properties)}
        attributes = {name: jmespath.search(path, answer) for name, path in self._row.attributes.items()}
        if None in {jmespath.search(self._row.id, answer), *attributes.values()}:
            raise Refusal("NotModelled", f"the embedded AWS does not model an import of {self.type}")
        return PhysicalResource(physical_id=str(jmespath.search(self._row.id, answer)), attributes=attributes)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        """Update tags and updatable properties in place."""
        changed = only_changed(old, new, "Tags", *self._row.updatable) - {"Tags"}
        if changed and self._row.update is not None:
            self._row.update(call, resource, old, new)
        ec2_tags(call, resource.physical_id, old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        operation, parameter = self._row.delete
        handle = self._handle(resource)
        call("ec2", operation, **{parameter: [handle] if self._row.delete_many else handle})

    def _handle(self, resource: PhysicalResource) -> str:
        return str(resource.attributes[self._row.handle]) if self._row.handle else resource.physical_id


def ec2_tags(call: Calls, resource_id: str, old: Properties, new: Properties) -> None:
    """Bring the tags of an EC2 resource from old to new."""
    update_tags(
        old,
        new,
        put=lambda tags: call(
            "ec2", "create_tags", Resources=[resource_id], Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
        ),
        drop=lambda keys: call("ec2", "delete_tags", Resources=[resource_id], Tags=[{"Key": key} for key in keys]),
    )
