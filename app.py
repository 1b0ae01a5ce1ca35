"""The app of this repository: every environment under stacks/environments."""

from pathlib import Path

from ultrafleet.app import main

if __name__ == "__main__":
    main(root=Path(__file__).parent)
