"""What a page of the viewer receives, read as the page does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HEAD_BYTES = 16  # sizes of the messages before and after compression


def received(port: int, is_enough: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0) -> dict[str, Any]:
    """Messages of a scene that a new page gets: by the name of their node, the last of each kind of node.

    Args:
        port: of the server, on this machine.
        is_enough: called with all messages so far after each batch.
        timeout_s: raises TimeoutError if nothing more comes for so long.
    """
    import msgspec
    import viser
    import zstandard
    from websockets.sync.client import connect

    found: dict[str, Any] = {}
    version: Any = f"viser-v{viser.__version__}"
    with connect(f"ws://127.0.0.1:{port}", subprotocols=[version], max_size=None) as page:
        while not is_enough(found):
            data = page.recv(timeout_s)
            assert isinstance(data, bytes)
            packed = data[HEAD_BYTES : HEAD_BYTES + int.from_bytes(data[8:HEAD_BYTES], "little")]
            content = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed))
            for message in content["messages"] if isinstance(content, dict) else content:
                if message["type"].endswith("Message") and "props" in message and "name" in message:
                    found[message["name"]] = message
    return found
