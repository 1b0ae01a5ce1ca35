"""Wrong inputs as newcomers write them: line, key, value, what is expected and what to write, all of a file at once."""

# ruff: noqa: E501 - the table has a wrong input in each line

from pathlib import Path

import pytest

from ultrafleet.environment import EnvironmentFileError, load_environment
from ultrafleet.environment.document import FileFaultError

FOLDER = Path(__file__).parents[2] / "stacks" / "environments"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")}

D, T, I = "dev", "training", "inference"  # noqa: E741
Row = tuple[str, str, str, str, str, str, str]
"""File, text, what is in its place, key, value, expected, remedy; the line is that of the first difference."""

ACCOUNT = 'account: "111122223333"'
CONTROL_B = "name: control-b, kind: control_plane"
BLOCK_END = "end: 2026-12-15T11:30:00Z"

KINDS_OF_VALUES: list[Row] = [
    (D, ACCOUNT, "account: 012345670123", "account", "012345670123 (a number)", "text", 'put it in quotes: "012345670123"'),
    (D, ACCOUNT, "account: 111122223333", "account", "111122223333 (a number)", "text", 'put it in quotes: "111122223333"'),
    (D, ACCOUNT, 'account: "1111-2222-3333"', "account", "'1111-2222-3333'", "twelve digits", ""),
    (D, ACCOUNT, 'account: "11112222333"', "account", "'11112222333'", "twelve digits", ""),
    (D, ACCOUNT, "account:", "account", "empty", "a value", "add it"),
    (D, ACCOUNT, "account: [1]", "account", "a list", "text", "write one value"),
    (D, ACCOUNT, "account: { id: 1 }", "account", "a mapping", "text", "write one value"),
    (D, "production: false", "production: maybe", "production", "'maybe'", "true or false", "write one of them"),
    (D, "production: false", 'production: "false"', "production", "'false'", "true or false", "write false, without quotes"),
    (D, "production: false", "production: 0", "production", "0 (a number)", "true or false", "write one of them"),
    (D, "production: false", "production:", "production", "empty", "a value", "add it"),
    (D, "nodes: 1", "nodes: one", "pools[0].nodes", "'one'", "a whole number", "without quotes"),
    (D, "nodes: 1", 'nodes: "2"', "pools[0].nodes", "'2'", "a whole number", "write 2, without quotes"),
    (D, "nodes: 1", "nodes: 1.5", "pools[0].nodes", "1.5 (a number)", "a whole number", "without a point"),
    (D, "nodes: 1", "nodes: 0", "pools[0].nodes", "0", "1 or more", "change it"),
    (D, "nodes: 1", "nodes: -3", "pools[0].nodes", "-3", "1 or more", "change it"),
    (D, "nodes: 1", "nodes: true", "pools[0].nodes", "true (a truth value)", "a whole number", ""),
    (D, "nodes: 1", "nodes: .nan", "pools[0].nodes", ".nan (a number)", "a whole number", ""),
    (D, "nodes: 1", "nodes: [1]", "pools[0].nodes", "a list", "a whole number", ""),
    (D, "subnets:\n", "subnets:\n    # none\n  flow_logs: true\n  x:\n", "network.subnets", "empty", "a value", "add it"),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10", "network.cidr", "10 (a number)", "text", 'put it in quotes: "10"'),
    (D, "production: false", "production: false\nnotify: ops@example.com", "notify", "'ops@example.com'", "a list", "write [ops@example.com]"),
    (D, "production: false", "production: false\nnotify: { a: b }", "notify", "a mapping", "a list", "each after '- '"),
    (D, "production: false", "production: false\ncluster: { kubernetes_version: 1.35 }", "cluster.kubernetes_version", "1.35 (a number)", "text", 'put it in quotes: "1.35"'),
    (D, "production: false", "production: false\ncluster: [a]", "cluster", "a list", "a mapping", "KEY: VALUE"),
    (D, "production: false", "production: false\ncluster: yes please", "cluster", "'yes please'", "a mapping", "KEY: VALUE"),
    (D, "production: false", "production: false\nteams: { name: a }", "teams", "a mapping", "a list", "each after '- '"),
    (D, "production: false", "production: false\nteams: [a]", "teams[0]", "'a'", "a mapping", "KEY: VALUE"),
    (D, "  - name: h100", "  - h100\n  - name: h100", "pools[0]", "'h100'", "a mapping", "KEY: VALUE"),
    (D, "nodes: 1", "nodes: 1\n    node: { labels: { team: 7 } }", "pools[0].node.labels.team", "7 (a number)", "text", 'put it in quotes: "7"'),
    (D, "nodes: 1", "nodes: 1\n    node: { labels: { on: yes } }", "pools[0].node.labels.on", "yes (a truth value)", "text", 'put it in quotes: "yes"'),
    (D, "nodes: 1", "nodes: 1\n    node: { interfaces: [[0, 0]] }", "pools[0].node.interfaces[0][2]", "missing", "a value", "add it"),
    (D, "nodes: 1", "nodes: 1\n    node: { interfaces: [[0, 0, eth]] }", "pools[0].node.interfaces[0][2]", "'eth'", "one of interface, efa, efa-only", "write"),
    (D, "nodes: 1", "nodes: 1\n    node: { interfaces: none }", "pools[0].node.interfaces", "'none'", "a list", "write [none]"),
    (D, "nodes: 1", "nodes: 1\n    node: { tags: [a] }", "pools[0].node.tags", "a list", "a mapping", "KEY: VALUE"),
    (D, "nodes: 1", "nodes: 1\n    node: { volumes: [{ device_name: /dev/xvdb, size_gib: 100GiB }] }", "pools[0].node.volumes[0].size_gib", "'100GiB'", "a whole number", "write digits alone, without a unit"),
    (D, "nodes: 1", "nodes: 1\n    node: { volumes: [{ device_name: /dev/xvdb, size_gib: 100 }, { device_name: /dev/sdb, size_gib: 100 }] }", "pools[0].node.volumes", "/dev/xvdb twice", "each device once", "name another device"),
    (D, "nodes: 1", "nodes: 1\n    node: { root_volume_throughput_mibps: 1000 }", "pools[0].node.root_volume_throughput_mibps", "1000", "at most 750", "state 4,000 IOPS or more"),
    (D, "nodes: 1", "nodes: 1\n    node: { max_pods: 500 }", "pools[0].node.max_pods", "500", "1 to 250", "state another number"),
    (D, "nodes: 1", "nodes: 1\n    node: { image: { image_id: ami-0123456789abcdef0, user_data: x }, kubelet_flags: [--v=4] }", "pools[0].node.kubelet_flags", "stated beside user_data", "user_data alone", "leave it out"),
    (D, "nodes: 1", "nodes: 1\n    node: { root_volume_key_arn: arn:aws:kms:eu-west-1:111122223333:key/1 }", "pools[0].node.root_volume_key_arn", "of eu-west-1", "one of us-", "name one of"),
    (D, "production: false", "production: false\nbudget: { usd_per_month: 1.5M }", "budget.usd_per_month", "'1.5M'", "a number", "write digits alone"),
    (T, "service_level: 0.95", "service_level: 95%", "targets[0].service_level", "'95%'", "a number", "write 0.95"),
    (D, "production: false", "production: false\ntargets: soon", "targets", "'soon'", "a list", "write [soon]"),
]  # fmt: skip

