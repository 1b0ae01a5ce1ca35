"""Running racks: ways in which one was lost without a word, or in which green meant nothing, each held to the design.

Cases of one machine or of one rule have their own tests; these are visible from outside, on deployed environments.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helpers.rehearsal_site import Content, DeployedEnvironment, deployed, pool_of, site, without_workloads
from ultrafleet.cli import app
from ultrafleet.environment import EnvironmentFileError, load_environments
from ultrafleet.preflight import Level
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.scenarios.assembly import StackFailedError, reasons_of
from ultrafleet.rehearsal.scenarios.outcome import block_outcomes
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rehearsal.stepfunctions.clock import Schedules
from ultrafleet.templates.template_text import parsed_text

pytestmark = pytest.mark.slow

RACK_A, RACK_B = "rack-a-cr-0aaaaaaaaaaaaaaa1", "rack-b-cr-0bbbbbbbbbbbbbbb1"
END_OF_B = datetime(2027, 1, 26, 11, 30, tzinfo=UTC)


@pytest.fixture
def training() -> Iterator[DeployedEnvironment]:
    """Training without workloads, half an hour after its blocks began: 18 nodes in each rack."""
    with deployed("training", without_workloads, up=True) as made:
        yield made


def after(**given: float) -> None:
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(**given))


def racks(made: DeployedEnvironment) -> dict[str, set[str]]:
    return {name: made.nodes(name) for name in ("rack-a", "rack-b", "b300")}


def reservations(made: DeployedEnvironment) -> Reservations:
    return SIMULATED_ACCOUNT.part(Reservations, made.environment.account, made.environment.region)


def reports(made: DeployedEnvironment) -> list[dict[str, Any]]:
    """Messages of the last execution of the schedule to its dead-letter queue."""
    run = SIMULATED_ACCOUNT.part(Schedules, made.environment.account, made.environment.region).runs[-1]
    return [json.loads(given["MessageBody"]) for action, given in run.writes if action == "SendMessage"]


def hazards(made: DeployedEnvironment) -> set[str]:
    return {found.key for found in made.preflight() if found.level is Level.HAZARD}


def refusals(made: DeployedEnvironment) -> list[str]:
    return [found.text for found in made.preflight() if found.level is Level.REFUSED]


def tag(made: DeployedEnvironment, node_group: str, **tags: str | None) -> None:
    """Set or remove tags of the block schedule by hand."""
    described = made.call("eks", "describe_nodegroup", clusterName="training", nodegroupName=node_group)["nodegroup"]
    for name, value in tags.items():
        key = f"ultrafleet:{name.replace('_', '-')}"
        arn = described["nodegroupArn"]
        if value is None:
            made.call("eks", "untag_resource", resourceArn=arn, tagKeys=[key])
        else:
            made.call("eks", "tag_resource", resourceArn=arn, tags={key: value})


def append_block(content: Content, pool: str, reservation: str, start: datetime, end: datetime) -> None:
    blocks = pool_of(content, pool)["blocks"]
    blocks.append({**blocks[-1], "capacity_reservation_id": reservation, "start": start, "end": end})
    blocks.sort(key=lambda block: block["start"])


class TestAppendedBlocks:
    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (datetime(2026, 12, 8, 11, 30, tzinfo=UTC), datetime(2026, 12, 10, 11, 30, tzinfo=UTC)),
            (datetime(2026, 12, 17, 11, 30, tzinfo=UTC), datetime(2026, 12, 19, 11, 30, tzinfo=UTC)),
        ],
        ids=["active, and about to end", "later, and shorter than the one that runs"],
    )
    def test_a_block_appended_to_a_running_pool_empties_nothing(
        self, training: DeployedEnvironment, start: datetime, end: datetime
    ) -> None:
        SIMULATED_ACCOUNT.advance(datetime(2026, 12, 10, 10, 32, tzinfo=UTC))
        before = racks(training)
        training.edit(lambda content: append_block(content, "rack-b", "cr-0123456789abcde01", start, end))
        training.simulation.prepare()
        assert hazards(training) == set()
        training.deploy()
        SIMULATED_ACCOUNT.advance(end + timedelta(hours=1))
        assert before["rack-b"] <= training.nodes("rack-b")
        assert training.node_group(RACK_B).running == 18
        assert training.simulation.status()["reclaimed"] == 0

    def test_blocks_that_change_pools_strand_no_node(self, training: DeployedEnvironment) -> None:
        """A block is run by the node group that is named after it, so that another pool is another node group."""

        def swap(content: Content) -> None:
            one, other = pool_of(content, "rack-a")["blocks"], pool_of(content, "rack-b")["blocks"]
            one[:], other[:] = [*other], [*one]

        training.edit(swap)
        assert {f"deleted:{RACK_A}", f"deleted:{RACK_B}"} <= hazards(training)


@pytest.mark.parametrize(
    "state",
    ["scheduled", "pending", "unavailable", "assessing", "delayed", "payment-pending", "failed", "unsupported"],
)
def test_an_odd_state_of_a_block_empties_nothing_and_is_reported(training: DeployedEnvironment, state: str) -> None:
    before = racks(training)
    reservations(training).override("cr-0bbbbbbbbbbbbbbb1", state=state)
    SIMULATED_ACCOUNT.changes += 1
    after(minutes=5)
    (told,) = reports(training)
    assert state in str(told)
    assert RACK_B in str(told)
    reservations(training).override("cr-0bbbbbbbbbbbbbbb1")
    after(minutes=30)
    assert racks(training) == before
    assert reports(training) == []


class TestTargets:
    def test_launch_templates_target_the_reservation_itself(self, training: DeployedEnvironment) -> None:
        for name, block in ((RACK_A, "cr-0aaaaaaaaaaaaaaa1"), (RACK_B, "cr-0bbbbbbbbbbbbbbb1")):
            (version,) = training.call(
                "ec2", "describe_launch_template_versions", LaunchTemplateName=f"training-{name}"
            )["LaunchTemplateVersions"]
            target = version["LaunchTemplateData"]["CapacityReservationSpecification"]["CapacityReservationTarget"]
            assert target == {"CapacityReservationId": block}

    def test_a_pool_on_a_group_of_blocks_is_refused(self, training: DeployedEnvironment) -> None:
        old = Path(__file__).parent.parent / "data" / "earlier_release" / "training-pool-rack-a.yaml"
        template = parsed_text(old.read_text().replace("rack-a", "rack-old"))
        training.call(
            "cloudformation", "create_stack", StackName="training-pool-rack-old", TemplateBody=json.dumps(template)
        )
        events = training.call("cloudformation", "describe_stack_events", StackName="training-pool-rack-old")
        assert "is in the Local Zone us-east-1-dfw-2a" in str(reasons_of(events["StackEvents"]))


class TestPreflight:
    @staticmethod
    def command(made: DeployedEnvironment, folder: Path, *more: str, **variables: str) -> Result:
        (folder / f"{made.name}.yaml").write_text(made.text)
        made.write_assembly(folder / "cdk.out")
        arguments = ["--environments", str(folder), "--assembly", str(folder / "cdk.out"), *more]
        moment = SIMULATED_ACCOUNT.now.replace(tzinfo=None).isoformat()
        return CliRunner().invoke(app, ["preflight", made.name, *arguments, "--as-of", moment], env=variables)

    def test_credentials_of_another_account_are_refused(self, training: DeployedEnvironment, tmp_path: Path) -> None:
        training.edit(lambda content: pool_of(content, "rack-b")["blocks"][0].update(launch_template_version=2))
        told = self.command(training, tmp_path, AWS_ACCESS_KEY_ID="999999999999", AWS_SECRET_ACCESS_KEY="any")  # noqa: S106
        assert "expected 111122223333, the account of training" in str(told.exception)

    def test_an_account_without_the_environment_is_said_to_be_one(self, tmp_path: Path) -> None:
        with site("training", without_workloads) as made:
            told = self.command(made, tmp_path)
        assert "0 of 4 node groups exist, with 0 nodes" in told.output

    def test_a_stale_assembly_is_refused(self, training: DeployedEnvironment, tmp_path: Path) -> None:
        assert self.command(training, tmp_path).exit_code == 0
        (tmp_path / "training.yaml").write_text(training.text.replace("u-p6e-gb200x72", "u-p6e-gb200x36"))
        arguments = ["--environments", str(tmp_path), "--assembly", str(tmp_path / "cdk.out")]
        told = CliRunner().invoke(app, ["preflight", "training", *arguments])
        assert "make synth" in str(told.exception)

    def test_pools_that_left_the_file_are_told_with_their_nodes(self, training: DeployedEnvironment) -> None:
        training.edit(lambda content: content["pools"].remove(pool_of(content, "rack-b")))
        told = [found.text for found in training.preflight() if RACK_B in found.text]
        assert any("18 nodes" in text for text in told)

    def test_a_renamed_pool_is_told_to_stand_on_one_block_with_the_old_one(self, training: DeployedEnvironment) -> None:
        training.edit(lambda content: pool_of(content, "rack-b").update(name="rack-z"))
        assert f"shared:cr-0bbbbbbbbbbbbbbb1:{RACK_B}" in hazards(training)

    def test_a_lead_that_begins_in_weeks_is_no_hazard_and_one_that_has_begun_is(
        self, training: DeployedEnvironment
    ) -> None:
        def lead(content: Content) -> None:
            pool_of(content, "rack-b").update(drain_lead_minutes=600)

        training.edit(lead)
        assert hazards(training) == set()
        SIMULATED_ACCOUNT.advance(END_OF_B - timedelta(minutes=300))
        assert hazards(training) == {f"lead:{RACK_B}:90-to-600"}

    def test_one_waiver_passes_one_hazard(self, training: DeployedEnvironment, tmp_path: Path) -> None:
        def two(content: Content) -> None:
            pool_of(content, "rack-b")["blocks"][0].update(launch_template_version=2)
            pool_of(content, "rack-b").update(node={"root_volume_gib": 200})
            pool_of(content, "rack-a").update(hold=True)

        training.edit(two)
        rolled, held = f"rolled:{RACK_B}:1-to-2", f"held:{RACK_A}"
        assert {rolled, held} <= hazards(training)
        assert self.command(training, tmp_path, "--accept", rolled).exit_code == 1
        assert self.command(training, tmp_path, "--accept", rolled, "--accept", held).exit_code == 0


@pytest.mark.parametrize("before_the_end", [timedelta(minutes=100), timedelta(hours=8)], ids=str)
def test_a_roll_takes_its_time_and_one_that_keeps_a_drain_from_beginning_is_refused(
    training: DeployedEnvironment, before_the_end: timedelta
) -> None:
    begun = END_OF_B - before_the_end
    SIMULATED_ACCOUNT.advance(begun)

    def rolled(content: Content) -> None:
        pool_of(content, "rack-b").update(node={"root_volume_gib": 200})
        pool_of(content, "rack-b")["blocks"][0].update(launch_template_version=2)

    training.edit(rolled)
    assert any(f"node group {RACK_B}" in text and "18 nodes" in text for text in refusals(training))
    with suppress(StackFailedError):
        training.deploy()
    # One node at a time: EC2 comes before the last is replaced, and EKS takes no other update meanwhile.
    assert SIMULATED_ACCOUNT.now - begun > timedelta(minutes=40)
    assert training.simulation.status()["reclaimed"] > 0


def test_an_extension_that_is_not_paid_holds_no_drain_up(training: DeployedEnvironment) -> None:
    training.simulation.inject(name="extension-payment-pending")
    SIMULATED_ACCOUNT.advance(END_OF_B - timedelta(minutes=95))
    given = {"CapacityReservationId": "cr-0bbbbbbbbbbbbbbb1"}
    offerings = training.call(
        "ec2", "describe_capacity_block_extension_offerings", **given, CapacityBlockExtensionDurationHours=24
    )["CapacityBlockExtensionOfferings"]
    bought = {**given, "CapacityBlockExtensionOfferingId": offerings[0]["CapacityBlockExtensionOfferingId"]}
    training.call("ec2", "purchase_capacity_block_extension", **bought)
    with pytest.raises(Refusal):  # one at a time
        training.call("ec2", "purchase_capacity_block_extension", **bought)
    assert reservations(training).by_id["cr-0bbbbbbbbbbbbbbb1"].end == END_OF_B
    SIMULATED_ACCOUNT.advance(END_OF_B + timedelta(hours=1))
    (outcome,) = [
        item
        for item in block_outcomes(training.environment, deployed=END_OF_B - timedelta(days=9))
        if item.end == END_OF_B
    ]
    assert outcome.reclaimed == 0
    assert training.nodes("rack-b") == set()


class TestSecondDeployments:
    @pytest.mark.parametrize("version", ["1.34", "1.37"], ids=["back", "two steps"])
    def test_a_version_that_eks_refuses_is_put_right_by_the_file(
        self, training: DeployedEnvironment, version: str
    ) -> None:
        before, text = racks(training), training.text
        with pytest.raises(StackFailedError) as caught:
            training.deploy(lambda content: content.setdefault("cluster", {}).update(kubernetes_version=version))
        assert caught.value.status == "UPDATE_ROLLBACK_COMPLETE"
        training.text = text
        training.deploy()
        assert racks(training) == before

    def test_a_launch_template_version_that_does_not_exist_touches_no_node(self, training: DeployedEnvironment) -> None:
        before = racks(training)

        def third(content: Content) -> None:
            pool_of(content, "rack-b")["blocks"][0].update(launch_template_version=3)

        training.edit(third)
        assert any(RACK_B in text for text in refusals(training))
        with pytest.raises(StackFailedError) as caught:
            training.deploy()
        assert caught.value.status == "UPDATE_ROLLBACK_COMPLETE"
        after(hours=1)
        assert racks(training) == before

    def test_a_rollback_that_fails_is_healed_by_the_next_deployment(self, training: DeployedEnvironment) -> None:
        before = racks(training)
        training.simulation.inject(name="rollback-fails")
        with pytest.raises(StackFailedError) as caught:
            training.deploy(lambda content: pool_of(content, "rack-b").update(node={"labels": {"team": "red"}}))
        assert caught.value.status == "UPDATE_ROLLBACK_FAILED"
        training.simulation.clear()
        training.deploy()
        assert racks(training) == before


def test_environments_of_one_account_that_name_the_same_things_are_refused(
    training: DeployedEnvironment, tmp_path: Path
) -> None:
    """Training's pool rack-b, and pool b of training-rack: both `training-rack-b`."""
    (tmp_path / "training.yaml").write_text(training.text)
    with site("training", lambda content: pool_of(content, "rack-b").update(name="b")) as other:
        (tmp_path / "training-rack.yaml").write_text(other.text)
    with pytest.raises(EnvironmentFileError):
        load_environments(tmp_path, only="training")


