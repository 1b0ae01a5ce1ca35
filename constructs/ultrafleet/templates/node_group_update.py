"""Update of a node group: what happens to the group and to the nodes on it, by the classification of its properties.

Preflight compares a deployed template with the synthesised one, review two revisions of a template, the tests every
edit of an environment file. All of them take what happens to running nodes from here.
"""

from dataclasses import dataclass
from typing import Final

from ultrafleet.templates.refused_updates import Refusal
from ultrafleet.templates.template_changes import ResourceChange
from ultrafleet.templates.update_effects import Effect

_TAGS: Final = "Tags/"
_SIZES: Final = "ScalingConfig/"


@dataclass(frozen=True, kw_only=True)
class NodeGroupUpdate:
    """Paths of the properties that change, by what their change does.

    Attributes:
        refused: CloudFormation refuses the update and rolls the stack back.
        refusals: changes that EKS refuses together: a launch template version, Version or ReleaseVersion with anything
            else; `refused` is then true. Each has its paths, its reason, its remedy and its source.
        replaced: properties that can't be changed in place.
        unchangeable: properties whose change the service refuses.
        rolled: properties whose change replaces every node.
        sizes: sizes that change; CloudFormation then sends all three of them.
        schedule_tags: tags that change and that the block schedule reads.
        unclassified: properties whose effect isn't classified.
    """

    refused: bool = False
    refusals: tuple[Refusal, ...] = ()
    replaced: tuple[str, ...] = ()
    unchangeable: tuple[str, ...] = ()
    rolled: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    schedule_tags: tuple[str, ...] = ()
    unclassified: tuple[str, ...] = ()


def node_group_update(change: ResourceChange) -> NodeGroupUpdate:
    """Sort the changes of a node group's properties by their effects."""

    def paths(*effects: Effect) -> tuple[str, ...]:
        return tuple(item.path for item in change.properties if item.effect in effects)

    resized = paths(Effect.RESIZES)
    return NodeGroupUpdate(
        refused=change.refused,
        refusals=change.refusals,
        replaced=paths(Effect.REPLACES, Effect.MAY_REPLACE),
        unchangeable=paths(Effect.REFUSED),
        rolled=paths(Effect.ROLLS_NODES),
        sizes=tuple(path for path in resized if path.startswith(_SIZES)),
        schedule_tags=tuple(path.removeprefix(_TAGS) for path in resized if path.startswith(_TAGS)),
        unclassified=paths(Effect.UNCLASSIFIED),
    )
