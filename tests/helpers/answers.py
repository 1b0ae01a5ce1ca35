"""Answers of the training environment's account, as `ultrafleet doctor` writes them."""

from datetime import date
from pathlib import Path
from typing import Any, Final

from helpers.today import today
from ultrafleet.doctor import RecordedAnswer, Verdict, answers_file, write_answers

DALLAS: Final = "us-east-1-dfw-2a"
OPT_IN: Final = "aws ec2 modify-availability-zone-group --group-name us-east-1-dfw-2 --opt-in-status opted-in"
OPT_IN_FACT: Final = "assumption/zone-opted-in"


def opt_in_answer(verdict: Verdict = Verdict.YES, *, asked: date | None = None, **changed: Any) -> RecordedAnswer:
    """Answer about the Local Zone in Dallas, of today unless another day is given."""
    state = "not-opted-in" if verdict is Verdict.NO else "opted-in"
    parts: dict[str, Any] = {
        "probe": "zone-opt-in",
        "subject": DALLAS,
        "expected": "opted-in",
        "settles": (OPT_IN_FACT,),
        "verdict": verdict,
        "observed": f"us-east-1-dfw-2 is {state}",
        "remedy": OPT_IN if verdict is Verdict.NO else "",
        "account": "111122223333",
        "region": "us-east-1",
        "asked": asked or today(),
        "version": "0.1.0",
    }
    return RecordedAnswer(**{**parts, **changed})


def write_training_answers(folder: Path, *answers: RecordedAnswer) -> Path:
    """Write answers beside the training environment of a folder."""
    path = answers_file(folder, "training")
    write_answers(path, answers)
    return path
