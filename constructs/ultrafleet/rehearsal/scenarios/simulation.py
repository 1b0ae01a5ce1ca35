"""Simulation of an environment: time, faults, state and cleanup, by commands."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.state import Stacks
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.kubernetes import KubernetesApi
from ultrafleet.rehearsal.scenarios import audit
from ultrafleet.rehearsal.scenarios.existing import make_existing
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget, Undo
from ultrafleet.rehearsal.scenarios.faults.fault_list import fault_named
from ultrafleet.rehearsal.scenarios.faults.injections import INJECTIONS
from ultrafleet.rehearsal.scenarios.pool_view import node_group_instances, pool_views
from ultrafleet.rehearsal.scenarios.problems import problems_of
from ultrafleet.rehearsal.scenarios.purchases import make_purchases
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_OWN_GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"
SETTLING = timedelta(minutes=30)
"""Longer than a tick of the schedule and whatever EKS needs to launch."""


class Simulation:
    """Simulation of one environment on the embedded AWS of this process."""

    def __init__(self, environment: Environment, *, read_again: Callable[[], Environment] | None = None) -> None:
        self.environment = environment
        self._read_again = read_again
        self._injected: dict[str, Undo] = {}

    def dispatch(self, command: str, **arguments: Any) -> Any:  # JSON
        """Result of a command; arguments and result are JSON.

        Raises:
            FleetError: there is no such command, or it can't be done.
        """
        commands: dict[str, Callable[..., Any]] = {
            "prepare": self.prepare,
            "now": self.now,
            "stacks": self.stacks,
            "status": self.status,
            "advance": self.advance,
            "bring_up": self.bring_up,
            "inject": self.inject,
            "clear": self.clear,
            "audit": lambda: [asdict(item) for item in audit.audit(self.environment.account, self.environment.region)],
            "kubernetes": self.kubernetes,
            "retained": lambda: [asdict(item) for item in self._retained()],
            "purge": lambda: [asdict(item) for item in audit.purge(self.environment.account, self.environment.region)],
            "unprotect": self.unprotect,
            "orphans": self.orphans,
            "lifetimes": self.lifetimes,
        }
        if command not in commands:
            raise FleetError(
                path="command",
                got=repr(command),
                expected=f"one of {', '.join(commands)}",
            )
        return commands[command](**arguments)

    def prepare(self) -> None:
        """Read the environment's file again: new blocks are bought, moved ends are extensions."""
        if self._read_again is not None:
            self.environment = self._read_again()
        make_existing(self.environment)
        make_purchases(self.environment)

    def now(self) -> str:
        """Simulated time in ISO 8601."""
        return SIMULATED_ACCOUNT.now.isoformat()

    def stacks(self) -> dict[str, str]:
        """Status of each stack of the environment's account and region."""
        stacks = SIMULATED_ACCOUNT.part(Stacks, self.environment.account, self.environment.region)
        return {stack.name: stack.status for stack in stacks.live}

    def status(self) -> dict[str, Any]:
        """State of the environment: time, stacks, pools, problems, reservations, faults."""
        reservations = SIMULATED_ACCOUNT.part(Reservations, self.environment.account, self.environment.region)
        return {
            "now": SIMULATED_ACCOUNT.now.isoformat(),
            "stacks": self.stacks(),
            "pools": [asdict(view) for view in pool_views(self.environment)],
            "problems": problems_of(self.environment),
            "reservations": {
                reservation.id: {
                    "state": reservation.state(SIMULATED_ACCOUNT.now),
                    "start": reservation.start.isoformat(),
                    "end": reservation.end and reservation.end.isoformat(),
                    "interconnect": reservation.interconnect,
                    "launchable": reservation.launchable,
                }
                for reservation in reservations.by_id.values()
            },
            "reclaimed": len(reservations.reclaimed),
            "faults": sorted(self._injected),
        }

    def kubernetes(self) -> dict[str, Any]:
        """Objects and Helm releases in the environment's cluster."""
        api = SIMULATED_ACCOUNT.part(KubernetesApi, self.environment.account, self.environment.region)
        content = api.content(self.environment.cluster_name)
        return {
            "objects": list(content.objects.values()),
            "releases": [asdict(release) for release in content.releases.values()],
        }

    def advance(self, *, to: str | None = None, hours: float | None = None) -> str:
        """Let time pass.

        Args:
            to: moment in ISO 8601 with an offset.
            hours: number of hours.
        """
        if (to is None) == (hours is None):
            raise FleetError(
                path="both or neither of --to and --hours",
                verb="are",
                got="given",
                expected="one of them",
            )
        until = datetime.fromisoformat(to) if to is not None else SIMULATED_ACCOUNT.now + timedelta(hours=hours or 0)
        if until.tzinfo is None:
            raise FleetError(
                path="moment",
                got=f"{to} without an offset",
                expected="one",
                remedy=f"write {to}Z",
            )
        if until < SIMULATED_ACCOUNT.now:
            raise FleetError(
                path="moment",
                got=until.isoformat(),
                expected=f"one after {SIMULATED_ACCOUNT.now.isoformat()}",
                remedy="simulated time doesn't go back",
            )
        SIMULATED_ACCOUNT.advance(until)
        return SIMULATED_ACCOUNT.now.isoformat()

    def bring_up(self) -> str:
        """Let time pass until the next block of each pool that isn't over has begun."""
        begins = []
        for pool in self.environment.pools:
            later = [block.start for block in pool.capacity_blocks if block.end > SIMULATED_ACCOUNT.now]
            begins += later[:1]
        SIMULATED_ACCOUNT.advance(max([SIMULATED_ACCOUNT.now, *begins]) + SETTLING)
        return SIMULATED_ACCOUNT.now.isoformat()

    def inject(self, *, name: str, pool: str | None = None, **more: Any) -> None:
        """Inject a fault; it stays until it is cleared.

        Args:
            name: of the fault.
            pool: pool that it affects.
            more: further attributes of the target, those that are not None.
        """
        fault = fault_named(name)
        given = {key: value for key, value in more.items() if value is not None}
        if name in self._injected:
            raise FleetError(
                path=f"fault {name}",
                got="injected already",
                expected="another",
                remedy="clear it first",
            )
        try:
            self._injected[name] = INJECTIONS[fault.name](FaultTarget(environment=self.environment, pool=pool, **given))
        except Refusal as refusal:
            raise FleetError(
                path=f"fault {name}",
                verb="can't be",
                got=f"injected ({refusal.message})",
                expected="its target to be deployed",
                remedy=f"deploy {self.environment.name} first",
            ) from refusal
        SIMULATED_ACCOUNT.changes += 1

    def clear(self, *, name: str | None = None) -> None:
        """End a fault, or all of them."""
        for injected in [name] if name is not None else list(self._injected):
            if injected not in self._injected:
                raise FleetError(
                    path=f"fault {injected}",
                    got="not injected",
                    expected=f"one of {', '.join(self._injected) or '(none)'}",
                )
            self._injected.pop(injected)()
            SIMULATED_ACCOUNT.changes += 1

    def orphans(self, *, stacks: Sequence[str]) -> list[dict[str, Any]]:
        """Stacks of the environment that its app no longer has, with their node groups and the nodes that run.

        AWS keeps them, and `cdk deploy` deletes none (CDK CLI reference, high).

        Args:
            stacks: names of the app's stacks.
        """
        call = Calls(account_id=self.environment.account, region=self.environment.region)
        begin = f"{self.environment.name}-"
        found = []
        for stack in SIMULATED_ACCOUNT.part(Stacks, self.environment.account, self.environment.region).live:
            if not stack.name.startswith(begin) or stack.name in stacks:
                continue
            groups = [
                resource.physical.physical_id.rpartition("/")[2].removeprefix(own)
                for resource in stack.resources.values()
                for own in [f"{self.environment.cluster_name}-" if resource.type == _OWN_GROUP else ""]
                if resource.type in {"AWS::EKS::Nodegroup", _OWN_GROUP}
            ]
            found.append(
                {
                    "stack": stack.name,
                    "node_groups": {name: len(node_group_instances(self.environment, [name], call)) for name in groups},
                    "protected": stack.termination_protection,
                }
            )
        return found

    def lifetimes(self) -> list[dict[str, Any]]:
        """Every instance on a capacity reservation that was ever launched: when, and when and why it was terminated."""
        found = SIMULATED_ACCOUNT.part(Lifetimes, self.environment.account, self.environment.region)
        return [
            {
                "instance": lifetime.instance_id,
                "reservation": lifetime.reservation_id,
                "launched": lifetime.launched.isoformat(),
                "terminated": lifetime.terminated and lifetime.terminated.isoformat(),
                "reason": lifetime.reason,
            }
            for lifetime in found.by_id.values()
            if lifetime.reservation_id is not None
        ]

    def unprotect(self) -> list[str]:
        """Switch off termination and deletion protection, as an owner would; returns what was switched off."""
        call = Calls(account_id=self.environment.account, region=self.environment.region)
        lifted = []
        for stack in SIMULATED_ACCOUNT.part(Stacks, self.environment.account, self.environment.region).live:
            if stack.termination_protection:
                stack.termination_protection = False
                lifted.append(f"termination protection of stack {stack.name}")
        existing = self.environment.cluster.existing
        for name in call("eks", "list_clusters")["clusters"]:
            if existing is not None and name == existing.name:
                continue  # nothing of it is changed
            if call("eks", "describe_cluster", name=name)["cluster"].get("deletionProtection"):
                call("eks", "update_cluster_config", name=name, deletionProtection=False)
                lifted.append(f"deletion protection of cluster {name}")
        return lifted

    def _retained(self) -> list[audit.Audited]:
        return audit.retained(self.environment.account, self.environment.region)