MOMENTS: list[Row] = [
    (T, BLOCK_END, "end: 2026-13-17", "pools[0].blocks[0].end", "'2026-13-17'", "a moment in UTC such as 2026-12-01T11:30:00Z", "no such day"),
    (T, BLOCK_END, "end: 2026-02-30T11:30:00Z", "pools[0].blocks[0].end", "'2026-02-30T11:30:00Z'", "a moment", "no such day"),
    (T, BLOCK_END, "end: 2026-12-15", "pools[0].blocks[0].end", "2026-12-15 (a day)", "a moment", "add the time: 2026-12-15T11:30:00Z"),
    (T, BLOCK_END, 'end: "2026-12-15T11:30:00Z"', "pools[0].blocks[0].end", "'2026-12-15T11:30:00Z'", "a moment", "without quotes"),
    (T, BLOCK_END, "end: 2026-12-15T11:30:00", "pools[0].blocks[0].end", "2026-12-15T11:30:00", "an offset from UTC", ""),
    (T, BLOCK_END, "end: 2026-12-15T12:30:00Z", "pools[0].blocks[0].end", "2026-12-15T12:30:00+00:00", "11:30 UTC", "copy EndDate"),
    (T, BLOCK_END, "end: tomorrow", "pools[0].blocks[0].end", "'tomorrow'", "a moment", "write day and time"),
    (T, BLOCK_END, "end: 15.12.2026", "pools[0].blocks[0].end", "'15.12.2026'", "a moment", "write day and time"),
    (T, BLOCK_END, "end: 1765798200", "pools[0].blocks[0].end", "1765798200 (a number)", "a moment", "write day and time"),
    (T, BLOCK_END, "end: 2025-12-15T11:30:00Z", "pools[0].blocks[0].start", "", "a moment before the end", ""),
    (T, BLOCK_END, "end: 2029-12-15T11:30:00Z", "pools[0].blocks[0].end", "1110 days apart", "at most 182", "correct one of them"),
    (T, BLOCK_END, "end:", "pools[0].blocks[0].end", "empty", "a value", "add it"),
]  # fmt: skip

