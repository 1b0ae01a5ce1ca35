"""Inputs that are small and cost much, or that look like something else: each a file of a template, and its name."""

import json
from collections.abc import Callable
from typing import Any, Final

Content = dict[str, Any]

PLAIN: Final[Content] = {"A": {"Type": "AWS::S3::Bucket"}}


def _json(resources: Content, **sections: object) -> str:
    return json.dumps({"Resources": {**PLAIN, **resources}, **sections})


def _with_tags(value: object, **sections: object) -> str:
    """A template with one value that has to be resolved."""
    tagged = {"B": {"Type": "AWS::S3::Bucket", "Properties": {"Tags": [{"Key": "k", "Value": value}]}}}
    return _json(tagged, **sections)


def merge_keys(levels: int = 9, width: int = 9) -> str:
    """YAML of nested merge keys: each level merges the one inside as often as it is wide."""
    text = "{k: v}"
    for level in range(levels):
        text = f"{{<<: [&m{level} {text}{f', *m{level}' * width}]}}"
    return f"Resources:\n  A:\n    Type: AWS::S3::Bucket\nMetadata: {text}\n"


def aliases(levels: int = 9, width: int = 9) -> str:
    """YAML of nested aliases."""
    lines = ["Metadata:", "  a0: &a0 [x]"]
    lines += [f"  a{level + 1}: &a{level + 1} [{', '.join([f'*a{level}'] * width)}]" for level in range(levels)]
    return "\n".join([*lines, "Resources:", "  A: {Type: AWS::S3::Bucket}", ""])


def loops(levels: int = 4, members: int = 100) -> str:
    """Loops in loops."""
    body: Content = {"R${V0}${V1}${V2}${V3}": {"Type": "AWS::S3::Bucket"}}
    for level in range(levels):
        body = {f"Fn::ForEach::L{level}": [f"V{level}", [f"{n}" for n in range(members)], body]}
    return json.dumps({"Transform": "AWS::LanguageExtensions", "Resources": {**PLAIN, **body}})


def sub_of_sub(levels: int = 6, width: int = 60) -> str:
    """`Fn::Sub` whose variables are `Fn::Sub`."""
    value: Any = "x" * 10
    for _ in range(levels):
        value = {"Fn::Sub": ["${v}" * width, {"v": value}]}
    return _with_tags(value)


def join_of_aliases(count: int = 20_000, size: int = 1_000_000) -> str:
    """`Fn::Join` of many aliases of one long text."""
    items = ", ".join(["*t"] * count)
    return (
        f"Metadata: {{t: &t {'x' * size}}}\nResources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties:\n"
        f"      BucketName: !Join ['', [{items}]]\n"
    )


def split_often(count: int = 5_000, size: int = 100_000) -> str:
    """`Fn::Split` of one long text, again and again."""
    text = {"Fn::Split": [",", {"Ref": "Long"}]}
    resources = {f"R{n}": {"Type": "AWS::S3::Bucket", "Properties": {"Tags": text}} for n in range(count)}
    return _json(resources, Parameters={"Long": {"Type": "String", "Default": "," * size}})


def maps_often(count: int = 20_000, size: int = 50_000) -> str:
    """`Fn::FindInMap` of one long list, again and again."""
    found = {"Fn::FindInMap": ["M", "a", "b"]}
    resources = {f"R{n}": {"Type": "AWS::S3::Bucket", "Properties": {"Tags": found}} for n in range(count)}
    return _json(resources, Mappings={"M": {"a": {"b": ["x"] * size}}})


def strings_in_strings(levels: int = 40) -> str:
    """`Fn::ToJsonString` of itself: each level escapes the last one's escapes."""
    value: Any = ['"']
    for _ in range(levels):
        value = {"Fn::ToJsonString": [value]}
    return _with_tags(value)


def user_data(text: str) -> str:
    """A launch template with user data, of a type that the policy knows."""
    data = {"InstanceType": "p6-b300.48xlarge", "ImageId": "ami-1", "UserData": {"Fn::Base64": text}}
    launch = {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}}
    group = {
        "Type": "AWS::EKS::Nodegroup",
        "Properties": {
            "ClusterName": "c",
            "NodeRole": "r",
            "Subnets": ["subnet-1"],
            "LaunchTemplate": {"Id": {"Ref": "L"}, "Version": "1"},
        },
    }
    return _json({"L": launch, "G": group})


