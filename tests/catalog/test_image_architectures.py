"""Architectures of images by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.catalog.image_architectures import image_architecture

STATED = {
    "public.ecr.aws/u1m6g1t5/nccl-tests-arm64:latest": "arm64",
    "registry.example/nccl-tests-x86:1": "x86_64",
    "vllm/vllm-openai:v0.10.2-x86_64": "x86_64",
    "vllm/vllm-openai:v0.10.2-aarch64": "arm64",
    "verlai/verl:vllm020.aarch64.dev1": "arm64",
    "amd64/python:3.13": "x86_64",
    "docker.io/arm64v8/ubuntu": "arm64",
    "host:5000/team/train:1.0_amd64": "x86_64",
    "registry.example/train-arm64@sha256:" + "0" * 64: "arm64",
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.7.1-gpu-py312-cu128-ubuntu22.04-ec2": "x86_64",
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training-arm64:2.7.0-gpu-py312-ec2": "arm64",
    "public.ecr.aws/deep-learning-containers/vllm:0.11-gpu-py312-cu129-ubuntu22.04-ec2": "x86_64",
    "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference-graviton:2.4.0-cpu": "arm64",
}
UNSTATED = (
    "registry.example/train:1",
    "vllm/vllm-openai:v0.30.0",
    "nvcr.io/nvidia/pytorch:26.01-py3",
    "public.ecr.aws/hpc-cloud/nccl-tests",
    "arm64.example/train:1",
    "registry.example/arm64-team/train:1",
    "registry.example/train:1-amd64-arm64",
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/autogluon-training:1.0",
    "example.com/763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training",
    "registry.example/farm64:1",
    "host:5000/train",
    "",
)


@pytest.mark.parametrize(("image", "architecture"), STATED.items())
def test_a_name_states_it(image: str, architecture: str) -> None:
    assert image_architecture(image) == architecture


@pytest.mark.parametrize("image", UNSTATED)
def test_others_are_unknown(image: str) -> None:
    assert image_architecture(image) is None


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert image_architecture(text) in (None, "x86_64", "arm64")