NAMES: list[Row] = [
    (D, "production: false", "production: false\ncolour: red", "colour", "an unknown key", "one of account,", "correct or remove it"),
    (D, "production: false", "production: false\nteam: []", "team", "an unknown key", "one of account,", "write teams"),
    (D, "production: false", "production: false\ncapacity-reservations: []", "capacity-reservations", "an unknown key", "", "write capacity_reservations"),
    (D, "production: false", "production: false\ncapacityReservations: []", "capacityReservations", "an unknown key", "", "write capacity_reservations"),
    (D, "production: false", "production: false\nPools: []", "Pools", "an unknown key", "", "write pools"),
    (D, "production: false", "production: false\nname: dev", "name", "'dev'", "none", "the file's name names it"),
    (D, "region: us-east-2", "Region: us-east-2", "Region", "an unknown key", "", "write region"),
    (D, "region: us-east-2\n", "", "region", "missing", "a value", "add region: VALUE"),
    (D, "production: false\n", "", "production", "missing", "a value", "add production: VALUE"),
    (D, "    subnet: accel-a\n", "", "pools[0].subnet", "missing", "a value", "add subnet: VALUE"),
    (D, "    workload: training\n", "", "pools[0].workload", "missing", "a value", "add workload: VALUE"),
    (D, "    kind: accelerator\n", "", "pools[0].kind", "missing", "'ultraserver' or 'accelerator'", "add kind: VALUE"),
    (D, "kind: accelerator\n", "kind: accelerater\n", "pools[0].kind", "'accelerater'", "'ultraserver' or 'accelerator'", "write accelerator"),
    (D, "kind: accelerator\n", "kind: rack\n", "pools[0].kind", "'rack'", "'ultraserver' or 'accelerator'", "whole UltraServers"),
    (D, "kind: accelerator\n", "kind: 7\n", "pools[0].kind", "7", "'ultraserver' or 'accelerator'", ""),
    (D, "workload: training", "workload: trainning", "pools[0].workload", "'trainning'", "one of training, inference", "write training"),
    (D, CONTROL_B, "name: control-b, kind: controlplane", "network.subnets[1].kind", "'controlplane'", "one of control_plane,", "write control_plane"),
    (D, CONTROL_B, "name: control-b, kind: control-plane", "network.subnets[1].kind", "'control-plane'", "one of control_plane,", "write control_plane"),
    (D, CONTROL_B, "name: control-b, kind: public", "network.subnets[1].kind", "'public'", "one of control_plane,", "write one of them"),
    (D, CONTROL_B, "name: Control_B, kind: control_plane", "network.subnets[1].name", "'Control_B'", "up to 40 lower-case letters", ""),
    (D, CONTROL_B, "name: control-a, kind: control_plane", "network.subnets[1].name", "2 entries named 'control-a'", "each name once", "rename one"),
    (D, CONTROL_B, "nmae: control-b, kind: control_plane", "network.subnets[1].nmae", "an unknown key", "one of", "write name"),
    (D, "instance_type: p5.4xlarge", "instance_type: p5.4xlarg", "pools[0].instance_type", "p5.4xlarg", "one that the catalog knows", "write p5.4xlarge"),
    (D, "instance_type: p5.4xlarge", "instance_type: P5.4xlarge", "pools[0].instance_type", "P5.4xlarge", "", "write p5.4xlarge"),
    (D, "instance_type: p5.4xlarge", "instance_type: m7i.xlarge", "pools[0].instance_type", "m7i.xlarge", "", "ultrafleet types"),
    (D, "instance_type: p5.4xlarge", "instance_type: trn2u.48xlarge", "pools[0].instance_type", "trn2u.48xlarge", "sold as single instances", "kind ultraserver"),
    (D, "instance_type: p5.4xlarge", "instance_type: p5.4xlarge\n    ultraserver_type: u-p6e-gb200x72", "pools[0].ultraserver_type", "an unknown key", "", "pools[] of kind ultraserver"),
    (D, "instance_type: p5.4xlarge", "instance_type: p5.4xlarge\n    instance_count: 2", "pools[0].instance_count", "an unknown key", "", ""),
    (D, "instance_type: p5.4xlarge", "instance_type: p5.4xlarge\n    max_pods: 20", "pools[0].max_pods", "an unknown key", "", "it is a key of pools[].node"),
    (D, "instance_type: p5.4xlarge", "instance_type: p5.4xlarge\n    capacity_target: x", "pools[0].capacity_target", "no longer a key of pools", "", "remove it"),
    (T, "ultraserver_type: u-p6e-gb200x72", "ultraserver_type: u-p6e-gb200x27", "pools[0].ultraserver_type", "u-p6e-gb200x27", "one that the catalog knows", "write u-p6e-gb200x72"),
    (T, "ultraserver_type: u-p6e-gb200x72", "ultraserver_type: gb200", "pools[0].ultraserver_type", "gb200", "one that the catalog knows", ""),
    (T, "ultraserver_type: u-p6e-gb200x72", "ultraserver_type: p6e-gb200.36xlarge", "pools[0].ultraserver_type", "p6e-gb200.36xlarge", "", ""),
    (T, "ultraserver_type: u-p6e-gb200x72", "ultraserver_type: u-trn2x64", "pools[0].subnet", "u-trn2x64 in us-east-1-dfw-2a", "us-east-2", "use a subnet there"),
    (D, "production: false", "production: false\nkubernetes: { delivery: argocd }", "kubernetes.delivery", "'argocd'", "one of kubectl, argo_cd, none", "write argo_cd"),
    (D, "production: false", "production: false\nkubernetes: { delivery: argo_cd }", "kubernetes.delivery", "argo_cd and argo_cd not stated", "", "state argo_cd"),
    (D, "production: false", "production: false\ncluster: { upgrade_policy: standard }", "cluster.upgrade_policy", "'standard'", "one of STANDARD, EXTENDED", "write STANDARD"),
    (D, "production: false", "production: false\nnetwork2: {}", "network2", "an unknown key", "", "write network"),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  egress: nat", "network.egress", "'nat'", "one of regional_nat, zonal_nat, none", "write"),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  nat_gateways: 1", "network.nat_gateways", "an unknown key", "", ""),
]  # fmt: skip

