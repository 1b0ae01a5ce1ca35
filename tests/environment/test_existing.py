"""Existing things in an environment's file: what is refused, which stacks are made, what environments may share."""

from pathlib import Path

import pytest
import yaml

from helpers.adopted_layers import CONTROL_PLANE, KUBECTL, LAYERS, SYSTEM, Change, adopted, subnets, without
from helpers.environment_changes import Content, each, put
from helpers.rehearsal_site import FIXTURES
from ultrafleet.environment import Environment, EnvironmentFileError, load_environment, load_environments
from ultrafleet.environment.addons import installed_addons
from ultrafleet.environment.document import FileFaultError
from ultrafleet.environment.layers import existing_things, stack_ids


def loaded(folder: Path, content: Content, name: str = "adopted") -> Environment:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_environment(path)


REFUSED = [
    ("a short id", put("network", vpc_id="vpc-12"), r"network\.vpc_id: is 'vpc-12', expected an id such as vpc-0123"),
    ("an id of another kind", put("network", vpc_id="subnet-0ddddddddddddddd2"), r"network\.vpc_id: is 'subnet-"),
    (
        "a role's name",
        put("cluster", node_role_arn="research-nodes"),
        r"cluster\.node_role_arn: is 'research-nodes', expected the ARN of an IAM role",
    ),
    (
        "a role of another account",
        put("cluster", node_role_arn="arn:aws:iam::999999999999:role/nodes"),
        r"cluster\.node_role_arn: is of account 999999999999, expected a role of account 111122223333",
    ),
    (
        "a topic of another region",
        put(alarm_topic_arn="arn:aws:sns:eu-west-1:111122223333:alarms"),
        r"alarm_topic_arn: is of eu-west-1, expected one of us-east-1, where it is used",
    ),
    ("a subnet without its VPC", without("network", "vpc_id"), r"subnet_id of b300-b is subnet-\w+ without a vpc_id"),
    ("a NAT gateway", put("network", egress="zonal_nat"), r"network\.egress: is stated with vpc_id .*no NAT gateway"),
    ("flow logs", put("network", flow_logs=True), r"network\.flow_logs: is stated with vpc_id"),
    (
        "a subnet without a way out",
        lambda content: content["network"]["subnets"][1].pop("route_table_id"),
        r"subnet dallas has neither subnet_id nor route_table_id",
    ),
    (
        "a route table of an existing subnet",
        put("network", "subnets", "b300-b", route_table_id="rtb-0ddddddddddddddd3"),
        r"route_table_id of subnet b300-b is stated for existing",
    ),
    (
        "an existing subnet without a CIDR",
        lambda content: content["network"]["subnets"][0].pop("cidr"),
        r"subnet b300-b has no cidr beside existing .*describe-subnets",
    ),
    (
        "a new subnet without the VPC's CIDR",
        without("network", "cidr"),
        r"cidr of network with new subnet dallas is not stated",
    ),
    (
        "a CIDR outside of the VPC",
        put("network", "subnets", "dallas", cidr="10.97.0.0/21"),
        r"subnet dallas has 10.97.0.0/21, expected a part of the VPC's 10.96.0.0/16",
    ),
    (
        "subnets that overlap",
        put("network", "subnets", "dallas", cidr="10.96.16.0/21"),
        r"overlap",
    ),
    (
        "one subnet twice",
        subnets({**SYSTEM, "subnet_id": "subnet-0ddddddddddddddd2"}),
        r"2 entries of subnet-0ddddddddddddddd2",
    ),
    ("a NAT subnet", subnets({**SYSTEM, "kind": "nat"}), r"subnet system-a is of kind nat in a VPC that exists"),
    (
        "control-plane subnets",
        subnets({**SYSTEM, "kind": "control_plane"}),
        r"subnet system-a is of kind control_plane with existing cluster research",
    ),
    (
        "a new VPC",
        lambda content: content.update(network={"cidr": "10.0.0.0/16", "subnets": []}, pools=[]),
        r"a new VPC for existing cluster research",
    ),
    (
        "the control plane's settings",
        put("cluster", upgrade_policy="EXTENDED"),
        r"upgrade_policy: is stated with existing cluster research",
    ),
    (
        "no version",
        without("cluster", "kubernetes_version"),
        r"kubernetes_version is not stated for existing cluster research.*describe-cluster",
    ),
    (
        "shells on nodes of an existing role",
        put("cluster", ssm_sessions=True),
        r"ssm_sessions: is true with existing arn:aws:iam",
    ),
    (
        "pools without the cluster's group",
        without("cluster", "existing", "security_group_id"),
        r"cluster\.existing\.security_group_id is not stated",
    ),
    (
        "an add-on of both",
        each(put("cluster", addons=["cert-manager"]), put("cluster", "existing", addons=["cert-manager"])),
        r"add-on cert-manager is both installed here and in existing\.addons",
    ),
    (
        "an unknown add-on",
        put("cluster", "existing", addons=["kueue"]),
        r"'kueue', expected one of",
    ),
    (
        "kubectl without a system subnet",
        KUBECTL,
        r"network\.subnets has no system subnet, expected one, because kubernetes\.delivery is kubectl",
    ),
    (
        "kubectl without a mode",
        each(put("kubernetes", delivery="kubectl"), subnets(SYSTEM)),
        r"authentication_mode is not stated, expected API or API_AND_CONFIG_MAP, because kubernetes\.delivery kubectl",
    ),
    (
        "administrators in aws-auth",
        each(
            put("cluster", admin_role_arns=["arn:aws:iam::111122223333:role/operators"]),
            put("cluster", "existing", authentication_mode="CONFIG_MAP"),
        ),
        r"authentication_mode is CONFIG_MAP, expected API or API_AND_CONFIG_MAP, because cluster\.admin_role_arns",
    ),
    (
        "a dashboard without its add-on",
        each(KUBECTL, subnets(SYSTEM), put("kubernetes", dashboard=True)),
        r"add-on amazon-cloudwatch-observability is neither in cluster\.existing\.addons nor in cluster\.addons",
    ),
    (
        "a key of nothing",
        put(block_schedule="none", encryption_key_arn="arn:aws:kms:us-east-1:111122223333:key/0-0"),
        r"encryption_key_arn is stated without a block schedule",
    ),
    (
        "addresses for another's topic",
        put(notify=["a@example.com"], alarm_topic_arn="arn:aws:sns:us-east-1:111122223333:alarms"),
        r"notify is stated with existing arn:aws:sns",
    ),
    (
        "alarms without a topic",
        put(block_schedule="existing", notify=["a@example.com"]),
        r"alarm_topic_arn is not stated, and no block schedule is made here",
    ),
    ("nothing at all", lambda content: content.update(pools=[], network={}), r"the environment makes nothing"),
    (
        "charts of a new cluster",
        lambda content: (
            content.update(kubernetes={"existing": {"kueue": "0.19.2"}}, cluster={})
            or content["network"]["subnets"].extend(CONTROL_PLANE)
        ),
        r"kubernetes\.existing is kueue in a cluster that is made here",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_file_that_names_too_little_or_too_much_is_refused(tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(EnvironmentFileError, match=message):
        loaded(tmp_path, adopted(change))


@pytest.mark.parametrize(("change", "stacks"), [case[1:] for case in LAYERS], ids=[case[0] for case in LAYERS])
def test_only_stacks_that_make_something_are_made(tmp_path: Path, change: Change, stacks: list[str]) -> None:
    assert stack_ids(loaded(tmp_path, adopted(change))) == stacks


def test_what_exists_is_listed_with_its_place_in_the_file(tmp_path: Path) -> None:
    found = {thing.path: str(thing) for thing in existing_things(loaded(tmp_path, adopted()))}
    assert found["network.vpc_id"] == "VPC vpc-0ddddddddddddddd1"
    assert found["cluster.existing.name"] == "EKS cluster research"
    assert found["cluster.node_role_arn"] == "node role arn:aws:iam::111122223333:role/research-nodes"


def test_no_add_on_is_installed_unasked(tmp_path: Path) -> None:
    assert installed_addons(loaded(tmp_path, adopted())) == []
    asked = loaded(tmp_path, adopted(put("cluster", addons=["cert-manager"])))
    assert [addon.name for addon in installed_addons(asked)] == ["cert-manager"]


def test_no_chart_is_delivered_unasked(tmp_path: Path) -> None:
    assert loaded(tmp_path, adopted()).kubernetes.delivery == "none"
    assert loaded(tmp_path, adopted(put("kubernetes", efa="dra"))).kubernetes.delivery == "none"
    asked = adopted(KUBECTL, subnets(SYSTEM))
    assert loaded(tmp_path, asked).kubernetes.delivery == "kubectl"


OWN_BLOCK = put("pools", "rack-a", "blocks", "0", capacity_reservation_id="cr-0ddddddddddddddd9")
SECOND = each(OWN_BLOCK, put("pools", "rack-a", name="rack-b"), put("pools", "b300", name="b301"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (SECOND, r"block schedule of cluster research has the name of one of .*state block_schedule: existing"),
        (
            each(OWN_BLOCK, put(block_schedule="existing")),
            r"node group of cluster research/b300 has the name of one of .*rename the pool",
        ),
        (
            each(SECOND, put(block_schedule="existing"), KUBECTL, subnets(SYSTEM)),
            None,
        ),
        (each(SECOND, put(block_schedule="existing")), None),
    ],
    ids=["two schedules", "one pool's name", "the Kubernetes layer in one of them", "pools of two"],
)
def test_environments_share_a_cluster(tmp_path: Path, change: Change, message: str | None) -> None:
    loaded(tmp_path, adopted())
    loaded(tmp_path, adopted(change), "other")
    for only in (None, "other"):
        if message is None:
            assert "other" in {environment.name for environment in load_environments(tmp_path, only=only)}
        else:
            with pytest.raises(EnvironmentFileError, match=message):
                load_environments(tmp_path, only=only)


def test_an_existing_cluster_is_the_one_that_another_environment_makes(tmp_path: Path) -> None:
    shipped = FIXTURES.parent.parent.parent / "stacks" / "environments" / "training.yaml"
    (tmp_path / "training.yaml").write_text(shipped.read_text())
    content = adopted(put("cluster", "existing", name="training"), SECOND, put("pools", "b301", name="b300"))
    loaded(tmp_path, content, "more")
    with pytest.raises(EnvironmentFileError, match=r"block schedule of cluster training has the name of one of"):
        load_environments(tmp_path, only="more")


def test_every_subnet_of_a_network_has_its_own_fault(tmp_path: Path) -> None:
    content = adopted()
    content["network"]["subnets"][0].pop("cidr")
    content["network"]["subnets"][1].pop("route_table_id")
    with pytest.raises(EnvironmentFileError) as refused:
        loaded(tmp_path, content)
    assert [fault.key for fault in refused.value.faults if isinstance(fault, FileFaultError)] == [
        "network.subnets[0]",
        "network.subnets[1]",
    ]
