"""The parts of a review that are logic by themselves: text that fits, IAM, security groups, addresses, blocks."""

import itertools
import random
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.policy_templates import NEURON
from helpers.review_block_scenarios import FINISHED, FIRST, OTHER, OVERLAPPING, SECOND, Block, of_blocks, queue_of
from helpers.review_fleet import A_DATA, TRN2, Edit, Stacks, both, of, pool, put, revision
from ultrafleet.policy import Template
from ultrafleet.review import iam, review_of, security_groups
from ultrafleet.review.markdown import Section, code, fitted, safe, table, whole
from ultrafleet.review.picture import MOST_BOXES, picture
from ultrafleet.review.sections import sections
from ultrafleet.templates.revision import Revision

DAY = date(2026, 11, 24)

lines = st.lists(st.text(alphabet="ab é→🔴", min_size=1, max_size=60), max_size=30)
parts = st.lists(
    st.builds(Section, title=st.just("title"), lead=st.just(("lead",)), lines=lines.map(tuple), folded=st.booleans()),
    min_size=1,
    max_size=6,
)


class TestFitted:
    @given(parts, st.integers(2_000, 6_000))
    def test_never_exceeds_its_size(self, sections: list[Section], most: int) -> None:
        text = fitted(sections, most, elsewhere="elsewhere")
        assert len(text.encode()) <= most
        assert text.count("<details>") == text.count("</details>")

    @given(parts)
    def test_is_whole_where_there_is_room(self, sections: list[Section]) -> None:
        assert fitted(sections, 100_000, elsewhere="elsewhere") == whole(sections)

    def test_says_how_much_is_missing_and_keeps_room_for_what_follows(self) -> None:
        long = Section(title="long", lines=tuple("x" * 50 for _ in range(1000)))
        short = Section(title="short", lines=tuple(f"line {n}" for n in range(10)))
        text = fitted([long, short], 10_000, elsewhere="see it")
        shown = text.count("x" * 50)
        assert f"*{1000 - shown:,} more: see it*" in text
        assert 50 < shown < 1000
        assert "line 9" in text


class TestSafe:
    @given(st.text(max_size=80))
    def test_nothing_is_a_tag_a_mention_or_a_cell(self, text: str) -> None:
        outside = "".join(part for place, part in enumerate(safe(text).split("`")) if place % 2 == 0)
        assert "<" not in outside
        assert "@\u200b".join(outside.split("@\u200b")) == outside
        assert "\n" not in safe(text)

    def test_code_stays_code(self) -> None:
        assert safe("a *b* `c*d` <i>") == r"a \*b\* `c*d` &lt;i\>"
        assert code("a|b`c\nd") == "`a/b'c d`"
        assert table(("a", "b"), [("1", "2")], right=(1,)) == ["| a | b |", "| --- | --: |", "| 1 | 2 |"]


