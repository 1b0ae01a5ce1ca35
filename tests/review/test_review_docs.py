"""The page about reviews is made from the rules, and its example is what the command writes."""

from pathlib import Path

from tools.review_document import PAGE, document
from tools.review_example import FOLDER, make


def test_the_example_is_what_is_written(tmp_path: Path) -> None:
    for made in make(tmp_path):
        assert made.read_text() == (FOLDER / made.name).read_text(), "run python tests/tools/review_example.py"


def test_the_page_is_made_from_the_rules() -> None:
    assert PAGE.read_text() == document(), "run python tests/tools/review_document.py"
