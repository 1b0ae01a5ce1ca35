"""docs/catalog.md is made from the catalog."""

from tools.catalog_document import PAGE, document


def test_the_page_is_made_from_the_catalog() -> None:
    assert PAGE.read_text() == document(), "run python tests/tools/catalog_document.py"
