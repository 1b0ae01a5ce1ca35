"""The tests' folders: one for each package of the library, and few others."""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NO_PACKAGE = {
    "data": "files that tests read",
    "golden": "templates of the shipped environments",
    "helpers": "what several tests share",
    "repository": "documents, workflows, the wheel",
    "tools": "what writes pages and goldens",
}


def folders(path: Path) -> set[str]:
    return {folder.name for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith(("__", "."))}


def test_each_package_has_a_folder_of_tests_and_each_folder_its_package() -> None:
    packages = folders(ROOT / "constructs" / "ultrafleet")
    modules = {path.stem for path in (ROOT / "constructs" / "ultrafleet").glob("*.py")}
    tested = folders(ROOT / "tests") - NO_PACKAGE.keys()
    assert packages <= tested
    assert tested <= packages | modules


def test_each_folder_of_a_package_holds_tests() -> None:
    for name in folders(ROOT / "tests") - (NO_PACKAGE.keys() - {"repository"}):
        assert list((ROOT / "tests" / name).glob("test_*.py")), f"tests/{name} holds no test"


def test_a_test_is_in_the_folder_of_its_package() -> None:
    stray = {path.name for path in (ROOT / "tests").glob("test_*.py")}
    modules = {f"test_{path.stem}.py" for path in (ROOT / "constructs" / "ultrafleet").glob("*.py")}
    assert stray <= modules
