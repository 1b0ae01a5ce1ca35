"""Tags that an app adds with `cdk.Tags.of(...)` to constructs of raw CloudFormation resources.

A `cdk.CfnResource` has no tags for CDK, and typed resources take a third more time. A construct that implements
`ITaggableV2` hands out the manager of `AppTags`, which is made when an aspect of `Tags` asks for it: an app without
such tags pays nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
import jsii

Render = Callable[[Mapping[str, str]], Any]
"""Value of a property with the tags of an app, over which a resource's own go."""


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a list, in the order of their keys."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


class AppTags:
    """Tags that an app adds to one construct, and the properties of its resources that hold them.

    Args:
        resource_type: type by which `include_resource_types` and `exclude_resource_types` of `Tags` choose.
    """

    def __init__(self, resource_type: str) -> None:
        self._resource_type = resource_type
        self._places: list[tuple[cdk.CfnResource, str, Render]] = []
        self._manager: cdk.TagManager | None = None

    def reach(self, resource: cdk.CfnResource, path: str, render: Render) -> None:
        """Let the tags reach a property.

        Args:
            resource: resource that has it.
            path: path of the property below `Properties`.
            render: value of the property, from the tags of the app.
        """
        self._places.append((resource, path, render))

    @property
    def manager(self) -> cdk.TagManager:
        """Tag manager of the construct."""
        if self._manager is None:
            manager = self._manager = cdk.TagManager(cdk.TagType.MAP, self._resource_type)
            for resource, path, render in self._places:
                resource.add_property_override(path, cdk.Lazy.any(_Rendered(manager, render)))
        return self._manager


@jsii.implements(cdk.IStableAnyProducer)
class _Rendered:
    """Property with the tags of the app, read when the template is written: aspects add tags until then."""

    def __init__(self, manager: cdk.TagManager, render: Render) -> None:
        self._manager, self._render = manager, render

    def produce(self) -> Any:  # noqa: ANN401 - any part of a template
        """Value of the property."""
        return self._render(self._manager.tag_values())
