"""Fixtures that several test files share."""

import gc
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk
import pytest
from hypothesis import HealthCheck, settings
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from helpers.common import SERVICE_TOKEN
from helpers.fleet import Site
from helpers.once import FOLDER
from ultrafleet.cluster import ImportedCluster
from ultrafleet.delivery import KubectlAccess, KubectlDelivery

ROOT = Path(__file__).parent.parent

# No test is about time: a loaded machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of what is made once for the whole run, before any worker is started."""
    # 1,300 sample images that nothing here boots are most of the time that moto's EC2 takes to start.
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    if FOLDER not in os.environ:
        folder = TemporaryDirectory(prefix="ultrafleet-tests-")
        os.environ[FOLDER] = folder.name

        def clean() -> None:
            del os.environ[FOLDER]
            folder.cleanup()

        config.add_cleanup(clean)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left with it at the end."""
    items.sort(key=lambda item: (item.get_closest_marker("cli") is None, item.get_closest_marker("slow") is None))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was imported: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def cdk_context() -> dict[str, Any]:
    """The feature flags of cdk.json: `cdk.App()` alone reads none of them."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return context


@pytest.fixture
def app(cdk_context: dict[str, Any]) -> cdk.App:
    """An app that behaves as ours does; template validation has its own tests."""
    return cdk.App(context=cdk_context, analytics_reporting=False, builtin_cloud_formation_validation=False)


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    """A stack in a fixed placeholder account and region."""
    return cdk.Stack(app, "Test", env=cdk.Environment(account="111122223333", region="us-east-1"))


@pytest.fixture
def site(stack: cdk.Stack) -> Site:
    """A caller's own cluster and subnets, to put pools on."""
    return Site(stack)


@pytest.fixture
def delivery(stack: cdk.Stack) -> KubectlDelivery:
    """A way into a cluster, by a provider that stands elsewhere."""
    return KubectlAccess.from_service_token(
        stack, "Kubectl", cluster=ImportedCluster(cluster_name="prod"), service_token=SERVICE_TOKEN
    )


@pytest.fixture
def snapshot_json(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """`assert template.to_json() == snapshot_json`: one readable JSON file for each test."""
    return snapshot.use_extension(JSONSnapshotExtension)
