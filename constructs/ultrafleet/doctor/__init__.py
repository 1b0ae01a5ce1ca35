"""Facts that only an AWS account can settle: probes, their answers, and the file that keeps them."""

from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.answers import (
    Answers,
    IgnoredAnswer,
    RecordedAnswer,
    UsableAnswer,
    answers_file,
    answers_of,
    kept_answers,
    merged,
    read_answers,
    record,
    write_answers,
)
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, Verdict, ask
from ultrafleet.doctor.probes import PROBES

__all__ = [
    "PROBES",
    "Account",
    "Answer",
    "Answers",
    "AwsRefusalError",
    "IgnoredAnswer",
    "Permission",
    "Probe",
    "Question",
    "RecordedAnswer",
    "UsableAnswer",
    "Verdict",
    "answers_file",
    "answers_of",
    "ask",
    "kept_answers",
    "merged",
    "read_answers",
    "record",
    "write_answers",
]
