"""Environments of one account whose names or reservations collide are refused, by both of their files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tools.golden import GOLDEN
from ultrafleet.environment import EnvironmentFileError, load_environment, load_environments
from ultrafleet.environment.collisions import may_collide, taken_names
from ultrafleet.yaml_loader import TemplateLoader

FOLDER = Path(__file__).parents[2] / "stacks" / "environments"
Content = dict[str, Any]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an edited copy of a shipped environment under a name of its own."""

    def run(name: str, shipped: str = "dev", pool: str | None = None, **changed: Any) -> Path:
        content = yaml.safe_load((FOLDER / f"{shipped}.yaml").read_text())
        if pool is not None:
            content["pools"][0]["name"] = pool
        content.update(changed)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return run


def refused(folder: Path, *parts: str, only: str | None = None) -> None:
    with pytest.raises(EnvironmentFileError) as caught:
        load_environments(folder, only=only)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (("training", "rack-b"), ("training-rack", "b"), "launch template training-rack-b"),
        (("training", "network"), ("training-pool", "h100"), "stack training-pool-network"),
        (("a", "pool-b"), ("a-pool", "b"), "stack a-pool-pool-b"),
        (("a", "x"), ("a-subnet", "y"), None),
    ],
)
def test_names(tmp_path: Path, write: Write, one: tuple[str, str], other: tuple[str, str], shared: str | None) -> None:
    for name, pool in (one, other):
        write(name, pool=pool)
    if shared is None:
        assert len(load_environments(tmp_path)) == 2
        return
    for only in (None, one[0], other[0]):
        refused(tmp_path, shared, f"{one[0]}.yaml", f"{other[0]}.yaml", "a name of its own in account", only=only)


def test_names_of_another_account_or_region_are_free(tmp_path: Path, write: Write) -> None:
    write("training", pool="rack-b")
    write("training-rack", pool="b", account="999988887777")
    assert len(load_environments(tmp_path)) == 2
    path = write("training-rack", pool="b")
    path.write_text(path.read_text().replace("us-east-2", "us-west-2"))
    assert len(load_environments(tmp_path)) == 2


def test_a_reservation_of_two_environments(tmp_path: Path, write: Write) -> None:
    write("one", "training")
    write("two", "training")
    for only in (None, "one", "two"):
        refused(tmp_path, "capacity reservation cr-0", "one.yaml", "two.yaml", only=only)
    write("two", "training", account="999988887777")
    assert len(load_environments(tmp_path)) == 2


def test_an_imported_reservation_of_two_environments(tmp_path: Path, write: Write) -> None:
    imported = {
        "name": "b300",
        "instance_type": "p6-b300.48xlarge",
        "instance_count": 2,
        "availability_zone": "us-east-1b",
        "capacity_reservation_id": "cr-0eeeeeeeeeeeeeee1",
    }
    for name in ("one", "two"):
        path = write(name, "training", capacity_reservations=[imported])
        content = yaml.safe_load(path.read_text())
        content["pools"] = [pool for pool in content["pools"] if pool["name"] == "b300"]
        del content["teams"][0]["guaranteed_nodes"]
        path.write_text(yaml.safe_dump(content))
    refused(tmp_path, "capacity reservation cr-0eeeeeeeeeeeeeee1 is used by", "one environment for each")


def test_the_faults_of_a_file_that_was_not_asked_for_are_not_told(tmp_path: Path, write: Write) -> None:
    write("training", pool="rack-b")
    (tmp_path / "training-rack.yaml").write_text('account: "111122223333"\ncolour: red\n')
    (tmp_path / "training-other.yaml").write_bytes(b"\xff\xfe")
    assert [item.name for item in load_environments(tmp_path, only="training")] == ["training"]


