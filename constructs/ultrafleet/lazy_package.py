"""Names of a package that are imported when they are used: `aws_cdk.aws_ec2` takes a fifth of a second."""

import importlib
from collections.abc import Callable, Mapping


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Function for a package's `__getattr__`, which Python calls for a name that the package hasn't.

    Args:
        package: `__name__` of the package.
        modules: module by the name that it defines.
    """

    def look_up(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return look_up
