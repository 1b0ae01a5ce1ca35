"""Sessions of commands that ask AWS: their credentials are their own, AWS's models are read once."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ProfileNotFound
from botocore.loaders import JSONFileLoader

from ultrafleet.cli.aws_session import session

KEYS = {"aws_access_key_id": "AKIA1", "aws_secret_access_key": "first"}


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration of AWS with one profile."""
    (tmp_path / "config").write_text("[profile ops]\naws_access_key_id = AKIA2\naws_secret_access_key = second\n")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DATA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def test_each_has_its_own_credentials_and_region() -> None:
    first, second = session("us-east-1", **KEYS), session("us-west-2", profile="ops")
    assert [made.get_credentials().access_key for made in (first, second)] == ["AKIA1", "AKIA2"]
    assert [made.client("ec2").meta.region_name for made in (first, second)] == ["us-east-1", "us-west-2"]
    assert second.client("ec2")._request_signer._credentials.access_key == "AKIA2"


def test_a_profile_that_is_not_there_is_told() -> None:
    with pytest.raises(ProfileNotFound):
        session("us-east-1", profile="nobody")


def test_a_model_is_read_once_and_a_folder_of_other_models_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session("us-east-1", **KEYS).client("sts")
    read: list[str] = []
    load = JSONFileLoader.load_file

    def watched(loader: JSONFileLoader, path: str) -> object:
        read.append(path)
        return load(loader, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", watched)
    session("us-west-2", **KEYS).client("sts")
    assert [path for path in read if "service-2" in path] == []
    model = session("us-east-1", **KEYS)._session.get_service_data("sts")
    folder = tmp_path / "models" / "sts" / model["metadata"]["apiVersion"]
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps({**model, "operations": {}}))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / "models"))
    assert session("us-east-1", **KEYS)._session.get_service_data("sts")["operations"] == {}
