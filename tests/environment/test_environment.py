"""Environment files: what is read, and every fault with the file, the path, the value and what is expected."""

# ruff: noqa: E501 - the table of refusals has one in each line

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ultrafleet.environment import Environment, EnvironmentFileError, load_environment, load_environments
from ultrafleet.environment.facts import blocks_over, fleet_cost, fleet_facts
from ultrafleet.environment.pool_nodes import environment_pool_nodes

FOLDER = Path(__file__).parent.parent.parent / "stacks" / "environments"

Content = dict[str, Any]
Load = Callable[[Callable[[Content], object]], object]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads an edited copy of the training environment."""

    def run(edit: Callable[[Content], object]) -> object:
        content = yaml.safe_load((FOLDER / "training.yaml").read_text())
        edit(content)
        path = tmp_path / "training.yaml"
        path.write_text(yaml.safe_dump(content))
        return load_environment(path)

    return run


def pool(content: Content, name: str) -> Content:
    (found,) = [item for item in content["pools"] if item["name"] == name]
    return found  # type: ignore[no-any-return]


def block(content: Content, name: str = "rack-b", number: int = 0) -> Content:
    found: Content = pool(content, name)["blocks"][number]
    return found


def on_blocks(pool: Content, **given: Any) -> None:
    """Put the b300 pool on a capacity block of two instances."""
    bought = {
        "capacity_reservation_id": "cr-0eeeeeeeeeeeeeee1",
        "availability_zone": "us-east-1b",
        "start": datetime(2026, 12, 1, 11, 30, tzinfo=UTC),
        "end": datetime(2026, 12, 15, 11, 30, tzinfo=UTC),
        "instance_count": 2,
    }
    for key in ("capacity_reservation", "nodes"):
        pool.pop(key)
    pool.update(blocks=[bought], **given)


def overlapping(content: Content) -> None:
    """Let the second block of rack-a begin a week before the first ends."""
    block(content, "rack-a", 1)["start"] -= timedelta(days=7)


class TestBlocks:
    def test_nodes_follow_from_the_blocks(self, load: Load) -> None:
        for nodes in ({}, {"nodes": 2}):
            training = load(lambda c, nodes=nodes: on_blocks(pool(c, "b300"), **nodes))
            assert isinstance(training, Environment)
            assert training.pools[2].max_nodes == 2

    def test_while_blocks_overlap_both_ultraservers_are_counted(self, load: Load) -> None:
        training = load(overlapping)
        assert isinstance(training, Environment)
        facts = fleet_facts(training)
        assert (facts.ultraservers, facts.nodes, facts.accelerators) == (3, 3 * 18 + 2, 3 * 72 + 2 * 8)
        assert facts.cost.usd_per_hour == pytest.approx(3 * 761.904 + 2 * 142.416)
        (dallas,) = [subnet for subnet in facts.subnets if subnet.subnet_name == "dallas"]
        assert dallas.used == 3 * 1728
        rack = environment_pool_nodes(training)[0]
        assert (rack.nodes, rack.nodes_at_hand, rack.ultraservers) == (36, 18, 2)

    def test_an_existing_node_group_is_counted(self, load: Load) -> None:
        training = load(lambda c: block(c).update(existing_node_group="rack-b"))
        assert isinstance(training, Environment)
        assert fleet_facts(training).ultraservers == 2
        assert training.pools[1].capacity_blocks[0].node_group("rack-b") == "rack-b"

    def test_blocks_state_what_their_node_groups_do(self, load: Load) -> None:
        training = load(lambda c: block(c).update(launch_template_version=3, initial_desired_size=0))
        assert isinstance(training, Environment)
        (made,) = training.pools[1].capacity_blocks
        assert (made.launch_template_version, made.initial_desired_size) == (3, 0)


class TestFacts:
    @pytest.mark.parametrize(
        ("name", "ultraservers", "accelerators", "nodes", "usd", "unknown"),
        [
            ("dev", 0, 1, 1, 6.88, ()),
            ("training", 2, 2 * 72 + 2 * 8, 2 * 18 + 2, 2 * 761.904 + 2 * 142.416, ()),
            ("inference", 1, 36 + 4 * 8, 9 + 4, 380.952 + 4 * 63.158, ()),
        ],
    )
    def test_of_the_shipped_environments(
        self, name: str, ultraservers: int, accelerators: int, nodes: int, usd: float, unknown: tuple[str, ...]
    ) -> None:
        facts = fleet_facts(load_environment(FOLDER / f"{name}.yaml"))
        assert (facts.ultraservers, facts.accelerators, facts.nodes) == (ultraservers, accelerators, nodes)
        assert facts.cost.usd_per_hour == pytest.approx(usd)
        assert facts.cost.unknown == unknown
        assert all(subnet.free >= 0 for subnet in facts.subnets)

    def test_prices_are_of_the_region_and_the_way_of_buying(self) -> None:
        rack_a, _, b300 = fleet_cost(load_environment(FOLDER / "training.yaml")).pools
        assert (rack_a.sold, rack_a.purchase_option, rack_a.price.as_of) == (
            "u-p6e-gb200x72",
            "capacity-block",
            "2026-10",
        )
        assert (b300.sold, b300.purchase_option, b300.count) == ("p6-b300.48xlarge", "on-demand", 2)

    def test_prices_are_stale_after_a_quarter(self) -> None:
        dev = fleet_cost(load_environment(FOLDER / "dev.yaml"))
        assert [pool.pool_name for pool in dev.stale(date(2026, 11, 25))] == ["h100"]
        assert dev.stale(date(2026, 1, 1)) == ()

    def test_blocks_that_are_over(self) -> None:
        training = load_environment(FOLDER / "training.yaml")
        end = datetime(2026, 12, 15, 11, 30, tzinfo=UTC)
        (over,) = blocks_over(training, end)
        assert (over[0].name, over[1].capacity_reservation_id) == ("rack-a", "cr-0aaaaaaaaaaaaaaa1")
        assert blocks_over(training, end.replace(minute=29)) == []


class TestFabric:
    """P6e-GB300 has two fabrics: the file states that of the pool."""

    @staticmethod
    def gb300(**fabric: str) -> Callable[[Content], object]:
        def edit(content: Content) -> None:
            pool(content, "rack-a").update(ultraserver_type="u-p6e-gb300x72", **fabric)

        return edit

    def test_gb300_on_efa(self, load: Load) -> None:
        training = load(self.gb300(fabric="efa"))
        assert isinstance(training, Environment)
        facts = fleet_facts(training)
        assert facts.accelerators == 2 * 72 + 2 * 8
        assert facts.cost.unknown == ("rack-a",)
        rack = environment_pool_nodes(training)[0]
        assert (str(rack.instance_type), rack.nodes, rack.efa_interfaces) == ("p6e-gb300r.36xlarge", 18, 1)

    @pytest.mark.parametrize(
        ("fabric", "message"),
        [
            ({}, r"pools\[0\].*p6e-gb300r.36xlarge has 2 fabrics, efa and roce, expected one of them"),
            (
                {"fabric": "roce"},
                r"pools\[0\].*pool rack-a has fabric roce on managed nodes, expected self-managed nodes, or efa: launch templates",
            ),
            ({"fabric": "ib"}, r"pools\[0\].fabric: is 'ib'"),
        ],
    )
    def test_fails_without_one_that_can_be_launched(self, load: Load, fabric: dict[str, str], message: str) -> None:
        with pytest.raises(EnvironmentFileError, match=message):
            load(self.gb300(**fabric))


REFUSALS: list[tuple[str, Callable[[Content], object], str]] = [
    ("an unknown key", lambda c: c.update(colour="red"), "colour: is an unknown key"),
    ("an unknown key deep inside", lambda c: pool(c, "rack-a").update(generatoin=2), r"pools\[0\].generatoin: is an unknown key"),
    ("a missing key", lambda c: c.pop("region"), "region: is missing"),
    ("a wrong type", lambda c: c.update(production="yes"), r"production: is 'yes', expected true or false: write true, without quotes$"),
    ("a number for a version", lambda c: c.update(cluster={"kubernetes_version": 1.34}), r"kubernetes_version: is 1.34 \(a number\), expected text: put it in quotes: \"1.34\"$"),
    ("no Kubernetes version", lambda c: c.update(cluster={"kubernetes_version": "latest"}), r"cluster.kubernetes_version: is 'latest', expected major.minor such as '1.35'$"),
    ("a Kubernetes version with space", lambda c: c.update(cluster={"kubernetes_version": "1.36 "}), r"cluster.kubernetes_version: is '1.36 ', .*write '1.36'$"),
    ("a Kubernetes version with a v", lambda c: c.update(cluster={"kubernetes_version": "v1.36"}), r"cluster.kubernetes_version: is 'v1.36', .*write '1.36'$"),
    ("a Kubernetes version with its patch", lambda c: c.update(cluster={"kubernetes_version": "1.36.2"}), r"cluster.kubernetes_version: is '1.36.2', .*write '1.36'$"),
    ("an old Kubernetes version", lambda c: c.update(cluster={"kubernetes_version": "1.29"}), r"cluster.kubernetes_version: is '1.29', expected 1.33 or newer"),
    ("a bool for a number", lambda c: pool(c, "b300").update(nodes=True), r"pools\[2\].nodes: is true \(a truth value\), expected a whole number"),
    ("a zone for a region", lambda c: c.update(region="us-east-2a"), "region: is 'us-east-2a', .*write us-east-2, the zone's region$"),
    ("a region that is no region", lambda c: c.update(region="mars-1"), "region: is 'mars-1', expected a region such as us-east-1"),
    ("an account that is no account", lambda c: c.update(account="1234"), "account: is '1234', expected twelve digits"),
    ("an account without quotes", lambda c: c.update(account=111122223333), r'account: is 111122223333 \(a number\), expected text: put it in quotes: "111122223333"$'),
    ("an unknown UltraServer", lambda c: pool(c, "rack-a").update(ultraserver_type="u-p6e-gb200x71"), r"pools\[0\].ultraserver_type: is 'u-p6e-gb200x71', expected one that the catalog knows \(u-p6e-gb200x72, [^:]*\): write u-p6e-gb200x72$"),
    ("an unknown instance type", lambda c: pool(c, "b300").update(instance_type="p6-b301.48xlarge"), r"pools\[2\].instance_type: is 'p6-b301.48xlarge', expected one that the catalog knows \(p6-b300.48xlarge, [^:]*\): write p6-b30\d.48xlarge$"),
    ("an instance type without facts", lambda c: pool(c, "b300").update(instance_type="dl1.24xlarge"), r"pools\[2\].instance_type: no facts of dl1.24xlarge are in the catalog .*expected a type with facts"),
    ("an unknown kind", lambda c: pool(c, "rack-a").update(kind="rack"), r"training.yaml:.*: pools\[0\].kind: is 'rack', expected 'ultraserver' or 'accelerator'"),
    ("a kind that is no text", lambda c: pool(c, "rack-a").update(kind=["gpu"]), r"training.yaml:.*: pools\[0\].kind: is a list, expected 'ultraserver' or 'accelerator'"),
    ("no kind", lambda c: pool(c, "rack-a").pop("kind"), r"training.yaml:.*: pools\[0\].kind: is missing, expected 'ultraserver' or 'accelerator': add kind: VALUE$"),
    ("a wrong block size", lambda c: block(c).update(instance_count=17), "holds 17 instances, expected 18, a whole u-p6e-gb200x72"),
    ("a block in another zone", lambda c: block(c).update(availability_zone="us-east-1a"), "has block cr-0bbbbbbbbbbbbbbb1 in us-east-1a, expected us-east-1-dfw-2a"),
    ("an end at another time", lambda c: block(c).update(end=datetime(2027, 1, 26, 12, tzinfo=UTC)), "expected 11:30 UTC"),
    ("a start after the end", lambda c: block(c).update(start=datetime(2027, 2, 1, tzinfo=UTC)), "expected a moment before the end"),
    ("a cbr- id", lambda c: block(c).update(capacity_reservation_id="cbr-00000000000000001"), "a cbr- id names the block"),
    ("an UltraServer on demand", lambda c: pool(c, "b300").update(instance_type="trn2u.48xlarge"), r"pools\[2\].instance_type: .*make the pool's kind ultraserver"),
    ("an UltraServer without blocks", lambda c: pool(c, "rack-a").update(blocks=[]), r"pools\[0\].blocks: is an empty list, expected at least 1 entry"),
    (
        "a placement group with a block",
        lambda c: pool(c, "b300").update(
            placement_group="cluster",
            blocks=[{**block(c), "instance_count": 2, "availability_zone": "us-east-1b"}],
        ),
        "EC2 takes no placement group with a",
    ),
    ("two pools with one name", lambda c: pool(c, "rack-b").update(name="rack-a"), "pools has 2 entries named 'rack-a', expected each name once"),
    ("two subnets with one name", lambda c: c["network"]["subnets"][1].update(name="control-a"), "network.subnets has 2 entries named 'control-a'"),
    ("one reservation in two pools", lambda c: block(c).update(capacity_reservation_id="cr-0aaaaaaaaaaaaaaa2"), "is used by pools rack-a and rack-b"),
    ("one reservation twice in a pool", lambda c: block(c, "rack-a", 1).update(capacity_reservation_id="cr-0aaaaaaaaaaaaaaa1"), "names capacity reservation cr-0aaaaaaaaaaaaaaa1 twice"),
    ("a subnet that isn't there", lambda c: pool(c, "rack-a").update(subnet="austin"), "names subnet 'austin', expected one of the accelerator subnets b300-b, dallas"),
    ("an UltraServer in a zone where it isn't sold", lambda c: [c["network"]["subnets"][5].update(availability_zone="us-east-1c"), *(b.update(availability_zone="us-east-1c") for p in c["pools"][:2] for b in p["blocks"])], r"pool rack-a has u-p6e-gb200x72 in us-east-1c, expected us-east-1-dfw-2a, where it is sold: .* \(high\): use a subnet there"),
    ("an UltraServer in a region where it isn't sold", lambda c: pool(c, "rack-a").update(ultraserver_type="u-trn2x64"), r"pool rack-a has u-trn2x64 in us-east-1-dfw-2a, expected us-east-2, where it is sold"),
    ("a subnet of another kind", lambda c: pool(c, "b300").update(subnet="system-b"), "names subnet 'system-b', expected one of the accelerator subnets"),
    ("a reservation that isn't there", lambda c: pool(c, "b300").update(capacity_reservation="h100"), "names capacity reservation 'h100', expected one of b300"),
    ("a zone of another region", lambda c: c["network"]["subnets"][6].update(availability_zone="eu-west-1a"), "subnet b300-b is in eu-west-1a, expected a zone of us-east-1"),
    ("a malformed zone", lambda c: c["network"]["subnets"][6].update(availability_zone="us-east-1"), r"network.subnets\[6\].availability_zone: is 'us-east-1'"),
    ("launch_template_version 0", lambda c: block(c).update(launch_template_version=0), r"pools\[1\].blocks\[0\].launch_template_version: is 0"),
    ("launch_template_version 0 of a pool", lambda c: pool(c, "b300").update(launch_template_version=0), r"pools\[2\].launch_template_version: is 0"),
    ("a size in a block", lambda c: block(c).update(initial_desired_size=18), r"pools\[1\].blocks\[0\].initial_desired_size: is 18"),
    ("an existing node group of two blocks", lambda c: [block(c, "rack-a", n).update(existing_node_group="rack-a") for n in (0, 1)], r"pools\[0\].blocks\[1\]: pool rack-a names node group rack-a for two blocks, expected one block for each node group: leave"),
    ("an existing node group of two pools", lambda c: [block(c, name).update(existing_node_group="old") for name in ("rack-a", "rack-b")], "node groups has 2 entries named 'old', expected each name once"),
    ("an existing node group that is a pool", lambda c: block(c).update(existing_node_group="b300"), "node groups has 2 entries named 'b300'"),
    ("a malformed existing node group", lambda c: block(c).update(existing_node_group="arn:aws:eks:x"), r"existing_node_group of capacity block cr-0bbbbbbbbbbbbbbb1 is 'arn:aws:eks:x', expected the name of a node group"),
    ("a block that is a pool's reservation, too", lambda c: c["capacity_reservations"][0].update(capacity_reservation_id="cr-0bbbbbbbbbbbbbbb1", placement_group=None), "capacity reservation cr-0bbbbbbbbbbbbbbb1 is used by pools rack-b and b300"),
    ("an existing node group with a version", lambda c: block(c).update(existing_node_group="rack-b", launch_template_version=2), r"pools\[1\].blocks\[0\]: .*cr-0bbbbbbbbbbbbbbb1 has existing_node_group rack-b and settings of a node group"),
    ("a pool without size or blocks", lambda c: pool(c, "b300").pop("nodes"), r"pools\[2\].nodes: is missing, expected how many: a pool without blocks has the size it states"),
    ("other nodes than blocks hold", lambda c: on_blocks(pool(c, "b300"), nodes=3), r"pools\[2\].nodes: pool b300 has 3 nodes, expected 2, which its blocks hold at once at most"),
    ("a version on a pool with blocks", lambda c: on_blocks(pool(c, "b300"), launch_template_version=2), r"pools\[2\].launch_template_version: is 2 on a pool with blocks, expected it on the block whose nodes run it: move it there"),
    ("a malformed label", lambda c: pool(c, "rack-a").update(node={"labels": {"bad key!": "x y"}}), r"pools\[0\].node.labels: key of a node label is 'bad key!', expected up to 63"),
    ("a label that EKS reserves", lambda c: pool(c, "rack-a").update(node={"labels": {"node-role.kubernetes.io/gpu": "x"}}), r"pools\[0\].node.labels: .*expected one without kubernetes.io/"),
    ("a label of the library", lambda c: pool(c, "rack-a").update(node={"labels": {"ultrafleet/pool": "zzz"}}), r"pools\[0\].node.labels: .*doesn't begin with ultrafleet/: pools set these"),
    ("a tag of AWS", lambda c: pool(c, "rack-a").update(node={"tags": {"aws:owner": "x"}}), r"pools\[0\].node.tags: key of a node tag is 'aws:owner', expected one that doesn't begin with aws:"),
    ("a root volume that EBS doesn't make", lambda c: pool(c, "rack-a").update(node={"root_volume_gib": 99_999_999}), r"pools\[0\].node.root_volume_gib: .*expected 1 to 65,536"),
    ("a reservation's end without an offset", lambda c: c["capacity_reservations"][0].update(end=datetime(2027, 1, 31)), r"capacity_reservations\[0\].end: .*expected an offset from UTC"),  # noqa: DTZ001 - that is the fault
    ("an end of a reservation made elsewhere", lambda c: c["capacity_reservations"][0].update(end=datetime(2027, 1, 31, tzinfo=UTC), placement_group=None, capacity_reservation_id="cr-0eeeeeeeeeeeeeee1"), r"end: is 2027-01-31.* on imported cr-0eeeeeeeeeeeeeee1, expected none: set it where"),
    ("an address that SNS doesn't deliver to", lambda c: c.update(notify=["http://alerts.example.com"]), r"notify.0.: notify is 'http://alerts.example.com', expected an e-mail address or an https:// URL"),
    ("tests that nothing delivers", lambda c: c.update(teams=[], models=[], kubernetes={"delivery": "none", "acceptance": {"image": "registry.example/nccl-tests:1"}}), r"kubernetes\.delivery is none, but kubernetes\.acceptance is stated, expected kubectl or argo_cd: new nodes"),
    ("a model on a team's pool", lambda c: c.update(models=[{"name": "m", "pool": "rack-a", "weights": "s3://b/p"}]), r"model m uses pool rack-a, from which a team's queue gives out nodes, expected a pool of another workload than the team's: change `workload` of the pool or of the team"),
    ("a model beside one over UltraServers", lambda c: (pool(c, "rack-b").update(workload="inference"), c.update(models=[{"name": "m", "pool": "rack-b", "weights": "s3://b/p"}, {"name": "wide", "pool": "rack-b", "weights": "s3://b/w", "rack_scale": {"prefill_nodes": 6, "decode_nodes": 2}}])), r"rack_scale of model wide is UltraServers that serve m, too, expected UltraServers of its own: give pool rack-b a workload of its own"),
    ("an address twice", lambda c: c.update(notify=["a@example.com", "a@example.com"]), r"notify\[1\]: notify has a@example.com twice, expected it once: remove one"),
    ("a hop limit of none", lambda c: pool(c, "rack-a").update(node={"metadata_hop_limit": 0}), r"pools\[0\].node.metadata_hop_limit: .*expected 1 to 64"),
    ("a hop limit of system nodes", lambda c: c.update(cluster={"system_nodes": {"metadata_hop_limit": 65}}), r"cluster.system_nodes.metadata_hop_limit: .*expected 1 to 64"),
    ("EFA of a file system that no node of its team reaches", lambda c: c["teams"][0]["file_system"].update(efa=True, subnet="system-a"), r"the file system of team pretraining has EFA in us-east-1a, expected nodes with EFA interfaces of workload training there: leave efa out"),
    ("an export without a bucket", lambda c: c["teams"][0]["file_system"].update(data_bucket=None, export_to_bucket=True), r"export_to_bucket: is true without a data_bucket, expected"),
    ("a key with a typo", lambda c: c.update(capacity_reservation=[]), "capacity_reservation: is an unknown key, expected one of account, .*: write capacity_reservations$"),
    ("a block's key with a typo", lambda c: block(c).update(ends="x"), r"pools\[1\].blocks\[0\].ends: is an unknown key, expected one of availability_zone, .*: write end$"),
    ("a key of the other kind of pool", lambda c: pool(c, "rack-a").update(instance_type="x"), r"pools\[0\].instance_type: is an unknown key, expected one of block, blocks, .*ultraserver_type, workload: it is a key of .*pools.. of kind accelerator"),
    ("a nested key", lambda c: pool(c, "rack-a").update(node={"tag": {}}), r"pools\[0\].node.tag: is an unknown key, expected one of .*efa_intent, .*: write tags$"),
    ("capacity_target", lambda c: pool(c, "rack-a").update(capacity_target="reservation"), r"pools\[0\].capacity_target: is no longer a key of pools, expected none: the launch template of each block targets its own reservation: remove it$"),
    ("roll_running_nodes", lambda c: pool(c, "b300").update(roll_running_nodes=True), r"pools\[2\].roll_running_nodes: is no longer a key of pools, expected each hazard to be accepted by its own key: `ultrafleet preflight ENV --accept KEY`: remove it$"),
    ("launch_template_version of an UltraServer pool", lambda c: pool(c, "rack-a").update(launch_template_version=2), r"pools\[0\].launch_template_version: is no longer a key of pools, expected it on the block whose nodes run it: move it"),
    ("a removed key elsewhere", lambda c: block(c).update(capacity_target="x"), r"blocks\[0\].capacity_target: is an unknown key"),
    ("an empty list", lambda c: c["network"].update(subnets=None), "network.subnets: is empty, expected a value: add it, or remove the key"),
    ("a name of its own", lambda c: c.update(name="other"), "name: is 'other', expected none: remove it, the file's name names it"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "message"), [(edit, message) for _, edit, message in REFUSALS], ids=[name for name, _, _ in REFUSALS]
)
def test_fails(load: Load, edit: Callable[[Content], object], message: str) -> None:
    with pytest.raises(EnvironmentFileError, match=message) as error:
        load(edit)
    assert all("training.yaml:" in line for line in str(error.value).splitlines())


def test_fails_on_every_fault_at_once(load: Load) -> None:
    def edit(content: Content) -> None:
        content.update(colour="red", production="yes")

    with pytest.raises(EnvironmentFileError) as error:
        load(edit)
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pools: [", "is no valid YAML"),
        ("- a\n- b\n", "is a list, expected a mapping"),
        ("", "broken.yaml:1:1: is empty, expected a mapping"),
        (
            "account: '1'\naccount: '2'\n",
            "2:1: account: the key is the duplicate of another, 'account', expected it once, as in line 1: remove one",
        ),
        (
            "account: !!python/object:os.system {}\n",
            "1:10: the line is tagged !!python/object:os.system, expected a plain value",
        ),
    ],
)
def test_fails_on_what_is_no_environment(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(EnvironmentFileError, match=message):
        load_environment(path)


def test_fails_on_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFileError, match="can't be read"):
        load_environment(tmp_path / "none.yaml")


def test_fails_on_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EnvironmentFileError, match="not in UTF-8"):
        load_environment(path)


def test_fails_on_an_environment_that_is_not_there() -> None:
    with pytest.raises(EnvironmentFileError, match="environment is 'prod', expected one of dev, inference, training"):
        load_environments(FOLDER, only="prod")


def test_fails_on_a_folder_without_environments(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFileError, match="holds no environment"):
        load_environments(tmp_path)


def test_fails_on_a_file_name_that_is_no_name(tmp_path: Path) -> None:
    path = tmp_path / "My Env.yaml"
    path.write_text((FOLDER / "dev.yaml").read_text())
    with pytest.raises(EnvironmentFileError, match=r"My Env\.yaml:1:1: the file's name is 'My Env', expected up to 40"):
        load_environment(path)


@pytest.mark.parametrize(
    ("edit", "path", "got", "expected"),
    [
        (lambda c: c.update(account="1234"), "account", "'1234'", "twelve digits in quotes, an AWS account id"),
        (lambda c: c.pop("region"), "region", "missing", "a value"),
        (
            lambda c: c.update(colour="blue"),
            "colour",
            "an unknown key",
            "one of " + ", ".join(sorted(set(Environment.model_fields) - {"name"})),
        ),
        (lambda c: c.update(name="other"), "name", "'other'", "none"),
        (
            lambda c: pool(c, "b300").update(nodes=True),
            "pools[2].nodes",
            "true (a truth value)",
            "a whole number",
        ),
        (
            lambda c: block(c).update(end=datetime(2027, 1, 26, 12, tzinfo=UTC)),
            "pools[1].blocks[0].end: capacity block cr-0bbbbbbbbbbbbbbb1: end",
            "2027-01-26T12:00:00+00:00",
            "11:30 UTC, when every capacity block ends",
        ),
    ],
)
def test_errors_have_the_path_in_the_file(
    load: Load, edit: Callable[[Content], object], path: str, got: str, expected: str
) -> None:
    with pytest.raises(EnvironmentFileError) as caught:
        load(edit)
    file, _, key = str(caught.value.path).partition(": ")
    assert file.endswith(".yaml")
    assert (key, caught.value.got, caught.value.expected) == (path, got, expected)


def test_every_fault_of_a_file_has_its_parts(load: Load) -> None:
    with pytest.raises(EnvironmentFileError) as caught:
        load(lambda c: c.update(account="1234", colour="blue"))
    assert sorted(str(fault.path).rpartition(": ")[2] for fault in caught.value.faults) == ["account", "colour"]
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
