"""The function of secondary networks: against the embedded EC2, and what it sends and answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.serialize import EC2Serializer

from helpers.rehearsal_ec2 import ACCOUNT, REGION, embedded_account
from ultrafleet.rehearsal.cloudformation.providers.secondary_networks import EmbeddedEc2
from ultrafleet.secondary_network_function import ACTIONS, SECONDARY_INTERFACES, SECONDARY_SUBNET, index

ZONE = f"{REGION}a"
Event = dict[str, Any]


@pytest.fixture
def ec2() -> Iterator[EmbeddedEc2]:
    with embedded_account():
        yield EmbeddedEc2(ACCOUNT, REGION)


def client() -> Any:
    return boto3.client("ec2", region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="rehearsal")  # noqa: S106


def network() -> str:
    return str(
        client().create_secondary_network(Ipv4CidrBlock="172.16.0.0/16", NetworkType="rdma")["SecondaryNetwork"][
            "SecondaryNetworkId"
        ]
    )


def event(kind: str, resource_type: str, properties: Event, *, request: str = "r-1", **more: Any) -> Event:
    return {
        "RequestType": kind,
        "ResourceType": resource_type,
        "LogicalResourceId": "Thing",
        "RequestId": request,
        "ResourceProperties": properties,
        **more,
    }


def subnet(network_id: str, cidr: str = "172.16.0.0/19", **more: str) -> Event:
    return {
        "SecondaryNetworkId": network_id,
        "Ipv4CidrBlock": cidr,
        "AvailabilityZone": ZONE,
        "Name": "one",
        **more,
    }


def run(made: Event, ec2: Any, *, time_left: float = 100.0) -> Event:
    left = [time_left]

    def sleep(seconds: float) -> None:
        left[0] -= seconds

    return index.handle(made, ec2, time_left=lambda: left[0], sleep=sleep)


class TestSubnet:
    def test_it_is_made_with_its_name_and_deleted(self, ec2: EmbeddedEc2) -> None:
        network_id = network()
        made = run(event("Create", SECONDARY_SUBNET, subnet(network_id)), ec2)
        (found,) = client().describe_secondary_subnets()["SecondarySubnets"]
        assert made == {
            "PhysicalResourceId": found["SecondarySubnetId"],
            "Data": {"SecondarySubnetId": made["PhysicalResourceId"]},
        }
        assert (found["SecondaryNetworkId"], found["AvailabilityZone"]) == (network_id, ZONE)
        assert found["Tags"] == [{"Key": "Name", "Value": "one"}]
        gone = event("Delete", SECONDARY_SUBNET, subnet(network_id), PhysicalResourceId=made["PhysicalResourceId"])
        assert run(gone, ec2) == {"PhysicalResourceId": made["PhysicalResourceId"]}
        assert run(gone, ec2) == {"PhysicalResourceId": made["PhysicalResourceId"]}
        assert client().describe_secondary_subnets()["SecondarySubnets"] == []

    def test_a_repeated_request_makes_one(self, ec2: EmbeddedEc2) -> None:
        create = event("Create", SECONDARY_SUBNET, subnet(network()))
        assert run(create, ec2) == run(create, ec2)
        assert len(client().describe_secondary_subnets()["SecondarySubnets"]) == 1

    def test_another_cidr_makes_another_and_the_same_keeps_it(self, ec2: EmbeddedEc2) -> None:
        old = subnet(network())
        first = run(event("Create", SECONDARY_SUBNET, old), ec2)["PhysicalResourceId"]
        both = {"PhysicalResourceId": first, "OldResourceProperties": old}
        assert run(event("Update", SECONDARY_SUBNET, old, **both), ec2)["PhysicalResourceId"] == first
        moved = event("Update", SECONDARY_SUBNET, {**old, "Ipv4CidrBlock": "172.16.32.0/19"}, request="r-2", **both)
        assert run(moved, ec2)["PhysicalResourceId"] != first

    def test_fails_when_its_name_changes(self, ec2: EmbeddedEc2) -> None:
        old = subnet("sn-1")
        renamed = event(
            "Update", SECONDARY_SUBNET, {**old, "Name": "two"}, PhysicalResourceId="ssn-1", OldResourceProperties=old
        )
        with pytest.raises(index.RefusedError, match="the Name of ssn-1 can't change: deploy the name one again"):
            run(renamed, ec2)

    def test_fails_outside_of_its_network_in_the_words_of_ec2(self, ec2: EmbeddedEc2) -> None:
        create = event("Create", SECONDARY_SUBNET, subnet(network(), "10.0.0.0/19"))
        with pytest.raises(index.Ec2Error) as caught:
            run(create, ec2)
        assert index.reason(create, caught.value) == (
            f"create of {SECONDARY_SUBNET} Thing: The CIDR '10.0.0.0/19' is not in '172.16.0.0/16'. "
            "(InvalidSecondarySubnet.Range)"
        )

    def test_a_failed_creation_has_a_fixed_id_whose_deletion_does_nothing(self) -> None:
        create = event("Create", SECONDARY_SUBNET, subnet("sn-1"))
        gone = event("Delete", SECONDARY_SUBNET, subnet("sn-1"), PhysicalResourceId=index.failed_id(create))
        assert run(gone, None) == {"PhysicalResourceId": "Thing-not-made"}

    @pytest.mark.parametrize(
        ("states", "refusal"),
        [
            (["create-failed"], "EC2 could not make ssn-1: no room"),
            (["create-in-progress"] * 50, "making ssn-1 took longer than the function may run"),
        ],
    )
    def test_fails_when_ec2_does_not_finish(self, states: list[str], refusal: str) -> None:
        calls: list[str] = []

        def ec2(action: str, **_: object) -> Event:
            calls.append(action)
            if action == "CreateSecondarySubnet":
                return {"secondarySubnet": {"secondarySubnetId": "ssn-1"}}
            if action != "DescribeSecondarySubnets" or "DeleteSecondarySubnet" in calls:
                return {}
            state = states.pop(0) if len(states) > 1 else states[0]
            return {"secondarySubnetSet": [{"state": state, "stateReason": "no room"}]}

        with pytest.raises(index.RefusedError, match=refusal):
            run(event("Create", SECONDARY_SUBNET, subnet("sn-1")), ec2)
        assert ("DeleteSecondarySubnet" in calls) is (states[0] == "create-failed")


class TestInterfaces:
    def wanted(self, template_id: str, subnet_id: str = "ssn-1") -> Event:
        at = [{"NetworkCardIndex": str(card), "DeviceIndex": "0", "SecondarySubnetId": subnet_id} for card in (1, 2)]
        return {"LaunchTemplateId": template_id, "SecondaryInterfaces": at, "LatestVersionNumber": "1"}

    def template(self) -> str:
        made = client().create_launch_template(
            LaunchTemplateName="one", LaunchTemplateData={"InstanceType": "m5.large"}
        )
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def data(self, template_id: str, number: str) -> Event:
        found = client().describe_launch_template_versions(LaunchTemplateId=template_id, Versions=[number])
        data: Event = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        return data

    def test_a_version_has_what_its_source_has_and_the_interfaces(self, ec2: EmbeddedEc2) -> None:
        template_id = self.template()
        made = run(event("Create", SECONDARY_INTERFACES, self.wanted(template_id)), ec2)
        assert made == {"PhysicalResourceId": f"{template_id}/secondary-interfaces", "Data": {"VersionNumber": "2"}}
        data = self.data(template_id, "2")
        assert data["InstanceType"] == "m5.large"
        assert data["SecondaryInterfaces"] == [
            {
                "NetworkCardIndex": card, "DeviceIndex": 0, "InterfaceType": "secondary", "SecondarySubnetId": "ssn-1",
                "PrivateIpAddressCount": 1, "DeleteOnTermination": True,
            }
            for card in (1, 2)
        ]  # fmt: skip
        assert client().describe_launch_templates()["LaunchTemplates"][0]["DefaultVersionNumber"] == 1

    def test_the_same_again_makes_none(self, ec2: EmbeddedEc2) -> None:
        template_id = self.template()
        for kind, request in (("Create", "r-1"), ("Update", "r-2")):
            made = run(event(kind, SECONDARY_INTERFACES, self.wanted(template_id), request=request), ec2)
            assert made["Data"] == {"VersionNumber": "2"}

    def test_a_new_plain_version_is_the_next_source(self, ec2: EmbeddedEc2) -> None:
        template_id = self.template()
        run(event("Create", SECONDARY_INTERFACES, self.wanted(template_id)), ec2)
        client().create_launch_template_version(
            LaunchTemplateId=template_id, LaunchTemplateData={"InstanceType": "m6i.large"}
        )
        again = event("Update", SECONDARY_INTERFACES, self.wanted(template_id), request="r-2")
        assert run(again, ec2)["Data"] == {"VersionNumber": "4"}
        assert self.data(template_id, "4")["InstanceType"] == "m6i.large"

    def test_other_subnets_come_from_the_same_source(self, ec2: EmbeddedEc2) -> None:
        template_id = self.template()
        run(event("Create", SECONDARY_INTERFACES, self.wanted(template_id)), ec2)
        moved = event("Update", SECONDARY_INTERFACES, self.wanted(template_id, "ssn-2"), request="r-2")
        assert run(moved, ec2)["Data"] == {"VersionNumber": "3"}
        found = client().describe_launch_template_versions(LaunchTemplateId=template_id, Versions=["3"])
        assert found["LaunchTemplateVersions"][0]["VersionDescription"] == "secondary interfaces of version 1"

    def test_a_deletion_leaves_the_versions_to_their_template(self) -> None:
        gone = event(
            "Delete", SECONDARY_INTERFACES, self.wanted("lt-1"), PhysicalResourceId="lt-1/secondary-interfaces"
        )
        assert run(gone, None) == {"PhysicalResourceId": "lt-1/secondary-interfaces"}

    def test_fails_without_its_launch_template(self, ec2: EmbeddedEc2) -> None:
        with pytest.raises(index.Ec2Error, match=r"InvalidLaunchTemplateId.NotFound"):
            run(event("Create", SECONDARY_INTERFACES, self.wanted("lt-0aaaaaaaaaaaaaaa1")), ec2)


def test_its_role_needs_what_it_calls(ec2: EmbeddedEc2) -> None:
    network_id, interfaces = network(), TestInterfaces()
    made = run(event("Create", SECONDARY_SUBNET, subnet(network_id)), ec2)
    run(event("Create", SECONDARY_INTERFACES, interfaces.wanted(interfaces.template())), ec2)
    run(event("Delete", SECONDARY_SUBNET, subnet(network_id), PhysicalResourceId=made["PhysicalResourceId"]), ec2)
    assert sorted({f"ec2:{action}" for action in ec2.called} | {"ec2:CreateTags"}) == list(ACTIONS)


FORMS: dict[str, tuple[Event, Event]] = {
    "CreateSecondarySubnet": (
        {
            "SecondaryNetworkId": "sn-1", "Ipv4CidrBlock": "172.16.0.0/19", "AvailabilityZone": ZONE,
            "ClientToken": "t", "TagSpecification": [
                {"ResourceType": "secondary-subnet", "Tag": [{"Key": "Name", "Value": "one"}]}
            ],
        },
        {
            "SecondaryNetworkId": "sn-1", "Ipv4CidrBlock": "172.16.0.0/19", "AvailabilityZone": ZONE,
            "ClientToken": "t", "TagSpecifications": [
                {"ResourceType": "secondary-subnet", "Tags": [{"Key": "Name", "Value": "one"}]}
            ],
        },
    ),
    "DescribeSecondaryInterfaces": (
        {"Filter": [{"Name": "secondary-subnet-id", "Value": ["ssn-1"]}]},
        {"Filters": [{"Name": "secondary-subnet-id", "Values": ["ssn-1"]}]},
    ),
    "CreateLaunchTemplateVersion": (
        {
            "LaunchTemplateId": "lt-1", "SourceVersion": "1",
            "LaunchTemplateData": {"SecondaryInterface": [{"NetworkCardIndex": 1, "DeleteOnTermination": True}]},
        },
        {
            "LaunchTemplateId": "lt-1", "SourceVersion": "1",
            "LaunchTemplateData": {"SecondaryInterfaces": [{"NetworkCardIndex": 1, "DeleteOnTermination": True}]},
        },
    ),
    "DescribeLaunchTemplateVersions": (
        {"LaunchTemplateId": "lt-1", "LaunchTemplateVersion": ["$Latest"]},
        {"LaunchTemplateId": "lt-1", "Versions": ["$Latest"]},
    ),
}  # fmt: skip
"""Parameters as the function writes them, and as boto3 takes the same."""


@pytest.mark.parametrize("action", FORMS)
def test_a_form_is_the_one_that_botocore_sends(action: str) -> None:
    written, taken = FORMS[action]
    model = client().meta.service_model.operation_model(action)
    sent = EC2Serializer().serialize_to_request(taken, model)["body"]
    assert index.form(action, written) == {key: str(value) for key, value in sent.items()}


ANSWER = b"""<?xml version="1.0"?><DescribeSecondarySubnetsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<requestId>r</requestId><secondarySubnetSet><item><secondarySubnetId>ssn-1</secondarySubnetId><state>create-complete</state>
<tagSet/></item></secondarySubnetSet></DescribeSecondarySubnetsResponse>"""
REFUSAL = (
    b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized.</Message></Error>"
    b"</Errors><RequestID>r</RequestID></Response>"
)


class Site:
    """EC2 and CloudFormation's address for answers, over HTTP."""

    def __init__(self, answers: list[tuple[int, bytes]]) -> None:
        self.forms: list[dict[str, list[str]]] = []
        self.told: list[Event] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
                site.forms.append(parse_qs(body))
                status, text = answers.pop(0)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text)

            def do_PUT(self) -> None:
                site.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (
            [(200, ANSWER), (200, b"<DescribeSecondaryInterfacesResponse/>"), (200, b"<R/>"), (200, b"<R/>")],
            {"Status": "SUCCESS"},
        ),
        ([(503, b"busy"), (200, b"<R/>")], {"Status": "SUCCESS"}),
        (
            [(403, REFUSAL)],
            {
                "Status": "FAILED",
                "Reason": f"delete of {SECONDARY_SUBNET} Thing: You are not authorized. (UnauthorizedOperation)",
            },
        ),
    ],
    ids=["deleted", "gone, and EC2 busy at first", "refused"],
)
def test_cloudformation_is_answered(
    answers: list[tuple[int, bytes]], told: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with Site(list(answers)) as site:
        for key, value in {
            "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token", "EC2_ENDPOINT": site.address,
        }.items():  # fmt: skip
            monkeypatch.setenv(key, value)
        index.handler(
            event(
                "Delete", SECONDARY_SUBNET, subnet("sn-1"), PhysicalResourceId="ssn-1", StackId="s",
                ResponseURL=site.address,
            ),
            Context(),
        )  # fmt: skip
    same = {"PhysicalResourceId": "ssn-1", "StackId": "s", "RequestId": "r-1", "LogicalResourceId": "Thing"}
    assert site.told == [{**same, **told}]
    assert len(site.forms) == len(answers)
    assert site.forms[0]["Filter.1.Value.1"] == ["ssn-1"]