PLACES: list[Row] = [
    (D, "region: us-east-2", "region: us-esat-2", "region", "'us-esat-2'", "us-east-2, in which every subnet's zone is", "write us-east-2"),
    (D, "region: us-east-2", "region: us-west-2", "region", "'us-west-2'", "us-east-2", "write us-east-2, or zones of us-west-2"),
    (D, "region: us-east-2", "region: us-east-2a", "region", "'us-east-2a'", "a region such as", "write us-east-2, the zone's region"),
    (D, "region: us-east-2", "region: useast2", "region", "'useast2'", "a region such as", "write us-east-2"),
    (D, "region: us-east-2", "region: Ohio", "region", "'Ohio'", "a region such as", ""),
    (D, "region: us-east-2", "region: US-EAST-2", "region", "'US-EAST-2'", "a region such as", "write us-east-2"),
    (D, "availability_zone: us-east-2b", "availability_zone: us-east-1b", "network.subnets[1].availability_zone", "in us-east-1b", "a zone of us-east-2", "correct the zone"),
    (D, "availability_zone: us-east-2b", "availability_zone: us-east-2", "network.subnets[1].availability_zone", "'us-east-2'", "an Availability Zone such as", ""),
    (D, "availability_zone: us-east-2b", "availability_zone: use2-az2", "network.subnets[1].availability_zone", "'use2-az2'", "an Availability Zone such as", "the zone's name, not its id"),
    (T, CONTROL_B + ", availability_zone: us-east-1b", CONTROL_B + ", availability_zone: us-east-1-dfw-2a", "network.subnets[1].availability_zone", "in Local Zone us-east-1-dfw-2a", "an Availability Zone", "only accelerators go there"),
    (D, "cidr: 10.20.8.0/24", "cidr: 10.20.8.0", "network.subnets[4].cidr", "10.20.8.0", "a length from /16 to /28", "change its size"),
    (D, "cidr: 10.20.8.0/24", "cidr: 10.20.8.0/33", "network.subnets[4].cidr", "'10.20.8.0/33'", "one such as 10.0.0.0/20", "correct it"),
    (D, "cidr: 10.20.8.0/24", "cidr: 10.20.8.7/24", "network.subnets[4].cidr", "'10.20.8.7/24'", "one such as 10.0.0.0/20", "correct it"),
    (D, "cidr: 10.20.8.0/24", "cidr: 10.20.8.0/29", "network.subnets[4].cidr", "10.20.8.0/29", "a length from /16 to /28", "change its size"),
    (D, "cidr: 10.20.8.0/24", "cidr: fd00::/64", "network.subnets[4].cidr", "'fd00::/64'", "one such as 10.0.0.0/20", "correct it"),
    (D, "cidr: 10.20.8.0/24", "cidr: 10.20.2.0/24", "network.subnets[4].cidr", "overlap", "separate CIDRs", "move one of them"),
    (D, "cidr: 10.20.8.0/24", "cidr: 10.21.0.0/24", "network.subnets[4].cidr", "10.21.0.0/24", "a part of the VPC's 10.20.0.0/20", "move it"),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/8", "network.cidr", "10.20.0.0/8", "", ""),
    (D, "subnet: accel-a", "subnet: accel-b", "pools[0].subnet", "subnet 'accel-b'", "one of the accelerator subnets accel-a", "write accel-a"),
    (D, "subnet: accel-a", "subnet: system-a", "pools[0].subnet", "subnet 'system-a'", "one of the accelerator subnets accel-a", ""),
    (D, "subnet: accel-a", "subnet: subnet-0123456789abcdef0", "pools[0].subnet", "subnet 'subnet-0123456789abcdef0'", "one of the accelerator subnets", ""),
    (T, "availability_zone: us-east-1-dfw-2a\n", "availability_zone: us-east-1-dwf-2a\n", "pools[0].blocks[0].availability_zone", "us-east-1-dwf-2a", "us-east-1-dfw-2a, the zone of its subnet", "name a subnet in the block's zone"),
]  # fmt: skip

