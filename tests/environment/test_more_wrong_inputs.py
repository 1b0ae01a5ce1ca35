"""Further wrong inputs, each of which is one fault: its line, key, value, what is expected and what to write."""

# ruff: noqa: E501 - the table has a wrong input in each line

from pathlib import Path

import pytest

from environment.test_wrong_inputs import TEXTS, D, I, Row, T, faults_of

TABLE: list[Row] = [
    (D, "nodes: 1", "nodes: 0o2", "pools[0].nodes", "'0o2'", "a whole number", ""),
    (D, "nodes: 1", "nodes: 1e3", "pools[0].nodes", "'1e3'", "a whole number", ""),
    (D, "nodes: 1", "nodes: ~", "pools[0].nodes", "", "how many", ""),
    (D, "nodes: 1", 'nodes: ""', "pools[0].nodes", "''", "a whole number", ""),
    (D, 'account: "111122223333"', 'account: "111122223333 "', "account", "'111122223333 '", "twelve digits", ""),
    (D, "region: us-east-2", "region: us_east_2", "region", "'us_east_2'", "a region such as", "write us-east-2"),
    (D, "region: us-east-2", "region: [us-east-2]", "region", "a list", "text", "write one value"),
    (D, "production: false", 'production: "no"', "production", "'no'", "true or false", "write false, without quotes"),
    (D, "  cidr: 10.20.0.0/20", '  cidr: 10.20.0.0/20\n  flow_logs: "on"', "network.flow_logs", "'on'", "true or false", "write true, without quotes"),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  secondary_cidrs: 100.64.0.0/16", "network.secondary_cidrs", "'100.64.0.0/16'", "a list", "write [100.64.0.0/16]"),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  secondary_cidrs: [100.64.0.0/9]", "network.secondary_cidrs[0]", "100.64.0.0/9", "", ""),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  secondary_cidrs: [10.20.0.0/21]", "network.secondary_cidrs[0]", "10.20.0.0/21", "", ""),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  interface_endpoints: { ecr: true }", "network.interface_endpoints", "a mapping", "a list", ""),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  efa_security_group_id: sg-123", "network.efa_security_group_id", "'sg-123'", "an id such as sg-", ""),
    (D, "  cidr: 10.20.0.0/20", "  cidr: 10.20.0.0/20\n  vpc_id: VPC-0123456789abcdef0", "network.vpc_id", "'VPC-0123456789abcdef0'", "an id such as vpc-", ""),
    (D, "production: false", "production: false\ncluster: { system_nodes: { min_size: 5, max_size: 2, desired_size: 3 } }", "cluster.system_nodes.min_size", "5", "", ""),
    (D, "production: false", "production: false\ncluster: { system_nodes: { min_size: 1, max_size: 2, desired_size: 3 } }", "cluster.system_nodes.desired_size", "3", "", ""),
    (D, "production: false", "production: false\ncluster: { system_nodes: { instance_types: [] } }", "cluster.system_nodes.instance_types", "empty", "", ""),
    (D, "production: false", "production: false\ncluster: { system_nodes: { instance_types: [p5.48xlarge] } }", "cluster.system_nodes.instance_types[0]", "p5.48xlarge", "", ""),
    (D, "production: false", "production: false\ncluster: { addons: [kueue] }", "cluster.addons[0]", "'kueue'", "one of", ""),
    (D, "production: false", "production: false\ncluster: { addons: [aws-ebs-csi-drivr] }", "cluster.addons[0]", "'aws-ebs-csi-drivr'", "one of", "write aws-ebs-csi-driver"),
    (D, "production: false", "production: false\ncluster: { addon_versions: { vpc-cni: 1.21 } }", "cluster.addon_versions.vpc-cni", "1.21 (a number)", "text", 'put it in quotes: "1.21"'),
    (D, "production: false", "production: false\ncluster: { addon_versions: { vpc-cnii: v1.21.0-eksbuild.1 } }", "cluster.addon_versions.vpc-cnii", "'vpc-cnii'", "one of", "write vpc-cni"),
    (D, "production: false", "production: false\ncluster: { control_plane_scaling_tier: xl }", "cluster.control_plane_scaling_tier", "'xl'", "tier-xl", ""),
    (D, "production: false", 'production: false\ncluster: { kubernetes_version: "1.5" }', "cluster.kubernetes_version", "1.5", "", ""),
    (D, "production: false", 'production: false\ncluster: { kubernetes_version: "v1.35" }', "cluster.kubernetes_version", "'v1.35'", "", "1.35"),
    (D, "production: false", "production: false\ncluster: { admin_role_arns: arn:aws:iam::111122223333:role/x }", "cluster.admin_role_arns", "'arn:aws:iam::111122223333:role/x'", "a list", "write [arn:aws:iam::111122223333:role/x]"),
    (D, "production: false", 'production: false\ncluster: { admin_role_arns: ["arn:aws:iam::111122223333:role/x", "arn:aws:iam::111122223333:role/x"] }', "cluster.admin_role_arns[1]", "twice", "", ""),
    (D, "production: false", "production: false\ncluster: { api_access_cidrs: [0.0.0.0/0] }", "cluster.api_access_cidrs[0]", "'0.0.0.0/0'", "the networks of people", "name them"),
    (D, "production: false", 'production: false\ncluster: { node_role_arn: "arn:aws:iam::111122223333:instance-profile/x" }', "cluster.node_role_arn", "instance-profile/x", "the ARN of an IAM role", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { image: { image_id: ami-xyz, user_data: x } }", "pools[0].node.image.image_id", "'ami-xyz'", "ami- and 8 to 17", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { taints: [{ key: a, effect: NoSchedule }] }", "pools[0].node.taints[0].effect", "'NoSchedule'", "one of NO_SCHEDULE", "write NO_SCHEDULE"),
    (D, "nodes: 1", 'nodes: 1\n    node: { taints: [{ key: "bad key!" }] }', "pools[0].node.taints[0].key", "'bad key!'", "", ""),
    (D, "nodes: 1", 'nodes: 1\n    node: { taints: [{ key: a, value: "x y" }] }', "pools[0].node.taints[0].value", "'x y'", "", ""),
    (D, "nodes: 1", f"nodes: 1\n    node: {{ taints: [{{ key: {'a' * 40}.example/{'b' * 20} }}] }}", "pools[0].node.taints[0].key", "", "up to 63", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { taints: [{ key: a..b/c }] }", "pools[0].node.taints[0].key", "'a..b/c'", "after a domain", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { taints: [{ key: ultrafleet/spare }] }", "pools[0].node.taints[0].key", "'ultrafleet/spare'", "", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { registry_mirrors: { docker.io: https://m.example.com } }", "pools[0].node.registry_mirrors.docker.io", "'https://m.example.com'", "a list", "write [https://m.example.com]"),
    (D, "nodes: 1", "nodes: 1\n    node: { registry_mirrors: { docker.io: [http://m.example.com] } }", "pools[0].node.registry_mirrors.docker.io", "'http://m.example.com'", "an address such as https://", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { kubelet_flags: --v=4 }", "pools[0].node.kubelet_flags", "'--v=4'", "a list", "write [--v=4]"),
    (D, "nodes: 1", "nodes: 1\n    node: { volumes: [{ device_name: xvdb, size_gib: 10 }] }", "pools[0].node.volumes[0].device_name", "'xvdb'", "/dev/xvdb to /dev/xvdz", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { volumes: [{ device_name: /dev/xvdb, size_gib: 0 }] }", "pools[0].node.volumes[0].size_gib", "0", "1 to 65,536", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { root_volume_iops: 100 }", "pools[0].node.root_volume_iops", "100", "3,000 to 80,000", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { root_volume_throughput_mibps: 1000 }", "pools[0].node.root_volume_throughput_mibps", "1000", "at most 750", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { kubelet_config: { maxPods: 10 } }", "pools[0].node.kubelet_config.maxPods", "", "", "max_pods"),
    (D, "nodes: 1", "nodes: 1\n    node: { max_pods: 251 }", "pools[0].node.max_pods", "251", "1 to 250", ""),
    (D, "nodes: 1", "nodes: 1\n    node: { max_unavailable: 0 }", "pools[0].node.max_unavailable", "0", "1 or more", ""),
    (T, "start: 2026-12-15T11:30:00Z", "start: 2027-01-15T11:30:00Z", "pools[0].blocks[1].start", "2027-01-15", "a moment before the end", ""),
    (T, "    placement_group: cluster\n", "    placement_group: spread\n", "capacity_reservations[0].placement_group", "'spread'", "cluster", ""),
    (T, "    placement_group: cluster\n", "    end: 2027-01-31T12:00:00\n", "capacity_reservations[0].end", "2027-01-31T12:00:00", "an offset from UTC", ""),
    (T, "    instance_type: p6-b300.48xlarge\n    instance_count", "    instance_type: u-p6e-gb200x72\n    instance_count", "capacity_reservations[0].instance_type", "u-p6e-gb200x72", "", ""),
    (T, "    instance_type: p6-b300.48xlarge\n    instance_count", "    instance_type: p5.48xlarge\n    instance_count", "pools[2].capacity_reservation", "p5.48xlarge", "p6-b300.48xlarge", ""),
    (T, "    availability_zone: us-east-1b\n    placement", "    availability_zone: us-east-1a\n    placement", "pools[2].capacity_reservation", "us-east-1a", "us-east-1b", ""),
    (T, "instance_count: 2\n", "instance_count: 1\n", "pools[2].nodes", "2", "", ""),
    (T, "spare_nodes_per_ultraserver: 2", "spare_nodes_per_ultraserver: 18", "kubernetes.spare_nodes_per_ultraserver", "18", "", ""),
    (T, "guaranteed_nodes: { u-p6e-gb200x72: 32 }", "guaranteed_nodes: { p5.48xlarge: 1 }", "teams[0].guaranteed_nodes.p5.48xlarge", "p5.48xlarge", "", ""),
    (T, "    type: u-p6e-gb200x72\n", "    type: p6e-gb200.36xlarge\n", "targets[0].type", "p6e-gb200.36xlarge", "whole UltraServers", ""),
    (T, "production: true", "production: true\nbudget: { teams: { nobody: 1 } }", "budget.teams.nobody", "team 'nobody'", "pretraining", ""),
    (T, "production: true", "production: true\nbudget: { usd_per_month: 1.5M }", "budget.usd_per_month", "'1.5M'", "a number", ""),
    (T, "production: true", 'production: true\npurchases: { approval_above_usd: "100k" }', "purchases.approval_above_usd", "'100k'", "a number", ""),
    (T, "notify: [fleet-oncall@example.com]", "notify: [http://example.com/x]", "notify[0]", "'http://example.com/x'", "https://", ""),
    (I, "client_cidrs: [10.80.0.0/16]", "client_cidrs: [10.80.0.0/40]", "models[0].client_cidrs[0]", "'10.80.0.0/40'", "an IPv4 network", ""),
    (I, "weights: s3://example-model-weights/gpt-oss-120b", "weights: s3://example-model-weights", "models[0].weights", "'s3://example-model-weights'", "s3://BUCKET/PREFIX", ""),
    (I, "bedrock_region: us-west-2", "bedrock_region: us-west-2a", "models[0].bedrock_region", "'us-west-2a'", "a region such as", "write us-west-2"),
    (I, "min_replicas: 4", 'min_replicas: "4"', "models[1].min_replicas", "'4'", "a whole number", "write 4, without quotes"),
    (I, "- { name: batch,", "- { name: chat,", "models[0].clients[1].name", "2", "each name once", ""),
    (I, "min_replicas: 9", "min_replicas: 9\n    first_token_seconds: 400", "models[0].first_token_seconds", "400", "at most 60, the idle_seconds", "raise idle_seconds"),
    (I, "min_replicas: 4", "min_replicas: 4\n    rack_scale: { prefill_nodes: 2, decode_nodes: 4 }", "models[1].rack_scale", "on pool h200 of single instances", "a pool of kind ultraserver", ""),
    (D, "production: false", 'production: false\nkubernetes: { chart_versions: { keueue: "0.1.0" } }', "kubernetes.chart_versions.keueue", "no chart of the library", "one of", "write kueue"),
    (D, "production: false", "production: false\nkubernetes: { efa: plugin }", "kubernetes.efa", "'plugin'", "one of dra, device_plugin", ""),
    (D, "production: false", 'production: false\nkubernetes: { existing: { kueue: "0.19.2" } }', "kubernetes.existing", "kueue", "none", ""),
    (D, "production: false", "production: false\nkubernetes: { waived_version_rules: { nope: x } }", "kubernetes.waived_version_rules.nope", "no rule between versions", "one of", ""),
    (D, "production: false", "production: false\nblock_schedule: existing", "block_schedule", "existing in a cluster that is made here", "new", ""),
    (D, "production: false", "production: false\nencryption_key_arn: arn:aws:kms:us-east-2:111122223333:alias/x", "encryption_key_arn", "alias/x", "an ARN such as", ""),
    (D, "production: false", "production: false\nslots: { ultraservers: 2, ultraserver_type: u-p6e-gb200x27, workload: training }", "slots.ultraserver_type", "u-p6e-gb200x27", "", "write u-p6e-gb200x72"),
    (D, "production: false", "production: false\nteams: [{ name: a, file_system: { subnet: system-a, capacity_gib: 1200, throughput_mbps_per_tib: 300 } }]", "teams[0].file_system.throughput_mbps_per_tib", "300", "", ""),
    (D, "production: false", "production: false\nteams: [{ name: a, priorities: training }]", "teams[0].priorities", "'training'", "a list", "write [training]"),
    (D, "production: false", "production: false\nteams: [{ name: a, data_buckets: [s3://bucket] }]", "teams[0].data_buckets[0]", "'s3://bucket'", "the name of an S3 bucket", "without s3://"),
    (D, "production: false", "production: false\nteams: [{ name: kube-system }]", "teams[0].name", "'kube-system'", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[3]} {row[2].strip()[-40:]}")
def test_is_one_fault_with_value_expectation_and_remedy(tmp_path: Path, row: Row) -> None:
    name, before, after, key, got, expected, remedy = row
    assert before in TEXTS[name]
    file = tmp_path / f"{name}.yaml"
    text = TEXTS[name].replace(before, after, 1)
    file.write_text(text, encoding="utf-8")
    (fault,) = faults_of(file)
    assert fault.key == key
    assert got in str(fault.got)
    assert expected in str(fault.expected)
    assert remedy in str(fault.remedy or fault.expected)
    assert fault.place is not None
    stated = text.splitlines()[fault.place.line - 1]
    assert (
        key.rpartition(".")[2].partition("[")[0] in stated or str(after).splitlines()[-1] in stated or got == "missing"
    )
    assert str(fault).startswith(f"{file}:{fault.place.line}:{fault.place.column}: {key}: ")


def test_a_script_is_no_longer_than_user_data(tmp_path: Path) -> None:
    node = "node: { pre_bootstrap_script: '#!/bin/bash " + "x" * 20_000 + "' }"
    (tmp_path / "dev.yaml").write_text(TEXTS[D].replace("nodes: 1", f"nodes: 1\n    {node}"), encoding="utf-8")
    (fault,) = faults_of(tmp_path / "dev.yaml")
    assert (fault.key, fault.got) == ("pools[0].node.pre_bootstrap_script", "20,012 bytes")
    assert str(fault.expected).startswith("at most 16,384")
