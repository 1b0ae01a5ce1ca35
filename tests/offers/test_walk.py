"""The walk of docs/guides/buy-a-block.md: the page's own commands, in one shell, against the embedded AWS."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ultrafleet.environment import load_environment

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "guides" / "buy-a-block.md"
PATH = os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]])

GIT, BASH = (shutil.which(name) or name for name in ("git", "bash"))

pytestmark = [
    pytest.mark.cli,
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("cdk", path=PATH) is None, reason="the CDK CLI is not installed: make setup installs it"
    ),
]


def commands() -> list[str]:
    """Blocks of commands of the page."""
    return re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository like this one, for the walk to change."""
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    for arguments in (["init", "--quiet"], ["add", "stacks"], ["commit", "--quiet", "--message", "As it was"]):
        named = ["-c", "user.name=first", "-c", "user.email=first@example.com"]
        subprocess.run([GIT, *named, *arguments], cwd=tmp_path, check=True)
    subprocess.run([GIT, "config", "user.email", "first@example.com"], cwd=tmp_path, check=True)
    return tmp_path


def test_the_pages_commands_search_buy_deploy_watch_and_extend(repository: Path) -> None:
    script = "\n".join(["set -euo pipefail", *commands()])
    (repository / "walk.sh").write_text(script)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    done = subprocess.run(
        [BASH, "-x", "walk.sh"],
        cwd=repository,
        env={**variables, "PATH": PATH},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:  # the page's last line stops it
        subprocess.run(
            [Path(PATH.split(os.pathsep)[0]) / "ultrafleet", "local", "stop", "training"], cwd=repository, check=False
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    loaded = load_environment(repository / "stacks" / "environments" / "training.yaml")
    (pool,) = [pool for pool in loaded.pools if pool.name == "rack-a"]
    assert [f"{block.end:%Y-%m-%d %H:%M}" for block in pool.capacity_blocks] == [
        "2026-12-15 11:30",
        "2027-01-12 11:30",
        "2027-01-19 11:30",
    ]
    assert "every step of training is met" in done.stdout
    bought = pool.capacity_blocks[-1].capacity_reservation_id
    assert f"{bought} ends 2027-01-19 11:30 UTC" in done.stdout
    assert "nothing needs a person within 24 h" in done.stdout
    assert "has every block of its account" in done.stdout
    for comment in ("# one after the other", "# alarms; SNS asks"):
        assert comment in (repository / "stacks" / "environments" / "training.yaml").read_text()
