"""Auto Scaling groups of node groups: their scheduled actions, beside moto's."""

from typing import Any

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.engine.scale_down import ACTION_NAME, scale_down_moment
from ultrafleet.rehearsal.eks.state import Eks, NodeGroupRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


def install() -> None:
    """Let DescribeScheduledActions list EKS's own scale-downs, and DeleteScheduledAction delete one, once."""
    if hasattr(AutoScalingResponse, "_ultrafleet_actions"):
        return
    AutoScalingResponse._ultrafleet_actions = True  # type: ignore[attr-defined]
    plain, plain_deletion = AutoScalingResponse.describe_scheduled_actions, AutoScalingResponse.delete_scheduled_action

    def describe_scheduled_actions(self: AutoScalingResponse) -> ActionResult:
        result: dict[str, Any] = dict(plain(self).result)  # type: ignore[call-overload]
        group_name = self._get_param("AutoScalingGroupName")
        names = self._get_param("ScheduledActionNames", [])
        found = [
            action
            for action in _actions(self.current_account, self.region)
            if (not group_name or action["AutoScalingGroupName"] == group_name)
            and (not names or action["ScheduledActionName"] in names)
        ]
        result["ScheduledUpdateGroupActions"] = [*result["ScheduledUpdateGroupActions"], *found]
        return ActionResult(result)

    def delete_scheduled_action(self: AutoScalingResponse) -> ActionResult:
        name, action = self._get_param("AutoScalingGroupName"), self._get_param("ScheduledActionName")
        for group in SIMULATED_ACCOUNT.part(Eks, self.current_account, self.region).node_groups():
            if action == ACTION_NAME and group.auto_scaling_group == name and group.scale_down is not None:
                group.scale_down = None
                return EmptyResult()
        return plain_deletion(self)

    AutoScalingResponse.describe_scheduled_actions = describe_scheduled_actions  # type: ignore[method-assign]
    AutoScalingResponse.delete_scheduled_action = delete_scheduled_action  # type: ignore[method-assign]


def _actions(account_id: str, region: str) -> list[dict[str, Any]]:
    eks = SIMULATED_ACCOUNT.part(Eks, account_id, region)
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    answers = [_answer(eks, group, reservations) for group in eks.node_groups()]
    return [answer for answer in answers if answer is not None]


def _answer(eks: Eks, group: NodeGroupRecord, reservations: Reservations) -> dict[str, Any] | None:
    moment = scale_down_moment(group, reservations)
    if moment is None:
        return None
    name = group.auto_scaling_group
    return {
        "AutoScalingGroupName": name,
        "ScheduledActionName": ACTION_NAME,
        "ScheduledActionARN": f"arn:aws:autoscaling:{eks.region}:{eks.account_id}:scheduledUpdateGroupAction:"
        f"{group.described['nodegroupArn'].rpartition('/')[2]}:autoScalingGroupName/{name}:scheduledActionName/"
        f"{ACTION_NAME}",
        "Time": moment,
        "StartTime": moment,
        "MinSize": 0,
        "DesiredCapacity": 0,
    }
