"""EKS's clock: nodes of managed node groups are launched, drained, replaced and repaired."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.rehearsal.assumptions import LAUNCH_RETRY, ROLL_GIVES_UP
from ultrafleet.rehearsal.ec2.state.instances import Instance, running, terminate
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.engine.node_launch import NodeLaunches, identity, join_issue, launch_issue
from ultrafleet.rehearsal.eks.engine.repairs import next_repaired, repair_of_a_dead_gpu, repair_of_a_lost_node
from ultrafleet.rehearsal.eks.engine.scale_down import scale_down_moment
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks, NodeConfiguration, NodeGroupRecord, Roll
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

EVICTION: Final = CapacityBlockRules.EKS_EVICTION
"""Time for which EKS evicts a node before it is terminated; here always the whole of it."""
PODS_STAY: Final = "pod-eviction-failure"
"""Fault under which the pods of a node don't leave it within that time."""


class Nodes:
    """Nodes of an account and a region as time passes."""

    def __init__(self, account_id: str, region: str) -> None:
        self._eks = SIMULATED_ACCOUNT.part(Eks, account_id, region)
        self._reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
        self._launches = NodeLaunches(self._eks)
        SIMULATED_ACCOUNT.register(self)

    # Time

    def next_moment(self, after: datetime) -> datetime | None:
        """Next moment at which a node is gone, a launch is tried again, or EKS scales a group down."""
        moments: list[datetime] = []
        for group in self._eks.node_groups():
            moments += [gone for gone, _ in group.draining]
            moments += [due for due in group.ill.values() if due is not None]
            if group.roll is not None:
                moments += [gone for gone, _ in group.roll.leaving]
            moments += [
                moment
                for moment in (group.next_try, scale_down_moment(group, self._reservations))
                if moment is not None
            ]
        return min((moment for moment in moments if moment > after), default=None)

    def act(self, now: datetime) -> None:
        """Terminate drained nodes, scale down before blocks end, launch missing nodes, go on with updates."""
        for cluster in list(self._eks.clusters.values()):
            for group in list(cluster.node_groups.values()):
                self._drain(group, now)
                if group.wants_deletion:
                    self._forget(cluster, group)
                    continue
                self._scale_down_by_itself(cluster, group, now)
                self._repair(cluster, group, now)
                if group.roll is None:
                    self.fill(cluster, group)
                else:
                    self._go_on(cluster, group, group.roll, now)

    def _drain(self, group: NodeGroupRecord, now: datetime) -> None:
        gone = [instance for moment, instance in group.draining if moment <= now]
        self._terminate(group, gone, "EKS: the node group was made smaller")
        group.draining = [(moment, instance) for moment, instance in group.draining if moment > now]
        if group.update is not None and group.roll is None and not group.draining and not group.held_up:
            group.finish_update()

    def _repair(self, cluster: ClusterRecord, group: NodeGroupRecord, now: datetime) -> None:
        if not group.ill:
            return
        repaired = next_repaired(group, {instance.id for instance in self._staying(cluster, group)}, now)
        if repaired is not None:
            group.repaired.append((now, repaired))
            self._terminate(group, [repaired], "EKS: the node was repaired")
            SIMULATED_ACCOUNT.changes += 1

    def _forget(self, cluster: ClusterRecord, group: NodeGroupRecord) -> None:
        if not group.draining:
            del cluster.node_groups[group.name]

    def _scale_down_by_itself(self, cluster: ClusterRecord, group: NodeGroupRecord, now: datetime) -> None:
        """Empty a group by its scheduled action: nodes are evicted by the group's lifecycle hook.

        It is no update of EKS's: the group's status stays, and other updates are taken meanwhile.
        """
        moment = scale_down_moment(group, self._reservations)
        if moment is None or now < moment:
            return
        group.scale_down = None
        SIMULATED_ACCOUNT.changes += 1  # without a call
        leaving = {instance for _, instance in group.draining}
        taken = [instance.id for instance in self.of(cluster, group) if instance.id not in leaving]
        group.taken_by_eks += [(now, instance) for instance in taken]
        group.draining += [(now + EVICTION, instance) for instance in taken]
        group.described["scalingConfig"] |= {"minSize": 0, "desiredSize": 0}
        SIMULATED_ACCOUNT.changes += 1

    # Sizes

    def of(self, cluster: ClusterRecord, group: NodeGroupRecord) -> list[Instance]:
        """Instances of a group."""
        return running(self._eks.account_id, self._eks.region, identity(cluster, group))

    def resize(self, cluster: ClusterRecord, group: NodeGroupRecord, scaling: dict[str, int]) -> None:
        """Set sizes: missing nodes are launched at once, surplus nodes are evicted and then terminated."""
        group.described["scalingConfig"] = {**group.described["scalingConfig"], **scaling}
        staying = sorted(self._staying(cluster, group), key=lambda item: (item.launched, item.id))
        group.draining += [(SIMULATED_ACCOUNT.now + EVICTION, item.id) for item in staying[group.desired :]]
        self.fill(cluster, group)

    def fill(self, cluster: ClusterRecord, group: NodeGroupRecord) -> Refusal | None:
        """Launch missing nodes; a refusal becomes a health issue, which stays until a launch succeeds.

        AWS says so of groups that are scaled to 0 meanwhile (containers-roadmap #2326, high).

        Returns:
            EC2's refusal of a launch; None where all were launched, or none was tried.
        """
        if group.described["status"] in {"DELETING", "CREATE_FAILED"}:
            return None
        missing = group.wanted - len(self._staying(cluster, group))
        if missing <= 0:
            group.next_try = None
            return None
        if group.next_try is not None and SIMULATED_ACCOUNT.now < group.next_try:
            return None
        refused, group.next_try = None, None
        try:
            for _ in range(missing):
                self._launches.launch(cluster, group, self.of(cluster, group))
        except Refusal as refusal:
            refused, group.next_try = refusal, SIMULATED_ACCOUNT.now + LAUNCH_RETRY
        alive = {item.id for item in self.of(cluster, group)}
        group.not_joined = {item: reason for item, reason in group.not_joined.items() if item in alive}
        issues = [None if refused is None else launch_issue(refused, group), join_issue(group)]
        group.described["health"] = {"issues": [issue for issue in issues if issue is not None]}
        group.settle_status()
        return refused

    def _staying(self, cluster: ClusterRecord, group: NodeGroupRecord) -> list[Instance]:
        leaving = {instance for _, instance in group.draining}
        return [item for item in self.of(cluster, group) if item.id not in leaving]

    # Replacing

    def roll(
        self, cluster: ClusterRecord, group: NodeGroupRecord, to: NodeConfiguration, *, update: Any, forced: bool
    ) -> None:
        """Begin to replace the nodes that were launched with another configuration.

        Args:
            cluster: the cluster.
            group: the node group.
            to: the new configuration.
            update: the update, as DescribeUpdate answers it.
            forced: terminate a node whose pods don't leave.
        """
        group.update = update
        waiting = [item.id for item in self._staying(cluster, group) if group.made_from.get(item.id) != to]
        group.roll = Roll(to=to, forced=forced, waiting=sorted(waiting))
        group.settle_status()
        self._go_on(cluster, group, group.roll, SIMULATED_ACCOUNT.now)

    def _go_on(self, cluster: ClusterRecord, group: NodeGroupRecord, roll: Roll, now: datetime) -> None:
        """Go on with an update of the version: nodes leave, are replaced, and then the next ones leave."""
        gone = [instance for moment, instance in roll.leaving if moment <= now]
        if gone and PODS_STAY in SIMULATED_ACCOUNT.readings and not roll.forced:
            message = f"Reached max retries while trying to evict pods from nodes in node group {group.name}"
            self._fail_update(cluster, group, ("PodEvictionFailure", message), about=gone)
            return
        self._terminate(group, gone, "EKS: the node group was updated")
        group.rolled += [(now, instance) for instance in gone]
        roll.leaving = [(moment, instance) for moment, instance in roll.leaving if moment > now]
        if gone:
            roll.extra = 0
        self.fill(cluster, group)
        if self._is_stuck(cluster, group, roll, now) or roll.leaving:
            return
        alive = {item.id for item in self._staying(cluster, group)}
        waiting = [instance for instance in roll.waiting if instance in alive]
        begun = waiting[: group.max_unavailable]
        if begun and group.launches_first and not roll.extra:
            roll.extra = len(begun)
            self.fill(cluster, group)
            if self._is_stuck(cluster, group, roll, now):
                return
        roll.waiting = waiting[len(begun) :]
        roll.leaving = [(now + EVICTION, instance) for instance in begun]
        if not begun:
            group.described |= {"version": roll.to.version, "releaseVersion": roll.to.release}
            if roll.to.launch_template is not None:
                group.described["launchTemplate"] = roll.to.launch_template
            group.finish_update()

    def _is_stuck(self, cluster: ClusterRecord, group: NodeGroupRecord, roll: Roll, now: datetime) -> bool:
        """True while replacements can't be launched; after a time the update fails."""
        if len(self._staying(cluster, group)) >= group.wanted:
            roll.stuck_since = None
            return False
        roll.stuck_since = roll.stuck_since or now
        if now - roll.stuck_since >= ROLL_GIVES_UP:
            messages = "; ".join(issue["message"] for issue in group.issues)
            self._fail_update(cluster, group, ("NodeCreationFailure", messages))
        return True

    def _fail_update(
        self, cluster: ClusterRecord, group: NodeGroupRecord, error: tuple[str, str], about: Sequence[str] = ()
    ) -> None:
        """Fail the update in progress; replacements too many leave again."""
        group.finish_update(error=error, about=about)
        self.resize(cluster, group, {})

    def fail_node(self, instance_id: str) -> None:
        """Let a node fail: with repair enabled EKS replaces it within the same reservation; without, it stays."""
        for cluster in self._eks.clusters.values():
            for group in cluster.node_groups.values():
                reservations = {item.id: item.reservation_id for item in self.of(cluster, group)}
                if instance_id not in reservations:
                    continue
                if not (group.described.get("nodeRepairConfig") or {}).get("enabled"):
                    self._reservations.failed_checks.add(instance_id)
                    return
                group.repaired.append((SIMULATED_ACCOUNT.now, instance_id))
                self._terminate(group, [instance_id], "EKS: the node was repaired")
                self.fill(cluster, group)

    def lose_node(self, instance_id: str) -> None:
        """Let a node's kubelet fall silent: EKS replaces it after a while where repair is enabled."""
        _, group = self.group_of(instance_id)
        self._reservations.failed_checks.add(instance_id)
        group.ill[instance_id] = repair_of_a_lost_node(group, SIMULATED_ACCOUNT.now)
        group.lost.add(instance_id)

    def fail_gpu(self, instance_id: str, code: int) -> None:
        """Let a GPU of a node die with an XID error: the kernel says so, and the node stays Ready."""
        cluster, group = self.group_of(instance_id)
        group.ill[instance_id] = repair_of_a_dead_gpu(cluster, group, code, SIMULATED_ACCOUNT.now)

    def group_of(self, instance_id: str) -> tuple[ClusterRecord, NodeGroupRecord]:
        """Cluster and node group of a running instance.

        Raises:
            Refusal: it is in none.
        """
        for cluster in self._eks.clusters.values():
            for group in cluster.node_groups.values():
                if instance_id in {item.id for item in self.of(cluster, group)}:
                    return cluster, group
        raise Refusal("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")

    def delete(self, cluster: ClusterRecord, group: NodeGroupRecord) -> None:
        """Evict every node, and delete the group when the last is gone."""
        group.wants_deletion = True
        group.finish_update(error=("Unknown", "the node group is being deleted"))
        group.described["status"] = "DELETING"
        leaving = {instance for _, instance in group.draining}
        group.draining += [
            (SIMULATED_ACCOUNT.now + EVICTION, instance.id)
            for instance in self.of(cluster, group)
            if instance.id not in leaving
        ]
        self._forget(cluster, group)

    def _terminate(self, group: NodeGroupRecord, instance_ids: list[str], reason: str) -> None:
        terminate(self._eks.account_id, self._eks.region, instance_ids, reason=reason)
        for instance_id in instance_ids:
            group.made_from.pop(instance_id, None)
            group.not_joined.pop(instance_id, None)
            group.ill.pop(instance_id, None)
            group.lost.discard(instance_id)