SERVICES: list[Row] = [
    (D, "production: false", "production: false\ncluster: { service_cidr: 10.20.0.0/16 }", "cluster.service_cidr", "10.20.0.0/16, which overlaps 10.20.0.0/20 of the VPC", "addresses outside of the VPC", "state 10.100.0.0/16"),
    (D, "production: false", "production: false\ncluster: { service_cidr: 8.8.0.0/16 }", "cluster.service_cidr", "'8.8.0.0/16'", "a /12 to /24 inside", "choose a private block"),
    (D, "production: false", "production: false\ncluster: { service_cidr: 172.20.0.0/28 }", "cluster.service_cidr", "'172.20.0.0/28'", "a /12 to /24 inside", "choose a private block"),
    (D, "production: false", "production: false\ncluster: { service_cidr: services }", "cluster.service_cidr", "'services'", "an IPv4 network", "correct it"),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  secondary_cidrs: [10.100.0.0/18, 172.20.64.0/18]", "cluster.service_cidr", "not stated", "one, because the VPC overlaps 10.100.0.0/16 and 172.20.0.0/16", "state a private block"),
]  # fmt: skip

CAPACITY: list[Row] = [
    (T, "capacity_reservation_id: cr-0aaaaaaaaaaaaaaa1", "capacity_reservation_id: cbr-0aaaaaaaaaaaaaaa1", "pools[0].blocks[0].capacity_reservation_id", "'cbr-0aaaaaaaaaaaaaaa1'", "a cbr- id names the block", "write the id that"),
    (T, "capacity_reservation_id: cr-0aaaaaaaaaaaaaaa1", "capacity_reservation_id: cr-xyz", "pools[0].blocks[0].capacity_reservation_id", "'cr-xyz'", "", ""),
    (T, "capacity_reservation_id: cr-0aaaaaaaaaaaaaaa2", "capacity_reservation_id: cr-0aaaaaaaaaaaaaaa1", "pools[0].blocks[1]", "capacity reservation cr-0aaaaaaaaaaaaaaa1 twice", "each once", ""),
    (T, "capacity_reservation_id: cr-0bbbbbbbbbbbbbbb1", "capacity_reservation_id: cr-0aaaaaaaaaaaaaaa1", "pools[1].blocks[0].capacity_reservation_id", "used by pools rack-a and rack-b", "one pool for each reservation", "take it out of one of them"),
    (T, "capacity_reservation: b300", "capacity_reservation: b30", "pools[2].capacity_reservation", "capacity reservation 'b30'", "one of b300", "write b300"),
    (T, "instance_count: 2\n", "instance_count: 0\n", "capacity_reservations[0].instance_count", "0", "1 or more", "change it"),
    (T, "  - name: rack-b", "  - name: rack-a", "pools[1].name", "2 entries named 'rack-a'", "each name once", "rename one"),
    (I, "instance_count: 4", "instance_count: 65", "pools[1].blocks[0].instance_count", "65 instances", "1 to 64", ""),
    (I, "        instance_count: 4\n", "", "pools[1].blocks[0].instance_count", "no instance_count", "the number of instances in the block", "state it"),
    (I, "nodes: 4", "nodes: 3", "pools[1].nodes", "3 nodes", "4, which its blocks hold at once at most", "leave nodes out"),
    (I, "nodes: 4", "nodes: 4\n    placement_group: cluster", "pools[1].placement_group", "cluster together with block", "none", "leave it out"),
    (I, "nodes: 4", "nodes: 4\n    launch_template_version: 2", "pools[1].launch_template_version", "2 on a pool with blocks", "it on the block", "move it there"),
    (D, "nodes: 1", "nodes: 1\n    node: { root_volume_gib: 99999999 }", "pools[0].node.root_volume_gib", "99999999", "1 to 65,536", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { root_volume_gib: 100GiB }", "pools[0].node.root_volume_gib", "'100GiB'", "a whole number", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { metadata_hop_limit: 65 }", "pools[0].node.metadata_hop_limit", "65", "1 to 64", ""),
    (D, "nodes: 1", 'nodes: 1\n    node: { labels: { "bad key!": "x y" } }', "pools[0].node.labels", "'bad key!'", "", "name it so that Kubernetes takes it"),
    (D, "nodes: 1", 'nodes: 1\n    node: { labels: { team: "x y" } }', "pools[0].node.labels.team", "'x y'", "", "Kubernetes takes no other value"),
    (D, "nodes: 1", "nodes: 1\n    node: { labels: { ultrafleet/pool: zzz } }", "pools[0].node.labels", "'ultrafleet/pool'", "one that doesn't begin with ultrafleet/", "pools set these"),
    (D, "nodes: 1", "nodes: 1\n    node: { labels: { eks.amazonaws.com/x: y } }", "pools[0].node.labels", "'eks.amazonaws.com/x'", "", "EKS reserves them"),
    (D, "nodes: 1", 'nodes: 1\n    node: { tags: { "aws:x": y } }', "pools[0].node.tags", "'aws:x'", "", "AWS reserves these"),
    (D, "nodes: 1", 'nodes: 1\n    node: { tags: { "ultrafleet:hold": "1" } }', "pools[0].node.tags", "'ultrafleet:hold'", "", "use hold or drain_lead_minutes"),
    (D, "nodes: 1", "nodes: 1\n    fabric: infiniband", "pools[0].fabric", "'infiniband'", "one of efa, roce", ""),
    (D, "nodes: 1", "nodes: 1\n    hold: on hold", "pools[0].hold", "'on hold'", "true or false", ""),
    (D, "    nodes: 1\n", "", "pools[0].nodes", "missing", "how many", "a pool without blocks has the size it states"),
]  # fmt: skip

