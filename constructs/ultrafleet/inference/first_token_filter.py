"""A filter of Envoy that holds an answer's headers until its first token, as a WebAssembly module.

Engines send the headers of a stream at once, before they have a token (Starlette's StreamingResponse, which vLLM and
TensorRT-LLM use, high). Envoy passes them on, and a request whose answer has begun can't be sent to anyone else: a
server that hangs then hangs its client (Envoy 1.40.0, seen). With the headers held, the time of a try ends in another.
Envoy has no filter that does it. The interface is proxy-wasm's 0.2.1.
"""

from collections.abc import Sequence
from typing import Final

_INTEGER: Final = 0x7F
_FUNCTION_TYPE: Final = 0x60
_FUNCTION, _MEMORY = 0, 2
_END: Final = 0x0B
_LOCAL: Final = 0x20
_CONSTANT: Final = 0x41
_IS_ZERO: Final = 0x45

_TYPES: Final = ((0, 0), (1, 1), (3, 1))
"""Numbers of arguments and results, each a 32-bit integer."""
_FUNCTIONS: Final[tuple[tuple[str, int, bytes], ...]] = (
    ("proxy_abi_version_0_2_1", 0, b""),
    # Asked for at the start, and never called: the filter takes no texts.
    ("malloc", 1, bytes((_CONSTANT, 16))),
    # Arguments: context, number of headers, 1 if nothing follows. Answers: 0 goes on, 1 waits.
    ("proxy_on_response_headers", 2, bytes((_LOCAL, 2, _IS_ZERO))),
    ("proxy_on_response_body", 2, bytes((_CONSTANT, 0))),
)
"""Name, index of the type, and instructions of each function."""


def first_token_filter() -> bytes:
    """The module, 160 bytes."""
    exports = [_text("memory") + bytes((_MEMORY, 0))]
    exports += [_text(name) + bytes((_FUNCTION, index)) for index, (name, _, _) in enumerate(_FUNCTIONS)]
    return b"\0asm\1\0\0\0" + b"".join(
        (
            _section(1, [bytes((_FUNCTION_TYPE,)) + _integers(taken) + _integers(given) for taken, given in _TYPES]),
            _section(3, [bytes((kind,)) for _, kind, _ in _FUNCTIONS]),
            _section(5, [bytes((0, 1))]),
            _section(7, exports),
            _section(10, [_body(instructions) for _, _, instructions in _FUNCTIONS]),
        )
    )


def _body(instructions: bytes) -> bytes:
    no_locals = bytes((0,))
    return _sized(no_locals + instructions + bytes((_END,)))


def _section(number: int, items: Sequence[bytes]) -> bytes:
    return bytes((number,)) + _sized(bytes((len(items),)) + b"".join(items))


def _integers(count: int) -> bytes:
    return _sized(bytes([_INTEGER] * count))


def _text(text: str) -> bytes:
    return _sized(text.encode())


def _sized(content: bytes) -> bytes:
    """Content with its size before it, which fits into seven bits here."""
    return len(content).to_bytes(1) + content
