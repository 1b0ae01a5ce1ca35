"""Auto Scaling groups of an account and a region, beside moto's other parts of the service."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ultrafleet.rehearsal.simulated_account import Refusal

TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
"""Lifecycle transition of an instance that leaves."""


@dataclass(kw_only=True)
class AutoScalingGroup:
    """Auto Scaling group.

    Attributes:
        described: what DescribeAutoScalingGroups answers, without its instances.
        hooks: lifecycle hooks by name, as DescribeLifecycleHooks answers them.
        draining: instances in Terminating:Wait, with the moment at which they are gone.
        unhealthy: instances that fail a status check and are replaced, with the moment at which that began.
        not_joined: instances that join no cluster, with the reason.
        lost: instances whose kubelet says nothing; no check of the group knows of it.
        undrained: instances that were terminated while nothing evicted what ran on them, with the moment.
        replaced: instances that failed and were replaced, with the moment.
        failure: message of the last launch that was refused; "" after one that wasn't.
        wants_deletion: it is deleted when its last instance is gone.
        next_try: when a failed launch is tried again.
    """

    described: dict[str, Any]
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    draining: list[tuple[datetime, str]] = field(default_factory=list)
    unhealthy: dict[str, datetime] = field(default_factory=dict)
    not_joined: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    undrained: list[tuple[datetime, str]] = field(default_factory=list)
    replaced: list[tuple[datetime, str]] = field(default_factory=list)
    failure: str = ""
    wants_deletion: bool = False
    next_try: datetime | None = None

    @property
    def name(self) -> str:
        """Name of the group."""
        return str(self.described["AutoScalingGroupName"])

    @property
    def desired(self) -> int:
        """Desired size."""
        return int(self.described["DesiredCapacity"])

    @property
    def subnets(self) -> list[str]:
        """Subnets of its instances."""
        return str(self.described["VPCZoneIdentifier"]).split(",")

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return {tag["Key"]: tag["Value"] for tag in self.described["Tags"]}

    @property
    def propagated_tags(self) -> dict[str, str]:
        """Tags that its instances get from it."""
        own = {tag["Key"]: tag["Value"] for tag in self.described["Tags"] if tag["PropagateAtLaunch"]}
        return {**own, "aws:autoscaling:groupName": self.name}

    @property
    def held_for(self) -> timedelta:
        """Time for which an instance that leaves is held by lifecycle hooks; they run one beside the other."""
        held = [hook["HeartbeatTimeout"] for hook in self.hooks.values() if hook["LifecycleTransition"] == TERMINATING]
        return timedelta(seconds=max(held, default=0))


class AutoScaling:
    """Auto Scaling groups of an account and a region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.groups: dict[str, AutoScalingGroup] = {}

    def group(self, name: str) -> AutoScalingGroup:
        """Group of a name.

        Raises:
            Refusal: there is none.
        """
        if name not in self.groups:
            raise Refusal("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup {name} not found")
        return self.groups[name]
