"""An edit of every field of an environment's file that is about Kubernetes, teams and models. None touches a node."""

from copy import deepcopy
from datetime import date
from typing import Any

Content = dict[str, Any]

ARGO_CD: Content = {
    "repository": "https://git.example/fleet.git",
    "path": "clusters/inference",
    "idc_instance_arn": "arn:aws:sso:::instance/ssoins-1111111111111111",
}
_TEAM: Content = {"name": "post-training", "member_role_arns": ["arn:aws:iam::111122223333:role/post"]}
_MODEL: Content = {
    "name": "another",
    "pool": "h200",
    "weights": "s3://example-model-weights/another",
    "plain_http": True,
}

KUBERNETES_FIELDS: Content = {
    "chart_versions": {"kueue": "0.19.3"},
    "waived_version_rules": {"keda-minimum": "tried here"},
    "spare_nodes_per_ultraserver": 0,
    "ultraserver_network_layers": 1,
    "pods_ready_minutes": 45,
    "pods_recovery_minutes": 20,
    "max_requeues": 5,
    "efa": "device_plugin",
    "program_image": "registry.example/python:3",
    "dashboard": False,
}
ACCEPTANCE: Content = {"image": "registry.example/nccl-tests:1", "floors_gbs": {"b300": {"efa": 300.0}}}
ACCEPTANCE_FIELDS: Content = {
    "image": "registry.example/nccl-tests:2",
    "images": {"b300": "registry.example/nccl-tests-x86:1"},
    "floors_gbs": {"b300": {"efa": 350.0}, "rack-a": {"nvlink": 700.0}},
    "wait_minutes": 30,
    "run_minutes": 120,
    "gate_image": "registry.example/python:3.13",
}
ARGO_CD_FIELDS: Content = {
    "repository": "https://git.example/other.git",
    "path": "elsewhere",
    "revision": "release",
    "idc_instance_arn": "arn:aws:sso:::instance/ssoins-2222222222222222",
    "idc_region": "us-west-2",
    "admin_group_ids": ["11111111-2222-3333-4444-555555555555"],
}
TARGET: Content = {
    "name": "pretraining",
    "workload": "training",
    "type": "u-p6e-gb200x72",
    "service_level": 0.95,
    "steps": [{"start": date(2026, 12, 1), "ultraservers": 2}, {"start": date(2027, 1, 12), "accelerators": 72}],
    "end": date(2027, 1, 26),
}
TARGET_FIELDS: Content = {
    "name": "post-training",
    "workload": "inference",
    "type": "u-p6e-gb200x36",
    "service_level": 1.0,
    "steps": [{"start": date(2026, 12, 1), "ultraservers": 3}],
    "end": date(2027, 3, 26),
    "source": "the plan of October",
    "assumption": "as many as last year",
}
TARGET_STEP_FIELDS: Content = {
    "start": {"start": date(2026, 12, 8)},
    "ultraservers": {"ultraservers": 1},
    "accelerators": {"ultraservers": None, "accelerators": 144},
    "service_level": {"service_level": 0.5},
}
TEAM_FIELDS: Content = {
    "priorities": ["training", "opportunistic"],
    "guaranteed_nodes": {"u-p6e-gb200x72": 16, "p6-b300.48xlarge": 1},
    "fair_sharing_weight": 2,
    "name": "renamed",
    "workload": "training",
    "member_role_arns": [],
    "data_buckets": ["another-bucket"],
}
FILE_SYSTEM_FIELDS: Content = {
    "subnet": "system-b",
    "capacity_gib": 9600,
    "throughput_mbps_per_tib": 500,
    "efa": True,
    "data_bucket": None,
    "data_prefix": "tokens",
    "export_to_bucket": True,
}
MODEL_FIELDS: Content = {
    "name": "renamed",
    "model": "gpt-oss-120b",
    "pool": "h200",
    "weights": "s3://example-model-weights/other",
    "min_replicas": 8,
    "max_replicas": 16,
    "waiting_requests_per_replica": 4,
    "engine_image": "registry.example/vllm:1",
    "engine_args": ["--max-model-len=65536"],
    "client_cidrs": [],
    "certificate_arn": "arn:aws:acm:us-east-1:444455556666:certificate/11111111-1111-1111-1111-111111111111",
    "bedrock_region": None,
    "clients": [{"name": "chat", "requests_per_minute": 600, "fallback_requests_per_day": 1000}],
    "first_token_seconds": 20,
    "idle_seconds": 90,
    "total_seconds": 600,
    "tokens_per_second": 400000,
}
RACK_SCALE_FIELDS: Content = {"prefill_nodes": 4, "decode_nodes": 2}

CLIENT_FIELDS: Content = {"name": "renamed", "requests_per_minute": 60000, "fallback_requests_per_day": 100}


def argo_cd(content: Content) -> None:
    """An environment that Argo CD delivers to."""
    content["kubernetes"] = {"delivery": "argo_cd", "argo_cd": deepcopy(ARGO_CD)}


def targeted(content: Content) -> None:
    """Give an environment a target."""
    content["targets"] = [deepcopy(TARGET)]


def paid(content: Content) -> None:
    """State what the blocks of a pool were paid."""
    (pool,) = [pool for pool in content["pools"] if pool["name"] == "rack-b"]
    pool["blocks"][0]["payments"] = [{"date": date(2026, 10, 20), "usd": 1023998.98}]


def instances_targeted(content: Content) -> None:
    """Give it one in instances."""
    content["targets"] = [
        {**deepcopy(TARGET), "type": "p5.48xlarge", "steps": [{"start": date(2026, 12, 1), "instances": 2}]}
    ]


def accepted(content: Content) -> None:
    """An environment whose pools are tested."""
    content["kubernetes"]["acceptance"] = deepcopy(ACCEPTANCE)


def nothing_delivered(content: Content) -> None:
    content.update(kubernetes={"delivery": "none"}, models=[], teams=[])


def plain_http(content: Content) -> None:
    for model in content["models"]:
        del model["certificate_arn"]
        model["plain_http"] = True


def team_added(content: Content) -> None:
    content["teams"].append(deepcopy(_TEAM))


def team_removed(content: Content) -> None:
    content["teams"] = []


def rack_removed(content: Content) -> None:
    """A rack less, and what is guaranteed of both."""
    content["pools"] = [pool for pool in content["pools"] if pool["name"] != "rack-a"]
    content["teams"][0]["guaranteed_nodes"] = {}


def models_removed(content: Content) -> None:
    content["models"] = []


def model_added(content: Content) -> None:
    content["models"].append(deepcopy(_MODEL))


def over_racks(content: Content) -> None:
    """The model of half a rack served over its nodes together, prefill and decode apart."""
    served = content["models"][0]
    served.update(model="deepseek-v4-pro", min_replicas=1, rack_scale={"prefill_nodes": 6, "decode_nodes": 2})
    del served["bedrock_region"]


def bigger_file_system(content: Content) -> None:
    """More room at less throughput: the steps of both go together."""
    content["teams"][0]["file_system"].update(capacity_gib=9600, throughput_mbps_per_tib=500)
