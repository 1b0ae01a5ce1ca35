"""Auto Scaling's clock: instances are launched, held by their lifecycle hooks, terminated and replaced."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ultrafleet.rehearsal.assumptions import LAUNCH_RETRY
from ultrafleet.rehearsal.autoscaling.engine.group_launch import GroupLaunches
from ultrafleet.rehearsal.autoscaling.state import AutoScaling, AutoScalingGroup
from ultrafleet.rehearsal.ec2.state.instances import Instance, running, terminate
from ultrafleet.rehearsal.kubernetes import KubernetesApi
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.self_managed import CLUSTER_TAG

_DRAIN: Final = "aws-node-termination-handler"
"""Chart that evicts what runs on a node while a hook holds it."""
_SHRUNK: Final = "Auto Scaling: the group was made smaller"
_UNHEALTHY: Final = "Auto Scaling: the instance failed a status check"


class Groups:
    """Groups of an account and a region as time passes."""

    def __init__(self, account_id: str, region: str) -> None:
        self._state = SIMULATED_ACCOUNT.part(AutoScaling, account_id, region)
        self._launches = GroupLaunches(self._state)
        SIMULATED_ACCOUNT.register(self)

    def next_moment(self, after: datetime) -> datetime | None:
        """Next moment at which an instance is gone, or a launch is tried again."""
        moments: list[datetime] = []
        for group in self._state.groups.values():
            moments += [gone for gone, _ in group.draining]
            if group.next_try is not None:
                moments.append(group.next_try)
        return min((moment for moment in moments if moment > after), default=None)

    def act(self, now: datetime) -> None:
        """Terminate instances whose hooks are over, and launch missing ones."""
        for group in list(self._state.groups.values()):
            gone = [instance for moment, instance in group.draining if moment <= now]
            group.draining = [(moment, instance) for moment, instance in group.draining if moment > now]
            self._terminate(group, gone)
            if group.wants_deletion:
                self._forget(group)
            else:
                self.fill(group)

    def of(self, group: AutoScalingGroup) -> list[Instance]:
        """Instances of a group."""
        tags = {"aws:autoscaling:groupName": group.name}
        return running(self._state.account_id, self._state.region, tags)

    def resize(self, group: AutoScalingGroup) -> None:
        """Launch what is missing; what is too much leaves, after its lifecycle hooks.

        Instances that are protected from scale-in stay (EC2 Auto Scaling user guide, instance protection, high).
        """
        staying = sorted(self.staying(group), key=lambda item: (item.launched, item.id))
        group.next_try = None
        if not group.described["NewInstancesProtectedFromScaleIn"]:
            self.leave(group, [item.id for item in staying[group.desired :]])
        self.fill(group)

    def fill(self, group: AutoScalingGroup) -> None:
        """Launch missing instances; a refusal is the group's failure until a launch succeeds."""
        missing = group.desired - len(self.staying(group))
        if missing <= 0:
            group.next_try = None
            return
        if group.next_try is not None and SIMULATED_ACCOUNT.now < group.next_try:
            return
        group.next_try, group.failure = None, ""
        try:
            for _ in range(missing):
                self._launches.launch(group, self.of(group))
        except Refusal as refusal:
            group.failure = f"{refusal.code} - {refusal.message} Launching EC2 instance failed."
            group.next_try = SIMULATED_ACCOUNT.now + LAUNCH_RETRY
        alive = {item.id for item in self.of(group)}
        group.not_joined = {item: reason for item, reason in group.not_joined.items() if item in alive}

    def staying(self, group: AutoScalingGroup) -> list[Instance]:
        """Instances of a group that don't leave."""
        leaving = {instance for _, instance in group.draining}
        return [item for item in self.of(group) if item.id not in leaving]

    def delete(self, group: AutoScalingGroup, *, forced: bool) -> None:
        """Delete a group; a forced deletion waits for no hook (DeleteAutoScalingGroup API, high)."""
        group.wants_deletion = True
        group.described["Status"] = "Delete in progress"
        instances = [item.id for item in self.of(group)]
        if forced:
            group.draining = []
            self._terminate(group, instances)
        self._forget(group)

    def _forget(self, group: AutoScalingGroup) -> None:
        if not group.draining:
            del self._state.groups[group.name]

    # Instances

    def fail_node(self, instance_id: str) -> None:
        """Let an instance fail its status checks: it leaves, after its hooks, and is replaced."""
        group = self.group_of(instance_id)
        group.unhealthy[instance_id] = SIMULATED_ACCOUNT.now
        group.replaced.append((SIMULATED_ACCOUNT.now, instance_id))
        self.leave(group, [instance_id])
        self.fill(group)

    def lose_node(self, instance_id: str) -> None:
        """Let a node's kubelet fall silent: the group knows of no node, and replaces nothing."""
        self.group_of(instance_id).lost.add(instance_id)

    def fail_gpu(self, instance_id: str, _: int) -> None:
        """Let a GPU die with an XID error: the group knows of no GPU, and replaces nothing."""
        self.group_of(instance_id)

    def group_of(self, instance_id: str) -> AutoScalingGroup:
        """Group of an instance.

        Raises:
            Refusal: it is in none.
        """
        for group in self._state.groups.values():
            if instance_id in {item.id for item in self.of(group)}:
                return group
        raise Refusal("ValidationError", f"Instance Id not found - No managed instance found for ID: {instance_id}")

    def leave(self, group: AutoScalingGroup, instances: Sequence[str]) -> None:
        """Let instances leave: they are held by the group's hooks first."""
        held = group.held_for
        if held:
            group.draining += [(SIMULATED_ACCOUNT.now + held, instance) for instance in instances]
        else:
            self._terminate(group, list(instances))

    def _terminate(self, group: AutoScalingGroup, instances: list[str]) -> None:
        if not instances:
            return
        alive = {item.id for item in self.of(group)}
        gone = [instance for instance in instances if instance in alive]
        if not self._is_drained(group):
            group.undrained += [(SIMULATED_ACCOUNT.now, instance) for instance in gone]
        for reason, chosen in (
            (_UNHEALTHY, [instance for instance in gone if instance in group.unhealthy]),
            (_SHRUNK, [instance for instance in gone if instance not in group.unhealthy]),
        ):
            terminate(self._state.account_id, self._state.region, chosen, reason=reason)
        for instance in instances:
            group.not_joined.pop(instance, None)
            group.unhealthy.pop(instance, None)
            group.lost.discard(instance)
        SIMULATED_ACCOUNT.changes += 1

    def _is_drained(self, group: AutoScalingGroup) -> bool:
        """True if what ran on an instance was evicted: something in the cluster does, while a hook holds it."""
        api = SIMULATED_ACCOUNT.part(KubernetesApi, self._state.account_id, self._state.region)
        releases = api.content(group.tags.get(CLUSTER_TAG, "")).releases.values()
        return bool(group.held_for) and any(release.chart == _DRAIN for release in releases)
