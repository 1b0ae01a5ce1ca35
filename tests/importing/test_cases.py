"""Files of other tools with what becomes of them: `cases/NAME/` has the input, the arguments, and what is expected."""

import shlex
from pathlib import Path

import pytest
import yaml

from helpers.command import run
from ultrafleet.environment import load_environment

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def source(case: Path) -> Path:
    return next(path for path in case.iterdir() if path.stem in {"input", "plan", "state"})


def arguments(case: Path) -> list[str]:
    return shlex.split((case / "arguments.txt").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_becomes_what_is_expected(case: Path, tmp_path: Path) -> None:
    answer = run("import", source(case).name, *arguments(case), cwd=case)
    refused = lines(case / "refused.txt")
    if refused:
        assert answer.returncode == 2, answer.stdout
        assert answer.stdout == ""
        errors = [line for line in answer.stderr.splitlines() if line.startswith("error: ")]
        missing = [text for text in refused if not any(text in line for line in errors)]
        assert missing == [], answer.stderr
        assert len(errors) == len(refused), answer.stderr
        return
    assert answer.returncode == 0, answer.stderr
    missing = [text for text in lines(case / "told.txt") if text not in answer.stderr]
    assert missing == [], answer.stderr
    expected = case / "expected.yaml"
    made = tmp_path / "same.yaml"
    made.write_text(answer.stdout, encoding="utf-8")
    (tmp_path / "expected").mkdir()
    wanted = tmp_path / "expected" / "same.yaml"
    wanted.write_text(expected.read_text(encoding="utf-8"), encoding="utf-8")
    assert yaml.safe_load(answer.stdout) == yaml.safe_load(expected.read_text(encoding="utf-8"))
    assert load_environment(made) == load_environment(wanted)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_standard_input_is_the_same(case: Path) -> None:
    answer = run("import", "-", *arguments(case), stdin=source(case).read_bytes())
    assert answer.returncode == (2 if (case / "refused.txt").exists() else 0), answer.stderr
    assert "Traceback" not in answer.stderr