WORKLOADS: list[Row] = [
    (T, "  - name: pretraining", "  - name: Pre Training", "teams[0].name", "'Pre Training'", "up to 40 lower-case letters", ""),
    (T, "  - name: pretraining", "  - name: pretraining\n    workload: inference", "teams[0].workload", "the queue inference", "one that has pools", "training"),
    (T, "  - name: pretraining", "  - name: pretraining\n    priorities: [urgent]", "teams[0].priorities", "urgent", "one or more of training-urgent", ""),
    (T, "  - name: pretraining", "  - name: pretraining\n    priorities: []", "teams[0].priorities", "empty", "one or more of", ""),
    (T, "  - name: pretraining", "  - name: pretraining\n    fair_sharing_weight: -1", "teams[0].fair_sharing_weight", "-1", "0 or more", ""),
    (T, "  - name: pretraining", "  - name: pretraining\n    fair_sharing_weight: .nan", "teams[0].fair_sharing_weight", ".nan", "", ""),
    (T, "  - name: pretraining", "  - name: pretraining\n    quota: 1", "teams[0].quota", "an unknown key", "", ""),
    (D, "production: false", "production: false\nteams: [{ name: a, member_role_arns: [role/research] }]", "teams[0].member_role_arns[0]", "'role/research'", "the ARN of an IAM role", "write arn:aws:iam::ACCOUNT:role/research"),
    (D, "production: false", "production: false\ncluster: { admin_role_arns: [admins] }", "cluster.admin_role_arns[0]", "'admins'", "the ARN of an IAM role", "write arn:aws:iam::ACCOUNT:role/admins"),
    (D, "production: false", 'production: false\ncluster: { admin_role_arns: ["arn:aws:iam::111122223333:user/x"] }', "cluster.admin_role_arns[0]", "user/x", "the ARN of an IAM role", ""),
    (D, "production: false", "production: false\nteams: [{ name: a, file_system: { subnet: control-a, capacity_gib: 1200 } }]", "teams[0].file_system.subnet", "a subnet of kind control_plane", "a subnet of kind system or accelerator", ""),
    (D, "production: false", "production: false\nteams: [{ name: a, file_system: { subnet: sytem-a, capacity_gib: 1200 } }]", "teams[0].file_system.subnet", "in subnet 'sytem-a'", "one of", "write system-a"),
    (D, "production: false", "production: false\nteams: [{ name: a, file_system: { subnet: system-a } }]", "teams[0].file_system.capacity_gib", "missing", "a value", "add capacity_gib: VALUE"),
    (D, "production: false", "production: false\nteams: [{ name: a, file_system: { subnet: system-a, capacity_gib: 1200, export_to_bucket: true } }]", "teams[0].file_system.export_to_bucket", "true without a data_bucket", "", "name it as data_bucket"),
    (D, "production: false", "production: false\nnotify: [ops]", "notify[0]", "'ops'", "an e-mail address or an https:// URL", ""),
    (D, "production: false", "production: false\nnotify: [a@example.com, a@example.com]", "notify[1]", "a@example.com twice", "it once", "remove one"),
    (D, "production: false", "production: false\nkubernetes: { delivery: none, acceptance: { image: x } }", "kubernetes.delivery", "none, but kubernetes.acceptance is stated", "kubectl or argo_cd", ""),
    (D, "production: false", "production: false\nkubernetes: { acceptance: {} }", "kubernetes.acceptance", "not stated", "the image that nodes are tested with", "state it"),
    (D, "production: false", "production: false\nkubernetes: { spare_nodes_per_ultraserver: -1 }", "kubernetes.spare_nodes_per_ultraserver", "-1", "0 or more", ""),
    (D, "production: false", "production: false\nkubernetes: { max_requeues: 101 }", "kubernetes.max_requeues", "101", "at most 100", ""),
    (D, "production: false", "production: false\nkubernetes: { acceptance: { image: x, floors_gbs: { h100: { nvlnk: 1 } } } }", "kubernetes.acceptance.floors_gbs.h100.nvlnk", "'nvlnk'", "one of nvlink, neuronlink, efa, roce, node", "write nvlink"),
    (D, "production: false", 'production: false\nteams: [{ name: a, data_buckets: ["s3://data/x"] }]', "teams[0].data_buckets[0]", "'s3://data/x'", "the name of an S3 bucket", "without s3://"),
    (D, "nodes: 1", "nodes: 1\n    node: { interfaces: [] }", "pools[0].node.interfaces", "an empty list", "at least 1 entry", "add one"),
    (I, "pool: rack-c", "pool: rack-d", "models[0].pool", "pool 'rack-d'", "one of rack-c, h200", "write rack-c"),
    (I, "  - name: gpt-oss-20b", "  - name: gpt-oss-120b", "models[1].name", "2 entries named 'gpt-oss-120b'", "each name once", "rename one"),
    (I, "min_replicas: 4", "min_replicas: 0", "models[1].min_replicas", "0", "1 or more", ""),
    (I, "client_cidrs: [10.80.0.0/16]", "client_cidrs: 10.80.0.0/16", "models[0].client_cidrs", "'10.80.0.0/16'", "a list", "write [10.80.0.0/16]"),
    (I, "min_replicas: 4", "min_replicas: 33", "models[1].max_replicas", "32", "33, the min_replicas, or more", "raise it"),
    (I, "model: gpt-oss-20b", "model: gpt-oss-21b", "models[1].model", "'gpt-oss-21b'", "one of", "write gpt-oss-20b"),
    (I, "weights: s3://example-model-weights/gpt-oss-120b", "weights: /models/gpt", "models[0].weights", "'/models/gpt'", "s3://BUCKET/PREFIX", ""),
    (I, "bedrock_region: us-west-2", "bedrock_region: us-wset", "models[0].bedrock_region", "'us-wset'", "a region such as", "write us-west"),
    (I, "client_cidrs: [10.80.0.0/16]", "client_cidrs: [10.80.0.1/16]", "models[0].client_cidrs[0]", "'10.80.0.1/16'", "an IPv4 network", "host bits"),
    (I, "certificate_arn: arn:aws:acm:", "certificate_arn: arn:aws:iam:", "models[0].certificate_arn", "arn:aws:iam:", "the ARN of a certificate in ACM", "aws acm list-certificates"),
    (I, "    bedrock_region", "    plain_http: true\n    bedrock_region", "models[0].plain_http", "true beside a certificate_arn", "one of them", "remove one"),
    (D, "production: false", "production: false\ncluster: { api_access_cidrs: [office] }", "cluster.api_access_cidrs[0]", "'office'", "an IPv4 network", ""),
    (T, "capacity_gib: 4800", "capacity_gib: 4801", "teams[0].file_system.capacity_gib", "4801", "1200 or a multiple of 2400", "choose 7200"),
    (T, "  - name: rack-b", "  - name: rack-b\n    drain_lead_minutes: 5", "pools[1].drain_lead_minutes", "5", "85 to", "write at least 85"),
    (I, "min_replicas: 9", "min_replicas: 9\n    plain_http: yess", "models[0].plain_http", "'yess'", "true or false", ""),
    (I, "min_replicas: 9", "min_replicas: 9\n    replicas: 3", "models[0].replicas", "an unknown key", "", "write"),
]  # fmt: skip