class TestOrders:
    """Tags that a hand changed."""

    @pytest.mark.parametrize(
        "tags",
        [
            {"drain_lead_minutes": "0"},
            {"drain_lead_minutes": "-5"},
            {"drain_lead_minutes": " 90 "},
            {"drain_lead_minutes": None},
            {"capacity_reservation": None},
            {"capacity_reservation": "cr-0123456789abcdef0"},
            {"schedule": None},
            {"schedule": "sometimes"},
        ],
        ids=str,
    )
    def test_one_that_is_wrong_or_gone_empties_nothing_and_is_reported(
        self, training: DeployedEnvironment, tags: dict[str, str | None]
    ) -> None:
        before = racks(training)
        tag(training, RACK_B, **tags)
        after(minutes=10)
        assert racks(training) == before
        # Although there is nothing to do: the report doesn't wait until it is too late to act.
        assert [RACK_B in str(told) for told in reports(training)] == [True]


def test_an_end_that_the_file_moves_to_the_past_ends_no_block(training: DeployedEnvironment) -> None:
    """EC2 ends a block when it ends: a file changes nothing there."""
    before = racks(training)
    SIMULATED_ACCOUNT.advance(datetime(2026, 12, 10, 12, tzinfo=UTC))
    past = datetime(2026, 12, 9, 11, 30, tzinfo=UTC)
    training.deploy(lambda content: pool_of(content, "rack-b")["blocks"][0].update(end=past))
    after(hours=2)
    assert racks(training) == before
