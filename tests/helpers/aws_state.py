"""The whole state of the embedded AWS of this process as bytes, so that a deployment is made once and read often."""

import gc
import io
import marshal
import pickle
import sys
import threading
import types
import weakref
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from moto.core.base_backend import AccountSpecificBackend, BackendDict, BaseBackend
from moto.ssm.models import ParameterDict

from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

Name = tuple[str, ...]
"""Of an object that is part of the process and not of the state."""
_LOCK = type(threading.Lock())
_REENTRANT_LOCK = type(threading.RLock())


def save() -> bytes:
    """State of moto's backends and of the simulated account."""
    backends = {_name_of(one): dict(one.__dict__) for services in _services() for one in _backends(services)}
    attributes = {_services_name(services): _own(services) for services in _services()}
    written = io.BytesIO()
    _Pickler(written, pickle.HIGHEST_PROTOCOL).dump((backends, attributes, SIMULATED_ACCOUNT.__dict__))
    return written.getvalue()


def restore(state: bytes) -> None:
    """Put a saved state into an embedded AWS that was just started."""
    collects = gc.isenabled()
    gc.disable()  # half a million new objects, none of them garbage
    try:
        backends, attributes, account = _Unpickler(io.BytesIO(state)).load()
    finally:
        if collects:
            gc.enable()
    for name, state_of_one in backends.items():
        one = _named(name)
        one.__dict__.clear()
        one.__dict__.update(state_of_one)
    for name, own in attributes.items():
        _named(name).__dict__.update(own)
    SIMULATED_ACCOUNT.__dict__.update(account)


def forget() -> None:
    """Drop what is expensive to reset, before moto resets every backend and then drops it."""
    for services in _services():
        if services.service_name in {"ec2", "iam"}:
            services.clear()


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Name | None:
        if value is SIMULATED_ACCOUNT:
            return ("account",)
        if isinstance(value, BackendDict | AccountSpecificBackend | BaseBackend):
            return _name_of(value)
        return None

    def reducer_override(self, value: Any) -> Any:
        """Write what pickle can't: a lock as a new one, a key as PEM, a weak dictionary's items, a closure's code."""
        if isinstance(value, _LOCK | _REENTRANT_LOCK):
            return threading.Lock if isinstance(value, _LOCK) else threading.RLock, ()
        if isinstance(value, weakref.WeakValueDictionary):
            return weakref.WeakValueDictionary, (dict(value),)
        if isinstance(value, ParameterDict):
            return _parameters, (), value.__dict__, None, iter(value.items())
        if isinstance(value, RSAPrivateKey):
            return _private_key, (value.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),)
        if isinstance(value, types.FunctionType) and "<locals>" in value.__qualname__:
            cells = tuple(cell.cell_contents for cell in value.__closure__ or ())
            return _function, (marshal.dumps(value.__code__), value.__module__, value.__defaults__, cells)
        return NotImplemented


def _parameters() -> ParameterDict:
    """Parameters of Systems Manager, whose own constructor pickle can't call."""
    made = ParameterDict.__new__(ParameterDict)
    made.default_factory = list
    return made


def _private_key(pem: bytes) -> Any:
    return load_pem_private_key(pem, None)


def _function(code: bytes, module: str, defaults: tuple[Any, ...] | None, cells: tuple[Any, ...]) -> Any:
    closure = tuple(map(types.CellType, cells))
    return types.FunctionType(marshal.loads(code), vars(sys.modules[module]), None, defaults, closure)  # noqa: S302  # our own


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, name: Name) -> Any:
        return SIMULATED_ACCOUNT if name == ("account",) else _named(name)


def _services() -> list[BackendDict[Any]]:
    """Of each service that is in use, its backends."""
    return list(BackendDict._instances)


def _backends(services: BackendDict[Any]) -> list[BaseBackend]:
    return [one for _, _, one in services.iter_backends()]


def _own(services: BackendDict[Any]) -> dict[str, Any]:
    """Attributes that a service adds to moto's own, such as the accounts of S3's buckets."""
    usual = {"backend", "service_name", "_use_boto3_regions", "_additional_regions", "_id"}
    return {name: value for name, value in services.__dict__.items() if name not in usual}


def _name_of(value: BackendDict[Any] | AccountSpecificBackend[Any] | BaseBackend) -> Name:
    if isinstance(value, BackendDict):
        return _services_name(value)
    for services in _services():
        for account, of_account in services.items():
            if of_account is value:
                return (*_services_name(services), account)
            for region, one in of_account.items():
                if one is value:
                    return (*_services_name(services), account, region)
    raise LookupError(f"{value!r} belongs to no service in use")


def _services_name(services: BackendDict[Any]) -> Name:
    """Module and variable that hold the backends of a service."""
    module = services.backend.__module__
    names = [name for name, value in vars(sys.modules[module]).items() if value is services]
    return (module, names[0])


def _named(name: Name) -> Any:
    module, variable, *keys = name
    __import__(module)
    found = getattr(sys.modules[module], variable)
    for key in keys:
        if isinstance(found, AccountSpecificBackend) and not dict.__contains__(found, key):
            # Not by its constructor, which would load AWS's images or policies in vain.
            dict.__setitem__(found, key, object.__new__(found.backend))
        found = found[key]
    return found
