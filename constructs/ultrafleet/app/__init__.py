"""The app: a CDK stage for each environment file of a repository. `app.py` of the repository calls `main`."""

from ultrafleet.app.program import main

__all__ = ["main"]
