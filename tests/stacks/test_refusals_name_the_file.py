"""What constructs refuse of an environment's file, the app says with the file, the line, the key and the model."""

import re
from datetime import date
from pathlib import Path

import pytest

from ultrafleet.app.program import synthesise

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "stacks" / "environments" / "inference.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "name: batch",
            "name: chat",
            r"\d+:17: models\[0\].clients\[1\].name: clients have 2 entries named 'chat', expected each name once",
        ),
        (
            "requests_per_minute: 6000",
            "requests_per_minute: 1",
            r"\d+:45: models\[0\].clients\[1\].requests_per_minute: .* requests_per_minute .* batch is 1",
        ),
        (
            "\nmodels:",
            "\nkubernetes: { spare_nodes_per_ultraserver: 9 }\nmodels:",
            r"\d+:44: kubernetes.spare_nodes_per_ultraserver: is 9",
        ),
    ],
)
def test_fails_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, message: str
) -> None:
    assert before in TEXT
    file = tmp_path / "inference.yaml"
    file.write_text(TEXT.replace(before, after, 1), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = synthesise(root=ROOT, environments=tmp_path, today=date(2026, 12, 5))
    (error,) = made.errors
    assert re.match(f"inference.yaml:{message}", str(error))