TABLE = [*KINDS_OF_VALUES, *MOMENTS, *NAMES, *PLACES, *SERVICES, *CAPACITY, *WORKLOADS]


def first_difference(one: str, other: str) -> int:
    """Number of the first line that differs."""
    lines = zip([*one.splitlines(), ""], [*other.splitlines(), ""], strict=False)
    return next(number for number, (before, after) in enumerate(lines, 1) if before != after)


def faults_of(file: Path) -> list[FileFaultError]:
    with pytest.raises(EnvironmentFileError) as caught:
        load_environment(file)
    faults = [fault for fault in caught.value.faults if isinstance(fault, FileFaultError)]
    assert len(faults) == len(caught.value.faults)
    return faults


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[3]} {row[2].strip()[-40:]}")
def test_fails_with_place_value_expectation_and_remedy(tmp_path: Path, row: Row) -> None:
    name, before, after, key, got, expected, remedy = row
    assert before in TEXTS[name]
    text = TEXTS[name].replace(before, after, 1)
    file = tmp_path / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    faults = faults_of(file)
    found = [fault for fault in faults if fault.key == key]
    assert found, [str(fault) for fault in faults]
    fault = found[0]
    assert got in str(fault.got)
    assert expected in str(fault.expected)
    assert remedy in str(fault.remedy or fault.expected)
    assert fault.place is not None
    line, changed = fault.place.line, first_difference(TEXTS[name], text)
    stated = text.splitlines()[line - 1]
    if fault.got in {"missing", "no instance_count", "not stated"}:  # at what it is missing in
        assert line <= changed
    else:
        last = key.rpartition(".")[2].partition("[")[0]
        assert changed <= line <= changed + after.count("\n") + 1 or last in stated, (line, changed, stated)
    assert str(fault).startswith(f"{file}:{line}:{fault.place.column}: {key}: ")


def test_the_table_has_150_wrong_inputs() -> None:
    assert len({row[:3] for row in TABLE}) + len(WHOLE_FILES) >= 150


