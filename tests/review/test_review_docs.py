"""The example of the page about reviews is what the command writes."""

from pathlib import Path

from tools.review_example import FOLDER, make


def test_the_example_is_what_is_written(tmp_path: Path) -> None:
    for made in make(tmp_path):
        assert made.read_text() == (FOLDER / made.name).read_text(), "run `make docs`"
