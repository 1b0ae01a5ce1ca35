"""AWS's managed policies in the embedded IAM: moto's own, at less cost."""

import json
from typing import Any

from moto import mock_aws
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, iam_backends

from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.calls import Calls

ACCOUNTS = ("111122223333", "444455556666")
REGION = "us-east-1"
EVERY_POLICY: Any = {"iam": {"load_aws_managed_policies": True}}


def stated(policy: AWSManagedPolicy) -> list[Any]:
    """What a policy is, without its random id."""
    (version,) = policy.versions
    attributes = {name: value for name, value in vars(policy).items() if name not in {"id", "versions"}}
    return [policy.arn, attributes, vars(version)]


def test_they_are_motos() -> None:
    extension.install()
    with mock_aws(config=EVERY_POLICY):
        made = IAMBackend("aws-us-gov", ACCOUNTS[0]).aws_managed_policies
    data = json.loads(aws_managed_policies_data)
    own = [AWSManagedPolicy.from_data(name, ACCOUNTS[0], "aws-us-gov", data[name]) for name in data]
    assert [stated(policy) for policy in made] == [stated(policy) for policy in own]


def test_there_are_none_where_they_are_not_asked_for() -> None:
    extension.install()
    with mock_aws():
        assert IAMBackend("aws", ACCOUNTS[0]).aws_managed_policies == []


def test_a_role_of_one_account_attaches_its_own() -> None:
    extension.install()
    with mock_aws(config=EVERY_POLICY):
        first, second = (Calls(account_id=account, region=REGION) for account in ACCOUNTS)
        arn = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
        first("iam", "create_role", RoleName="node", AssumeRolePolicyDocument="{}")
        first("iam", "attach_role_policy", RoleName="node", PolicyArn=arn)
        counts = [call("iam", "get_policy", PolicyArn=arn)["Policy"]["AttachmentCount"] for call in (first, second)]
        assert counts == [1, 0]


def test_looking_for_a_keys_account_makes_no_iam_of_other_partitions() -> None:
    extension.install()
    with mock_aws():
        call = Calls(account_id=ACCOUNTS[0], region=REGION)
        call("iam", "create_user", UserName="a")
        key = call("iam", "create_access_key", UserName="a")["AccessKey"]["AccessKeyId"]
        assert extension.caller(f"AWS4-HMAC-SHA256 Credential={key}/20261201/{REGION}/iam/aws4_request") == (
            ACCOUNTS[0],
            REGION,
        )
        assert {partition for account in iam_backends.values() for partition in account} == {"aws"}