WHOLE_FILES: list[tuple[bytes, str, str, str]] = [
    (b"", "1:1", "empty", "a mapping with account"),
    (b"# nothing\n", "1:1", "empty", "a mapping"),
    (b"---\n", "1:", "empty", "a mapping"),
    (b"null\n", "1:", "empty", "a mapping"),
    (b"- a\n- b\n", "1:1", "a list", "a mapping"),
    (b"dev\n", "1:1", "a single value", "a mapping"),
    (b"42\n", "1:1", "a single value", "a mapping"),
    (b"account: 1\n---\naccount: 2\n", "2:", "two documents", "one"),
    (b"account: [\n", "2:1", "no valid YAML", "valid YAML"),
    (b"account: '1\n", "2:1", "no valid YAML", "valid YAML"),
    (b"network:\n\tcidr: x\n", "2:1", "a tab", "spaces"),
    (b"a: b: c\n", "1:5", "no valid YAML", "valid YAML"),
    (b"account: *nobody\n", "1:10", "no anchor before it", "one outside of itself"),
    (b"account: !!python/object/apply:os.system [ls]\n", "1:10", "tagged !!python/object/apply:os.system", "a plain value"),
    (b"account: !Ref x\n", "1:10", "tagged !Ref", "a plain value"),
    (b"account: \xe9\n", "1:10", "not in UTF-8 (byte 0xe9)", "an environment file"),
    (b"\xff\xfea\x00", "1:1", "not in UTF-8", "an environment file"),
    (b"account: \x00\n", "1:10", "no valid YAML", "valid YAML"),
    (b"[" * 3000, "1:1", "nested too deeply", "usual size"),
    (b"{a: " * 3000, "1:1", "nested too deeply", "usual size"),
    (b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(8)), "1:1", "too large", "usual size"),
    (b"a: &a [*a]\n", "1:8", "no anchor before it", "one outside of itself"),
    (b"? [a]\n: b\n", "1:", "no valid YAML", "valid YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "place", "got", "expected"), WHOLE_FILES, ids=[row[0][:24] for row in WHOLE_FILES])
def test_fails_on_files_that_are_none(tmp_path: Path, content: bytes, place: str, got: str, expected: str) -> None:
    file = tmp_path / "dev.yaml"
    file.write_bytes(content)
    (fault, *_) = faults_of(file)
    assert str(fault).startswith(f"{file}:{place}")
    assert got in str(fault.got)
    assert expected in str(fault.expected)


def test_fails_on_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    (fault,) = faults_of(tmp_path / "x.yaml")
    assert str(fault) == f"{tmp_path}/x.yaml:1:1: is a folder, expected an environment file: name a file in it"


def test_fails_on_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").symlink_to(tmp_path / "gone")
    (fault,) = faults_of(tmp_path / "x.yaml")
    assert "is a link to a file that isn't there" in str(fault)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("begin", ["", "\ufeff", "%YAML 1.1\n---\n"])
def test_takes_other_line_ends_and_marks(tmp_path: Path, ending: str, begin: str) -> None:
    file = tmp_path / "dev.yaml"
    file.write_text((begin + TEXTS[D]).replace("\n", ending), encoding="utf-8", newline="")
    assert load_environment(file).name == "dev"


def test_takes_anchors_and_merge_keys(tmp_path: Path) -> None:
    file = tmp_path / "dev.yaml"
    second = "  - <<: *h100\n    name: other\n"
    file.write_text(TEXTS[D].replace("  - name: h100", "  - &h100\n    name: h100") + second, encoding="utf-8")
    assert [pool.name for pool in load_environment(file).pools] == ["h100", "other"]
    file.write_text(file.read_text().replace("nodes: 1", "nodes: none"), encoding="utf-8")
    assert {fault.place.line for fault in faults_of(file) if fault.place} == {22}


def test_every_fault_of_a_file_at_once(tmp_path: Path) -> None:
    text = TEXTS[D]
    for before, after in {
        ACCOUNT: "account: 1",
        "region: us-east-2": "region: us-esat-2",
        CONTROL_B: "name: control-b, kind: controlplane",
        "cidr: 10.20.8.0/24": "cidr: 10.20.2.0/24",
        "subnet: accel-a": "subnet: accel-x\n    colour: red",
        "nodes: 1": "nodes: one",
    }.items():
        text = text.replace(before, after, 1)
    file = tmp_path / "dev.yaml"
    file.write_text(f"{text}\nteams: [{{ name: a, workload: inference }}]\naccount: 2\n", encoding="utf-8")
    faults = faults_of(file)
    assert [fault.key for fault in faults] == [
        "region", "network.subnets[1].kind", "network.subnets[4].cidr", "pools[0].nodes", "pools[0].subnet",
        "pools[0].colour", "teams[0].workload", "account", "account",
    ]  # fmt: skip
    lines = [fault.place.line for fault in faults if fault.place]
    assert lines == sorted(lines)
    assert len(lines) == len(faults)