def node_config(levels: int = 9) -> str:
    """User data whose NodeConfig is nested merge keys."""
    text = "{k: v}"
    for level in range(levels):
        text = f"{{<<: [&m{level} {text}{f', *m{level}' * 9}]}}"
    return user_data(
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\n'
        f"Content-Type: application/node.eks.aws\n\nspec: {text}\n--B--\n"
    )


def conditions(count: int = 5_000) -> str:
    """Conditions, each of the next."""
    chain: Content = {f"C{n}": {"Fn::Not": [{"Condition": f"C{n + 1}"}]} for n in range(count)}
    chain[f"C{count}"] = {"Fn::Equals": ["a", "a"]}
    return _json({"B": {"Type": "AWS::S3::Bucket", "Condition": "C0"}}, Conditions=chain)


def pool(metadata: Content | None = None, **properties: object) -> str:
    """A pool on a block of 16 nodes, with what its metadata says."""
    group = {
        "Type": "AWS::EKS::Nodegroup",
        "Properties": {
            "ClusterName": "c",
            "NodegroupName": "n",
            "NodeRole": "r",
            "Subnets": ["subnet-1"],
            "InstanceTypes": ["p5.48xlarge"],
            "CapacityType": "CAPACITY_BLOCK",
            "ScalingConfig": {"MinSize": 0, "MaxSize": 16},
            **properties,
        },
    }
    block = {
        "id": "cr-0123456789abcdef0",
        "instances": 16,
        "start": "2026-12-01T11:30:00Z",
        "end": "2026-12-15T11:30:00Z",
        **(metadata or {}),
    }
    return _json({"G": group}, Metadata={"ultrafleet:n": {"blocks": [block]}})


INPUTS: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "merge keys": ("a.yaml", merge_keys),
    "merge keys in user data": ("a.json", node_config),
    "aliases": ("a.yaml", aliases),
    "40,000 brackets": ("a.yaml", lambda: "[" * 40_000),
    "brackets inside of a template": (
        "a.yaml",
        lambda: "Resources:\n  A: {Type: AWS::S3::Bucket}\nMetadata: " + "[" * 40_000,
    ),
    "brackets in JSON": ("a.json", lambda: '{"Resources": ' + "[" * 400_000),
    "sequences in sequences": ("a.yaml", lambda: "Resources: {A: {Type: 'AWS::X::Y'}}\nM:\n " + "- " * 50_000 + "x"),
    "loops in loops": ("a.json", loops),
    "Sub of Sub": ("a.json", sub_of_sub),
    "Join of aliases": ("a.yaml", join_of_aliases),
    "Split of one text": ("a.json", split_often),
    "maps of one list": ("a.json", maps_often),
    "JSON in JSON in JSON": ("a.json", strings_in_strings),
    "holes that don't end": ("a.json", lambda: _with_tags({"Fn::Sub": "${" * 500_000})),
    "holes in user data": ("a.json", lambda: user_data("${" * 100_000)),
    "image paths": (
        "a.json",
        lambda: user_data("x").replace('"ami-1"', json.dumps("/eks/optimized-ami/" * 50_000)),
    ),
    "brackets in text": ("a.json", lambda: _with_tags("[" * 200_000)),
    "conditions": ("a.json", conditions),
    "a name of digits": ("a.json", lambda: pool(NodegroupName="9" * 5_000)),
    "a window that begins before time": ("a.json", lambda: pool({"start": "0001-01-01T00:00:00+23:00"})),
    "a window after time": ("a.json", lambda: pool({"end": "9999-12-31T23:59:59-23:00"})),
    "instances beyond numbers": (
        "a.json",
        lambda: pool({"instances": 1}).replace('"instances": 1', '"instances": 1e999'),
    ),
    "a size of 4,200 digits": ("a.json", lambda: pool(ScalingConfig={"MinSize": 0, "MaxSize": "9" * 4_200})),
    "a number of 5,000 digits": (
        "a.json",
        lambda: pool(ScalingConfig={"MinSize": 0, "MaxSize": 77}).replace("77", "9" * 5_000),
    ),
    "a hexadecimal number": (
        "a.yaml",
        lambda: f"Resources: {{A: {{Type: 'AWS::S3::Bucket', X: 0x{'f' * 1_000_000}}}}}",
    ),
    "a number in sixties": ("a.yaml", lambda: f"Resources: {{A: {{Type: 'AWS::S3::Bucket', X: 1{':1' * 400_000}}}}}"),
    "half a character": ("a.json", lambda: pool(NodegroupName="x\ud800y")),
    "a control character": ("a.json", lambda: pool(NodegroupName="x\x1b[2J\u202ey")),
}
"""File name and text of each, by what it is."""