def test_files_that_cannot_collide_are_not_read(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("training", "training")
    for name in ("dev", "training-eu"):
        write(name)
    read: list[str] = []

    def loading(path: Path, *, text: str | None = None) -> Any:
        read.append(path.stem)
        return load_environment(path, text=text)

    monkeypatch.setattr("ultrafleet.environment.loading.load_environment", loading)
    load_environments(tmp_path, only="training")
    assert sorted(read) == ["training", "training-eu"]


@given(one=st.from_regex(r"[ab](-[ab]){0,3}", fullmatch=True), other=st.from_regex(r"[ab](-[ab]){0,3}", fullmatch=True))
def test_no_names_collide_where_the_text_says_so(one: str, other: str) -> None:
    dev = load_environment(FOLDER / "dev.yaml")
    pools = [dev.pools[0].model_copy(update={"name": name}) for name in ("a", "b", "a-b", "b-a", "a-b-a")]
    environments = [dev.model_copy(update={"name": name, "pools": pools}) for name in (one, other)]
    shared = set(taken_names(environments[0])) & set(taken_names(environments[1]))
    if shared and one != other:
        assert may_collide(environments[0], other, dev.account)
        assert may_collide(environments[1], one, dev.account)


NAMED = {
    ("AWS::EKS::Cluster", "Name"): "cluster",
    ("AWS::Logs::LogGroup", "LogGroupName"): "log group",
    ("AWS::CloudWatch::Dashboard", "DashboardName"): "dashboard",
    ("AWS::EC2::LaunchTemplate", "LaunchTemplateName"): "launch template",
    ("AWS::SecretsManager::Secret", "Name"): "secret",
}


def stated_names(path: Path) -> set[tuple[str, str]]:
    """Names that a template states, after their kind."""
    template = yaml.load(path.read_text(), Loader=TemplateLoader)  # noqa: S506 - a SafeLoader
    found = {("stack", path.stem)}
    for resource in template["Resources"].values():
        for (resource_type, key), kind in NAMED.items():
            value = resource.get("Properties", {}).get(key)
            if resource["Type"] == resource_type and isinstance(value, str):
                found.add((kind, value))
    exports = [output["Export"]["Name"] for output in template.get("Outputs", {}).values() if "Export" in output]
    return found | {("export", name) for name in exports}


@pytest.mark.parametrize("name", ["dev", "inference", "training"])
def test_the_names_are_those_of_the_templates(name: str) -> None:
    found = {pair for path in GOLDEN.glob(f"{name}-*.yaml") for pair in stated_names(path)}
    assert set(taken_names(load_environment(FOLDER / f"{name}.yaml"))) == found


def test_a_file_that_ends_in_yml_is_not_passed_over(tmp_path: Path, write: Write) -> None:
    write("dev").rename(tmp_path / "prod.yml")
    write("dev")
    with pytest.raises(EnvironmentFileError, match=r"prod\.yml ends in \.yml, expected \.yaml: rename it"):
        load_environments(tmp_path)


def test_a_text_is_looked_at_in_the_place_of_its_file(write: Write) -> None:
    """Before it is written, and without a file of its own: what interrupts leaves nothing behind."""
    path = write("training", pool="rack")
    other = write("training-pool")
    before = sorted(path.parent.iterdir()), path.read_text()
    text = path.read_text().replace("name: rack", "name: other")
    (loaded,) = load_environments(path.parent, only="training", text=text)
    assert [pool.name for pool in loaded.pools] == ["other"]
    with pytest.raises(EnvironmentFileError, match=other.name):  # stack training-pool-network
        load_environments(path.parent, only="training", text=path.read_text().replace("name: rack", "name: network"))
    assert (sorted(path.parent.iterdir()), path.read_text()) == before


def test_fails_on_a_text_with_the_place_in_its_file(tmp_path: Path) -> None:
    nowhere = tmp_path / "dev.yaml"
    text = (FOLDER / "dev.yaml").read_text()
    assert load_environment(nowhere, text=text) == load_environment(FOLDER / "dev.yaml")
    with pytest.raises(EnvironmentFileError, match=rf"{nowhere}:\d+:\d+: .*region"):
        load_environment(nowhere, text=text.replace("region: ", "regio: "))
