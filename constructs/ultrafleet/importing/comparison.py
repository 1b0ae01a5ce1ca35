"""Launch templates of a source beside the ones that the pools make, with the reason of each difference."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP
from ultrafleet.environment import Environment
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings, UltraServerPoolSettings
from ultrafleet.errors import FleetError
from ultrafleet.importing.draft import DraftPool, SourceTemplate
from ultrafleet.layout import Interface, layout_violations

_NONE: Final = "none"
_GROUP: Final = "a cluster placement group"
_Pool = UltraServerPoolSettings | AcceleratorPoolSettings


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One property of a launch template, in the source and here.

    Attributes:
        pool_name: the pool.
        property_name: the property, in EC2's words.
        source: value in the source.
        here: value here.
        reason: reason why they differ; empty where they are equal.
    """

    pool_name: str
    property_name: str
    source: str
    here: str
    reason: str = ""

    @property
    def is_equal(self) -> bool:
        """True if both are equal."""
        return self.source == self.here

    def __str__(self) -> str:
        """The property on one line."""
        start = f"launch template of {self.pool_name}: {self.property_name}"
        if self.is_equal:
            return f"{start} = {self.here}"
        return f"{start}: {self.source} -> {self.here}: {self.reason}"


def compare(pools: Sequence[DraftPool], environment: Environment) -> Iterator[Difference]:
    """Properties of each pool's launch template.

    Args:
        pools: the source's.
        environment: what was made of it.
    """
    for draft in pools:
        if draft.template is None:
            continue
        for pool in environment.pools:
            if pool.name == draft.name or pool.name.removeprefix(f"{draft.name}-").isdigit():
                yield from _Lines(draft.template, draft, pool, environment).all()


class _Lines:
    """Lines of one pool."""

    def __init__(self, template: SourceTemplate, draft: DraftPool, pool: _Pool, environment: Environment) -> None:
        self._template = template
        self._draft = draft
        self._pool = pool
        self._environment = environment

    def _line(self, name: str, source: object, here: object, reason: str) -> Difference:
        return Difference(
            pool_name=self._pool.name, property_name=name, source=str(source), here=str(here), reason=reason
        )

    def all(self) -> Iterator[Difference]:
        """Every property that is known of the source."""
        template, pool = self._template, self._pool
        yield self._line("InstanceType", self._draft.instance_type, pool.instance, "")
        if template.interfaces is not None:
            here = pool.layout(pool.instance)
            reason = _interfaces_reason(template, self._draft, here)
            yield self._line("NetworkInterfaces", spelled(template.interfaces), spelled(here), reason)
        if template.market_type is not None:
            market = "capacity-block" if pool.blocks else _NONE
            reason = "nodes launch into a capacity block"
            yield self._line("InstanceMarketOptions.MarketType", template.market_type or _NONE, market, reason)
        if template.reservation is not None:
            reason = "each block is a node group with a launch template of its own, which targets its reservation"
            yield self._line("CapacityReservationTarget", template.reservation or _NONE, self._target(), reason)
        if template.placement_group is not None:
            yield self._placement(template.placement_group)
        yield from self._volume()
        yield from self._metadata()
        if template.image:
            reason = "EKS's Amazon Linux 2023 image for the accelerator; node.image states another"
            yield self._line("ImageId", template.image, _NONE, reason)
        if template.key_name:
            reason = "nodes take no SSH; cluster.ssm_sessions opens shells"
            yield self._line("KeyName", template.key_name, _NONE, reason)
        if template.user_data:
            yield self._line(
                "UserData",
                "scripts of its own",
                "nodeadm's alone",
                "scripts are not carried over; node.pre_bootstrap_script",
            )

    def _target(self) -> str:
        if self._pool.blocks:
            return ", ".join(block.capacity_reservation_id for block in self._pool.blocks)
        name = self._pool.capacity_reservation if isinstance(self._pool, AcceleratorPoolSettings) else None
        if name is None:
            return _NONE
        stated = self._environment.capacity_reservation(name).capacity_reservation_id
        return stated or f"of reservation {name}, made here"

    def _placement(self, stated: str) -> Difference:
        grouped = isinstance(self._pool, AcceleratorPoolSettings) and self._pool.placement_group is not None
        here = _GROUP if grouped else _NONE
        if self._pool.blocks:
            reason = f"none with a capacity block ({NO_PLACEMENT_GROUP.value})"
        elif grouped:
            reason = "the group is made here"
        else:
            reason = (
                "a reservation takes instances of the group that it was made in alone: placement_group_name names it"
            )
        return self._line("Placement.GroupName", _GROUP if stated else _NONE, here, reason)

    def _volume(self) -> Iterator[Difference]:
        template, start = self._template, "BlockDeviceMappings"
        if template.root_volume_gib is not None:
            size = self._pool.node.root_volume_gib
            yield self._line(f"{start}.VolumeSize", template.root_volume_gib, size, "the library's default")
        if template.volume_type is not None:
            yield self._line(f"{start}.VolumeType", template.volume_type, "gp3", "root volumes are gp3")
        if template.encrypted is not None:
            encrypted = str(template.encrypted).lower()
            yield self._line(f"{start}.Encrypted", encrypted, "true", "root volumes are always encrypted")

    def _metadata(self) -> Iterator[Difference]:
        template, start = self._template, "MetadataOptions"
        if template.tokens_required is not None:
            tokens = "required" if template.tokens_required else "optional"
            yield self._line(f"{start}.HttpTokens", tokens, "required", "IMDSv2 alone")
        if template.hop_limit is not None:
            limit = self._pool.node.metadata_hop_limit
            reason = "1 keeps pods from the node's credentials; node.metadata_hop_limit: 2 lets them"
            yield self._line(f"{start}.HttpPutResponseHopLimit", template.hop_limit, limit, reason)


def _interfaces_reason(template: SourceTemplate, draft: DraftPool, here: Sequence[Interface]) -> str:
    source = template.interfaces or ()
    try:
        broken = [item.message for item in layout_violations(draft.instance_type, source)] if source else []
    except FleetError:
        broken = []
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        return f"the layout of {template.made_by} breaks the card table of {draft.instance_type} ({broken[0]}{more})"
    if not source and not any(item.is_efa for item in here):
        return "the source states none, and the pool states the type's"
    if not source:
        return "the source states none: the type's whole EFA bandwidth"
    if sum(item.is_efa for item in source) < sum(item.is_efa for item in here):
        return "the type's whole EFA bandwidth"
    taken, takes = (sum(item.takes_ip for item in items) for items in (source, here))
    return f"as EC2 recommends it: {takes} IP address{'es' if takes != 1 else ''} of a node instead of {taken}"


def spelled(interfaces: Sequence[Interface]) -> str:
    """Interfaces as text, in runs: `0/0 interface, 0/1 efa-only, 1-7/0 efa-only`.

    Args:
        interfaces: by card and device.
    """
    runs: list[tuple[int, int, int, str]] = []
    for item in sorted(interfaces):
        if runs:
            first, last, device, kind = runs[-1]
            if (item.card, item.device, item.interface_type) == (last + 1, device, kind):
                runs[-1] = (first, item.card, device, kind)
                continue
        runs.append((item.card, item.card, item.device, item.interface_type))
    texts = [f"{first if first == last else f'{first}-{last}'}/{device} {kind}" for first, last, device, kind in runs]
    return ", ".join(texts) or _NONE