def statement(**stated: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*", **stated}


class TestIam:
    @pytest.mark.parametrize(
        ("wide", "narrow"),
        [
            (statement(), statement()),
            (statement(Action="s3:*"), statement(Action=["s3:GetObject", "S3:PutObject"])),
            (statement(Action="*", Resource="*"), statement(Action="iam:PassRole")),
            (statement(Resource=["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]), statement(Resource="arn:aws:s3:::b/c")),
            (statement(), statement(Condition={"Bool": {"a": "true"}})),
            (
                statement(Condition={"StringEquals": {"k": ["a", "b"]}}),
                statement(Condition={"StringEquals": {"k": "a", "l": "c"}}),
            ),
            (statement(NotAction="iam:*", Action=None), statement(NotAction="iam:*", Action=None)),
            (statement(Principal="*"), statement(Principal="*")),
        ],
    )
    def test_covers(self, wide: dict[str, Any], narrow: dict[str, Any]) -> None:
        assert iam.covers(wide, narrow)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (statement(), statement(Action="s3:PutObject")),
            (statement(), statement(Resource="*")),
            (statement(Action="s3:Get*"), statement(Action="s3:*")),
            (statement(Condition={"Bool": {"a": "true"}}), statement()),
            (
                statement(Condition={"StringEquals": {"k": "a"}}),
                statement(Condition={"StringEquals": {"k": ["a", "b"]}}),
            ),
            (statement(), statement(NotAction="iam:*", Action=None)),
            (statement(Principal={"AWS": "1"}), statement(Principal={"AWS": ["1", "2"]})),
        ],
    )
    def test_tells_what_is_wider(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        assert not iam.covers(old, new)
        assert list(iam.widened({"Role": ([old], set())}, {"Role": ([new], set())}))

    def test_tells_what_is_no_longer_denied(self) -> None:
        deny = statement(Effect="Deny")
        told = list(iam.widened({"Role": ([deny], set())}, {"Role": ([], set())}))
        assert told == [("Role", "no longer denied: s3:GetObject on arn:aws:s3:::a/*")]

    def test_tells_managed_policies(self) -> None:
        told = list(iam.widened({"R": ([], {"a/Read"})}, {"R": ([], {"a/Read", "a/Write"})}))
        assert told == [("R", "managed policy Write")]

    def test_a_policy_of_its_own_belongs_to_its_role(self) -> None:
        content = {
            "Resources": {
                "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}},
                "Policy": {
                    "Type": "AWS::IAM::Policy",
                    "Properties": {"Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": [statement()]}},
                },
            }
        }
        assert iam.grants(Template(name="t", content=content))["Role"][0] == [statement()]


TCP: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}


class TestSecurityGroups:
    def passages(self, *rules: dict[str, Any]) -> dict[str, set[security_groups.SecurityGroupRule]]:
        group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": list(rules)}}
        return security_groups.passages(Template(name="t", content={"Resources": {"Group": group}}))

    @pytest.mark.parametrize(
        ("old", "new", "wider"),
        [
            ({**TCP, "CidrIp": "10.0.0.0/8"}, {**TCP, "CidrIp": "10.1.0.0/16"}, False),
            ({**TCP, "CidrIp": "10.1.0.0/16"}, {**TCP, "CidrIp": "10.0.0.0/8"}, True),
            ({**TCP, "CidrIp": "10.0.0.0/8"}, {**TCP, "CidrIp": "10.0.0.0/8", "FromPort": 442}, True),
            ({**TCP, "CidrIp": "10.0.0.0/8", "ToPort": 500}, {**TCP, "CidrIp": "10.0.0.0/8"}, False),
            ({"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}, {**TCP, "CidrIp": "10.0.0.0/8"}, False),
            ({**TCP, "CidrIp": "10.0.0.0/8"}, {"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}, True),
            ({**TCP, "CidrIp": "0.0.0.0/0"}, {**TCP, "CidrIpv6": "::/0"}, True),
            ({**TCP, "IpProtocol": 6, "CidrIp": "10.0.0.0/8"}, {**TCP, "CidrIp": "10.0.0.0/8"}, False),
            ({**TCP, "SourceSecurityGroupId": "sg-1"}, {**TCP, "SourceSecurityGroupId": "sg-2"}, True),
        ],
    )
    def test_tell_what_is_wider(self, old: dict[str, Any], new: dict[str, Any], *, wider: bool) -> None:
        assert bool(list(security_groups.widened(self.passages(old), self.passages(new)))) is wider

    def test_say_it_for_people(self) -> None:
        told = {str(passage) for passage in self.passages({**TCP, "CidrIp": "10.0.0.0/8"})["Group"]}
        # What states no way out has all of them.
        assert told == {"tcp 443 from 10.0.0.0/8", "everything to 0.0.0.0/0", "everything to ::/0"}


class TestBlocks:
    def hazards(self, end: datetime) -> set[tuple[str, str]]:
        block = {"id": "cr-0aaaaaaaaaaaaaaa1", "start": "2026-11-01T11:30:00Z", "end": end.isoformat()}
        edit = put("racks", "Metadata", "ultrafleet:rack-a", value={"blocks": [block]})
        review = review_of(revision("base", edit), revision("head", edit), day=DAY)
        return {(hazard.kind, hazard.subject) for hazard in review.hazards}

    def test_that_end_without_successor_are_told(self) -> None:
        now = datetime(2026, 11, 24, tzinfo=UTC)
        assert self.hazards(now + timedelta(days=10)) == {("block-without-successor", "fleet/rack-a")}
        assert self.hazards(now - timedelta(days=1)) == {("block-over", "fleet/rack-a")}
        assert self.hazards(now + timedelta(days=15)) == set()

    def test_that_end_earlier_are_told(self) -> None:
        def block(end: str) -> Any:
            item = {"id": "cr-0aaaaaaaaaaaaaaa1", "start": "2026-12-01T11:30:00Z", "end": end}
            return put("racks", "Metadata", "ultrafleet:rack-a", value={"blocks": [item]})

        base = revision("base", block("2027-02-01T11:30:00Z"))
        review = review_of(base, revision("head", block("2027-01-01T11:30:00Z")), day=DAY)
        assert {hazard.kind for hazard in review.hazards} == {"block-shortened"}
        assert review.costs[1].usd_remaining < review.costs[0].usd_remaining

    def test_that_a_pool_has_later_are_its_own(self) -> None:
        now = {"id": "cr-0aaaaaaaaaaaaaaa1", "start": "2026-12-01T11:30:00Z", "end": "2027-01-26T11:30:00Z"}
        later = {"id": "cr-0aaaaaaaaaaaaaaa2", "start": "2027-01-26T11:30:00Z", "end": "2027-02-26T11:30:00Z"}
        edit = put("racks", "Metadata", "ultrafleet:rack-a", value={"blocks": [now, later]})
        text = whole(sections(review_of(revision("base", edit), revision("head", edit), day=DAY)))
        assert "None found." in text
        assert "Block metadata" not in text

    def test_of_no_node_group_are_told(self) -> None:
        edit = put("racks", "Metadata", "ultrafleet:rack-x", value={"blocks": []})
        text = whole(sections(review_of(revision("base", edit), revision("head", edit), day=DAY)))
        assert "matches no node group: `racks: ultrafleet:rack-x`" in text

    def test_that_are_over_in_a_new_pool_are_told_once(self) -> None:
        review = review_of(revision("base"), revision("head", of_blocks("rack-c", FINISHED)), day=DAY)
        assert [(hazard.kind, hazard.subject) for hazard in review.hazards] == [("block-over", "fleet/rack-c")]

    def test_that_nobody_can_read_are_left_out(self) -> None:
        edit = put("racks", "Metadata", "ultrafleet:rack-a", value={"blocks": ["x", {"id": 1}, {"start": "later"}]})
        review = review_of(revision("base", edit), revision("head", edit), day=DAY)
        assert review.costs[1].without_end == ("fleet/rack-a",)


LATEST = {"Fn::GetAtt": ["RackALaunch", "LatestVersionNumber"]}
NEW_DATA = of("racks", *A_DATA, "UserData", value="TUlNRS1WZXJzaW9uOiAxLjAK")


class TestOtherGroups:
    """Auto Scaling groups and compute node groups, which roll by their own rules."""

    def scaled(self, version: object, policy: dict[str, Any] | None) -> Any:
        def edit(content: Stacks) -> None:
            resources = content["racks"]["Resources"]
            resources["RackA"] = {
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "Properties": {
                    "AutoScalingGroupName": "rack-a",
                    "MinSize": "0",
                    "MaxSize": "18",
                    "VPCZoneIdentifier": ["subnet-1"],
                    "LaunchTemplate": {"LaunchTemplateId": {"Ref": "RackALaunch"}, "Version": version},
                },
                **({"UpdatePolicy": policy} if policy else {}),
            }

        return edit

    @pytest.mark.parametrize(
        ("version", "policy", "told"),
        [
            (LATEST, {"AutoScalingRollingUpdate": {}}, ("blocking", "pool-rolled")),
            (LATEST, {"AutoScalingReplacingUpdate": {"WillReplace": True}}, ("blocking", "pool-replaced")),
            (LATEST, {"AutoScalingReplacingUpdate": {"WillReplace": False}}, ("notice", "template-version")),
            (LATEST, None, ("notice", "template-version")),
            ("$Latest", None, ("notice", "template-version")),
            ("3", None, ("notice", "template-version")),
        ],
    )
    def test_a_new_version(self, version: object, policy: dict[str, Any] | None, told: tuple[str, str] | None) -> None:
        base = self.scaled(version, policy)
        review = review_of(revision("base", base), revision("head", both(base, NEW_DATA)), day=DAY)
        found = {(hazard.level.value, hazard.kind) for hazard in review.hazards}
        assert found == ({told} if told else set())

    def test_a_smaller_size(self) -> None:
        base = self.scaled("1", None)
        smaller = of("racks", "RackA", "MaxSize", value="9")
        review = review_of(revision("base", base), revision("head", both(base, smaller)), day=DAY)
        assert {hazard.kind for hazard in review.hazards} == {"pool-scaled-down"}

    @pytest.mark.parametrize(
        ("desired", "policy", "kinds"),
        [
            ("0", None, {"pool-resized"}),
            (None, None, set()),
            ("18", None, set()),
            ("0", {"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True}}, set()),
        ],
    )
    def test_a_stated_size_goes_with_any_update(
        self, desired: str | None, policy: dict[str, Any] | None, kinds: set[str]
    ) -> None:
        base = self.scaled("1", policy)
        if desired is not None:
            base = both(base, of("racks", "RackA", "DesiredCapacity", value=desired))
        tagged = of("racks", "RackA", "Tags", value=[{"Key": "team", "Value": "ml", "PropagateAtLaunch": False}])
        review = review_of(revision("base", base), revision("head", both(base, tagged)), day=DAY)
        assert {hazard.kind for hazard in review.hazards} == kinds


class TestLimits:
    """Limits count the blocks of a pool that run at the same time."""

    def usage(self, edit: Edit) -> dict[str, int | None]:
        review = review_of(revision("base"), revision("head", edit), day=DAY)
        return {limit.name: limit.after for limit in review.limits if limit.name.startswith(("IPs", "node groups"))}

    @pytest.mark.parametrize(
        ("blocks", "racks"), [((FIRST,), 1), ((FIRST, SECOND), 1), ((FIRST, OVERLAPPING), 2), ((FINISHED, FIRST), 1)]
    )
    def test_of_addresses(self, blocks: tuple[Block, ...], racks: int) -> None:
        before = self.usage(lambda _: None).get("IPs, without pods") or self.of_racks(0)
        used = self.usage(of_blocks("rack-c", *blocks))["IPs, without pods"]
        assert used == before + self.of_racks(racks)

    def of_racks(self, racks: int) -> int:
        """Addresses of racks beside the fleet's two and its four H200: one interface with an address on each node."""
        return 18 * racks if racks else 2 * 18 + 4

    def test_of_addresses_with_a_node_group_made_elsewhere(self) -> None:
        both_at_once = self.usage(of_blocks("rack-c", OVERLAPPING, existing=FIRST))
        assert both_at_once["IPs, without pods"] == self.of_racks(0) + 36
        assert both_at_once["node groups"] == 5

    def test_of_addresses_with_nothing_but_a_node_group_made_elsewhere(self) -> None:
        before, after = (
            revision("base", of_blocks("rack-c", FIRST)),
            revision("head", of_blocks("rack-c", existing=FIRST)),
        )
        content = after.stacks["pool-rack-c"].content
        content["Metadata"][f"ultrafleet:rack-c-{FIRST[0]}"] = content["Metadata"].pop("ultrafleet:rack-c")
        review = review_of(before, after, day=DAY)
        assert not [limit for limit in review.limits if limit.name.startswith("IPs")]
        assert {hazard.kind for hazard in review.hazards} == {"pool-orphaned"}

    @pytest.mark.parametrize(("quota", "kinds"), [(72, set()), (90, {"queue-quota"})])
    def test_of_queues(self, quota: int, kinds: set[str]) -> None:
        pools = both(of_blocks("rack-c", FIRST), of_blocks("rack-d", OTHER))
        head = revision("head", both(pools, queue_of(quota, "rack-c", "rack-d")))
        assert {hazard.kind for hazard in review_of(revision("base"), head, day=DAY).hazards} == kinds

    @pytest.mark.parametrize("grows", [True, False])
    def test_of_a_queue_that_is_made_for_more(self, grows: bool) -> None:
        """A pool more of those that it is made for is no hazard; a pool less is one."""
        queue = queue_of(900, "rack-c", "rack-d")
        one, two = both(of_blocks("rack-c", FIRST), queue), both(of_blocks("rack-c", FIRST), of_blocks("rack-d", OTHER))
        sides = [revision("less", one), revision("more", both(two, queue))]
        base, head = sides if grows else sides[::-1]
        kinds = {hazard.kind for hazard in review_of(base, head, day=DAY).hazards}
        assert ("queue-quota" in kinds) is not grows

    def test_of_queues_with_a_new_stack_of_nothing_but_a_node_group_made_elsewhere(self) -> None:
        """Nothing says of which cluster and type it is, so nothing is told of the queue."""
        pools = both(of_blocks("rack-c", existing=FIRST), of_blocks("rack-d", OTHER))
        head = revision("head", both(pools, queue_of(72, "rack-c", "rack-d")))
        assert "queue-quota" not in {hazard.kind for hazard in review_of(revision("base"), head, day=DAY).hazards}

    def test_of_node_groups(self) -> None:
        def many(content: Stacks) -> None:
            group = content["h200"]["Resources"]["H200"]
            for number in range(98):
                properties = {**group["Properties"], "NodegroupName": f"g{number}"}
                content["h200"]["Resources"][f"Group{number}"] = {**group, "Properties": properties}

        review = review_of(revision("base"), revision("head", many), day=DAY)
        found = {limit.name: (limit.after, limit.most) for limit in review.limits if limit.where == "fleet"}
        assert found["node groups"] == (101, 30)
        assert found["node groups, whatever the quota"] == (101, 100)


def test_blocks_without_a_published_price_are_no_free_ones() -> None:
    def trn2u(content: Stacks) -> None:
        content["racks"]["Resources"] |= pool("trn2", NEURON, 4, "trn2u.48xlarge", TRN2, "cr-0eeeeeeeeeeeeeee1")

    review = review_of(revision("base"), revision("head", trn2u), day=DAY)
    assert "| 1,523.81 | 1,523.81 + ? | + ? |" in whole(sections(review))


def test_another_version_of_an_add_on_is_a_change_of_pods_and_no_hazard() -> None:
    def addon(**version: str) -> Edit:
        properties = {"ClusterName": "fleet", "AddonName": "vpc-cni", **version}
        return put("cluster", "Resources", "Cni", value={"Type": "AWS::EKS::Addon", "Properties": properties})

    versions = (addon(), addon(AddonVersion="v1.21.1-eksbuild.7"), addon(AddonVersion="v1.22.4-eksbuild.3"))
    for old, new in itertools.pairwise(versions):
        review = review_of(revision("base", old), revision("head", new), day=DAY)
        assert not review.hazards
        text = "\n".join(line for section in sections(review) for line in section.lines)
        assert re.search(r"`EKS::Addon` Cni: AddonVersion .* → `v1\.2\S+` \(may evict pods\)", text)


def test_clusters_that_do_not_change_are_a_line() -> None:
    def other(content: Stacks) -> None:
        content["h200"]["Resources"]["H200"]["Properties"]["ClusterName"] = "other"

    smaller = of("racks", "RackA", "ScalingConfig", "MaxSize", value=9)
    review = review_of(revision("base", other), revision("head", both(other, smaller)), day=DAY)
    drawn = picture(review.pools, "light")
    assert "cluster other: 1 pool, unchanged" in drawn
    assert "h200" not in drawn


def test_limits_that_do_not_change_are_one_line() -> None:
    def many(content: Stacks) -> None:
        group = content["h200"]["Resources"]["H200"]
        for number in range(24):
            properties = {**group["Properties"], "NodegroupName": f"g{number}"}
            content["h200"]["Resources"][f"Group{number}"] = {**group, "Properties": properties}

    review = review_of(revision("base", many), revision("head", many), day=DAY)
    assert "Near, and unchanged: node groups `fleet` (27 of 30)." in whole(sections(review))


def test_a_large_fleet_is_drawn_together() -> None:
    def many(count: int) -> Revision:
        def edit(content: Stacks) -> None:
            resources = content["h200"]["Resources"]
            for number in range(count):
                group = {
                    **resources["H200"],
                    "Properties": {**resources["H200"]["Properties"], "NodegroupName": f"p{number}"},
                }
                resources[f"Pool{number}"] = group

        return revision("many", edit)

    few, more = review_of(many(1), many(2), day=DAY), review_of(many(MOST_BOXES), many(MOST_BOXES + 5), day=DAY)
    assert picture(few.pools, "light").count("<title>") == 1 + len(few.pools)
    assert picture(more.pools, "light").count("<title>") < 10
    assert "5 pools" in picture(more.pools, "dark")


JUNK: list[Any] = [
    None,
    0,
    "x",
    [],
    {},
    {"Ref": "Nope"},
    {"Fn::If": ["C", 1]},
    {"Fn::Sub": {}},
    [1],
    1.5,
    "10.0.0.0/33",
]


def damaged(value: Any, chance: random.Random, depth: int = 0) -> None:
    """Put something odd, or nothing, in one place of JSON."""
    if not isinstance(value, dict | list) or not value:
        return
    key: Any = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
    if depth > 1 and chance.random() < 0.25:
        value[key] = chance.choice(JUNK)
    else:
        damaged(value[key], chance, depth + 1)


@pytest.mark.parametrize("seed", range(60))
def test_odd_templates_are_reviewed_all_the_same(seed: int) -> None:
    chance = random.Random(seed)

    def damage(content: Stacks) -> None:
        for _ in range(4):
            damaged(content[chance.choice(list(content))]["Resources"], chance)

    review = review_of(revision("base"), revision("head", damage), day=DAY)
    assert whole(sections(review))
    assert picture(review.pools, "dark").startswith("<?xml")


def test_a_size_that_only_a_deployment_knows_names_its_parameter() -> None:
    def edit(content: Stacks) -> None:
        content["h200"].setdefault("Parameters", {})["NodeCount"] = {"Type": "Number"}
        content["h200"]["Resources"]["H200"]["Properties"]["ScalingConfig"]["MaxSize"] = {"Ref": "NodeCount"}

    review = review_of(revision("base", edit), revision("head", edit), day=DAY)
    assert "Sizes that only a deployment knows: pass `--parameter NodeCount=…`." in whole(sections(review))


def test_a_group_behind_a_parameter_is_told_by_its_name_and_once() -> None:
    def edit(content: Stacks) -> None:
        content["network"].setdefault("Parameters", {})["Group"] = {"Type": "AWS::EC2::SecurityGroup::Id"}
        everybody = {"IpProtocol": "tcp", "CidrIp": "0.0.0.0/0"}
        for port in (22, 80, 443):
            content["network"]["Resources"][f"Open{port}"] = {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": {"GroupId": {"Ref": "Group"}, **everybody, "FromPort": port, "ToPort": port},
            }

    review = review_of(revision("base"), revision("head", edit), day=DAY)
    (found,) = [hazard for hazard in review.hazards if hazard.kind == "security-group-widened"]
    assert found.subject == "network/${Group}"
    assert all(f"tcp {port} from 0.0.0.0/0" in found.message for port in (22, 80, 443))
