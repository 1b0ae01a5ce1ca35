"""RunInstances of the embedded EC2 through boto3."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.rehearsal_ec2 import ACCOUNT, DALLAS, P5EN_BLOCK, REGION, Scene, embedded_account
from ultrafleet.rehearsal.ec2.state.moto_backend import backend
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

pytestmark = pytest.mark.slow


@pytest.fixture
def scene() -> Iterator[Scene]:
    with embedded_account() as made:
        yield made


def _in_subnet(template: dict[str, Any], subnet_id: str) -> dict[str, Any]:
    interfaces = [{**one, "SubnetId": subnet_id} for one in template["NetworkInterfaces"]]
    return template | {"NetworkInterfaces": interfaces}


def _template(scene: Scene, **more: Any) -> dict[str, str]:
    data = _in_subnet(dict(scene.p5en().template), scene.subnets["us-east-1a"]) | {"InstanceType": "p5en.48xlarge"}
    made = scene.ec2.create_launch_template(LaunchTemplateName="p5en", LaunchTemplateData=data | more)
    return {"LaunchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"], "Version": "$Latest"}


def test_a_launch_template_is_read_in_full(scene: Scene) -> None:
    answer = scene.ec2.run_instances(LaunchTemplate=_template(scene), MinCount=2, MaxCount=2)
    assert [one["CapacityReservationId"] for one in answer["Instances"]] == [P5EN_BLOCK] * 2
    assert [one["AmiLaunchIndex"] for one in answer["Instances"]] == [0, 1]
    shown = scene.shown(answer["Instances"][0]["InstanceId"])
    assert len(shown["NetworkInterfaces"]) == 17
    assert "aws:ec2launchtemplate:id" in {tag["Key"] for tag in shown["Tags"]}
    assert len(scene.ec2.describe_instances()["Reservations"]) == 1


def test_parameters_beside_a_template_win(scene: Scene) -> None:
    answer = scene.ec2.run_instances(
        LaunchTemplate=_template(scene, KeyName="old"), KeyName="new", MinCount=1, MaxCount=1
    )
    assert answer["Instances"][0]["KeyName"] == "new"


def test_more_than_there_is_room_for(scene: Scene) -> None:
    template = _template(scene)
    with pytest.raises(ClientError, match="ReservationCapacityExceeded"):
        scene.ec2.run_instances(LaunchTemplate=template, MinCount=3, MaxCount=3)
    answer = scene.ec2.run_instances(LaunchTemplate=template, MinCount=1, MaxCount=3)
    assert len(answer["Instances"]) == 2


def test_rules_hold_without_a_template(scene: Scene) -> None:
    given = _in_subnet(dict(scene.p5en().template), scene.subnets["us-east-1a"])
    del given["InstanceMarketOptions"]
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*market type"):
        scene.ec2.run_instances(ImageId="ami-1", InstanceType="p5en.48xlarge", MinCount=1, MaxCount=1, **given)


def test_rules_hold_for_accelerated_types_on_demand(scene: Scene) -> None:
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*market type"):
        scene.ec2.run_instances(
            ImageId="ami-1",
            InstanceType="p6e-gb200.36xlarge",
            SubnetId=scene.subnets[DALLAS],
            MinCount=1,
            MaxCount=1,
        )


def test_an_image_of_another_architecture(scene: Scene) -> None:
    image = scene.ec2.register_image(Name="arm", Architecture="arm64")["ImageId"]
    # moto doesn't keep the architecture of the call.
    backend(ACCOUNT, REGION).amis[image].architecture = "arm64"
    given = {"SubnetId": scene.subnets["us-east-1a"], "MinCount": 1, "MaxCount": 1}
    with pytest.raises(ClientError, match="does not match the architecture 'arm64'"):
        scene.ec2.run_instances(ImageId=image, InstanceType="p5.48xlarge", **given)


def test_a_subnet_beside_interfaces(scene: Scene) -> None:
    with pytest.raises(ClientError, match="instance-level subnet ID"):
        scene.ec2.run_instances(
            LaunchTemplate=_template(scene), SubnetId=scene.subnets["us-east-1a"], MinCount=1, MaxCount=1
        )


def test_other_launches_are_motos(scene: Scene) -> None:
    answer = scene.ec2.run_instances(ImageId="ami-1", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    assert answer["Instances"][0]["InstanceType"] == "t3.micro"


def test_faults_reach_every_launch(scene: Scene) -> None:
    def fault(service: str, action: str, about: dict[str, Any]) -> None:
        if action == "RunInstances" and about.get("InstanceType") in ("t3.micro", "p5en.48xlarge"):
            raise Refusal("RequestLimitExceeded", f"{service} is busy.")

    SIMULATED_ACCOUNT.checks.append(fault)
    for given in ({"ImageId": "ami-1", "InstanceType": "t3.micro"}, {"LaunchTemplate": _template(scene)}):
        with pytest.raises(ClientError, match="RequestLimitExceeded"):
            scene.ec2.run_instances(MinCount=1, MaxCount=1, **given)
