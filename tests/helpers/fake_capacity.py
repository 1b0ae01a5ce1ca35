"""EKS, Auto Scaling, EC2 and SQS as far as the block schedule calls them, with time told by the test."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ultrafleet.rehearsal.stepfunctions.engine.interpreter import Execution, Machine, StatesError
from ultrafleet.rules.block_clock import BlockState
from ultrafleet.rules.schedule_tags import schedule_tags
from ultrafleet.schedule import state_machine_definition

CLUSTER = "training"
QUEUE = "https://sqs.us-east-1.amazonaws.com/111122223333/dead-letters"


@dataclass
class Block:
    """A reservation; EC2 keeps telling of it for a while after its end."""

    id: str
    start: datetime
    end: datetime
    instances: int = 18
    forgotten: bool = False
    reservation_type: str = "capacity-block"
    instance_type: str = "p6e-gb200.36xlarge"
    shown_as: str | None = None
    """State that EC2 shows whatever the time."""
    left_out: tuple[str, ...] = ()
    """Fields that EC2 leaves out."""

    def state(self, now: datetime) -> str:
        if self.shown_as is not None:
            return self.shown_as
        if now < self.start:
            return "scheduled"
        return "active" if now < self.end else "expired"

    def seen(self, now: datetime) -> BlockState | None:
        if self.forgotten or self.reservation_type != "capacity-block":
            return None
        return BlockState(
            state=self.state(now),
            start=None if "StartDate" in self.left_out else self.start,
            end=None if "EndDate" in self.left_out else self.end,
            instance_count=None if "TotalInstanceCount" in self.left_out else self.instances,
            is_ultraserver=self.instance_type == "p6e-gb200.36xlarge",
        )

    def described(self, now: datetime) -> dict[str, Any]:
        fields = {
            "CapacityReservationId": self.id,
            "ReservationType": self.reservation_type,
            "InstanceType": self.instance_type,
            "State": self.state(now),
            "StartDate": f"{self.start:%Y-%m-%dT%H:%M:%SZ}",
            "EndDate": f"{self.end:%Y-%m-%dT%H:%M:%SZ}",
            "TotalInstanceCount": self.instances,
        }
        return {name: value for name, value in fields.items() if name not in self.left_out}


@dataclass
class NodeGroup:
    """A managed node group, or an Auto Scaling group of self-managed nodes."""

    tags: dict[str, str] | None
    """None: EKS leaves the field out."""
    max_size: int = 18
    desired: int = 0
    min_size: int = 0
    status: str = "ACTIVE"
    capacity_type: str = "CAPACITY_BLOCK"
    labels: dict[str, str] | None = None
    managed: bool = True


_OF_AUTO_SCALING = {
    "eks:listNodegroups": "autoscaling:describeAutoScalingGroups",
    "eks:describeNodegroup": "autoscaling:describeAutoScalingGroups",
    "eks:updateNodegroupConfig": "autoscaling:setDesiredCapacity",
}
"""Call about a managed node group -> the one about an Auto Scaling group."""


@dataclass
class Aws:
    """The account."""

    now: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    managed: bool = True
    """Kind of the node groups that are added: managed ones, or Auto Scaling groups."""
    blocks: dict[str, Block] = field(default_factory=dict)
    node_groups: dict[str, NodeGroup] = field(default_factory=dict)
    page_size: int = 100
    null_token: bool = False
    """Last pages have a NextToken that is null."""
    calls: Counter[str] = field(default_factory=Counter)
    failures: dict[tuple[str, str], list[StatesError | None]] = field(default_factory=dict)
    """(action, node group or "") -> errors of the next calls; the last one stays."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    impaired: list[str] = field(default_factory=list)
    """Ids of blocks whose interconnect is impaired."""
    figures: list[dict[str, Any]] = field(default_factory=list)
    """What PutMetricData was given."""

    def add(
        self, name: str, block: Block, *, max_size: int = 18, lead: int = 90, hold: bool = False, desired: int = 0
    ) -> NodeGroup:
        """A node group on a block."""
        self.blocks[block.id] = block
        tags = schedule_tags(capacity_reservation_id=block.id, drain_lead_minutes=lead, hold=hold)
        group = NodeGroup(
            tags=tags, max_size=max_size, desired=desired, labels={"ultrafleet/pool": name}, managed=self.managed
        )
        self.node_groups[name] = group
        return group

    def fail(self, action: str, about: str, *errors: str | None) -> None:
        if not self.managed:
            action = _OF_AUTO_SCALING.get(action, action)
        self.failures[action, about] = [StatesError(error, "it says why") if error else None for error in errors]

    def tick(self, now: datetime | None = None) -> Execution:
        """One execution, at a moment."""
        if now is not None:
            self.now = now
        definition = state_machine_definition(cluster_name=CLUSTER, dead_letter_queue_url=QUEUE)
        return Machine(definition, self.call).run(start=self.now)

    def ticks(self, start: datetime, end: datetime) -> Iterable[datetime]:
        """An execution every five minutes; yields after each."""
        moment = start
        while moment <= end:
            execution = self.tick(moment)
            assert execution.status == "SUCCEEDED", execution
            yield moment
            moment += timedelta(minutes=5)

    @property
    def writes(self) -> int:
        return self.calls["eks:updateNodegroupConfig"] + self.calls["autoscaling:setDesiredCapacity"]

    def call(self, resource: str, arguments: dict[str, Any]) -> Any:
        prefix, action = resource.split("aws-sdk:")
        assert prefix == "arn:aws:states:::"
        self.calls[action] += 1
        about = arguments.get("NodegroupName") or arguments.get("AutoScalingGroupName") or ""
        about = about or next(iter(arguments.get("AutoScalingGroupNames", [])), "")
        planned = self.failures.get((action, about), [])
        error = planned[0] if planned else None
        if len(planned) > 1:
            planned.pop(0)
        if error is not None:
            raise error
        answers = {
            "ec2:describeCapacityReservations": self._describe_reservations,
            "eks:listNodegroups": self._list_node_groups,
            "eks:describeNodegroup": self._describe_node_group,
            "eks:updateNodegroupConfig": self._update,
            "autoscaling:describeAutoScalingGroups": self._describe_auto_scaling_groups,
            "autoscaling:setDesiredCapacity": self._set_desired_capacity,
            "sqs:sendMessage": self._send,
            "ec2:describeCapacityBlockStatus": self._describe_status,
            "cloudwatch:putMetricData": self._put,
        }
        # What goes over the wire is JSON: nothing is shared with the caller.
        return json.loads(json.dumps(answers[action](json.loads(json.dumps(arguments)))))

    def _describe_status(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments == {"Filters": [{"Name": "interconnect-status", "Values": ["impaired"]}]}
        return {"CapacityBlockStatuses": [{"CapacityBlockId": name} for name in self.impaired]}

    def _put(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.figures.append(arguments)
        return {}

    def _page(self, key: str, items: list[Any], arguments: dict[str, Any]) -> dict[str, Any]:
        first = int(arguments.get("NextToken", "0"))
        after = first + min(self.page_size, arguments.get("MaxResults", arguments.get("MaxRecords")))
        if after < len(items):
            return {key: items[first:after], "NextToken": str(after)}
        return {key: items[first:after], **({"NextToken": None} if self.null_token else {})}

    def _describe_reservations(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert set(arguments) <= {"MaxResults", "NextToken"}
        items = [block.described(self.now) for block in self.blocks.values() if not block.forgotten]
        return self._page("CapacityReservations", items, arguments)

    def _list_node_groups(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments["ClusterName"] == CLUSTER
        return self._page("Nodegroups", [name for name, group in self.node_groups.items() if group.managed], arguments)

    def _describe_auto_scaling_groups(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments["IncludeInstances"] is False, "those of a hundred groups are more than a state may return"
        names = arguments.get("AutoScalingGroupNames")
        if names is None:
            assert arguments["Filters"] == [{"Name": "tag:ultrafleet:cluster", "Values": [CLUSTER]}]
            names = [name for name, group in self.node_groups.items() if not group.managed]
            return self._page("AutoScalingGroups", [self._auto_scaling_group(name) for name in names], arguments)
        return {"AutoScalingGroups": [self._auto_scaling_group(name) for name in names if name in self.node_groups]}

    def _auto_scaling_group(self, name: str) -> dict[str, Any]:
        group = self.node_groups[name]
        tags = {**(group.tags or {}), "ultrafleet:cluster": CLUSTER}
        return {
            "AutoScalingGroupName": name,
            "MinSize": group.min_size,
            "MaxSize": group.max_size,
            "DesiredCapacity": group.desired,
            "Tags": [{"Key": key, "Value": value, "PropagateAtLaunch": False} for key, value in tags.items()],
            **({"Status": "Delete in progress"} if group.status == "DELETING" else {}),
        }

    def _set_desired_capacity(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert set(arguments) == {"AutoScalingGroupName", "DesiredCapacity", "HonorCooldown"}
        assert arguments["HonorCooldown"] is False
        group = self.node_groups[arguments["AutoScalingGroupName"]]
        assert group.min_size <= arguments["DesiredCapacity"] <= group.max_size
        group.desired = arguments["DesiredCapacity"]
        return {}

    def _node_group(self, arguments: dict[str, Any]) -> NodeGroup:
        assert arguments["ClusterName"] == CLUSTER
        if arguments["NodegroupName"] not in self.node_groups:
            raise StatesError("Eks.ResourceNotFoundException", "no node group found")
        return self.node_groups[arguments["NodegroupName"]]

    def _describe_node_group(self, arguments: dict[str, Any]) -> dict[str, Any]:
        group = self._node_group(arguments)
        return {
            "Nodegroup": {
                "NodegroupName": arguments["NodegroupName"],
                "Status": group.status,
                "CapacityType": group.capacity_type,
                **({} if group.labels is None else {"Labels": group.labels}),
                **({} if group.tags is None else {"Tags": group.tags}),
                "ScalingConfig": {"MinSize": group.min_size, "MaxSize": group.max_size, "DesiredSize": group.desired},
            }
        }

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        group = self._node_group(arguments)
        assert set(arguments) == {"ClusterName", "NodegroupName", "ScalingConfig"}
        assert group.status != "CREATING", "what EKS answers then is not documented"
        if group.status not in {"ACTIVE", "DEGRADED"}:
            raise StatesError("Eks.ResourceInUseException", "an update is under way")
        size = arguments["ScalingConfig"]
        assert size["MinSize"] == 0
        assert size["MaxSize"] == group.max_size
        assert 0 <= size["DesiredSize"] <= group.max_size
        group.desired = size["DesiredSize"]
        return {"Update": {"Status": "InProgress"}}

    def _send(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments["QueueUrl"] == QUEUE
        self.messages.append(json.loads(arguments["MessageBody"]))
        return {"MessageId": str(len(self.messages))}
