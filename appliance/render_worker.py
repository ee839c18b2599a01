"""The process that renders big messages: a request a line on standard input, an answer each on standard output.

A request is a message file's path in JSON with the bounds of its structure. An answer is four octets of length and
the rendition in MessagePack; length 0 says that the file could not be read. The worker ends with its input, so it
never outlives the daemon.
"""

import json
import mmap
import struct
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from appliance.mail.structure import Rendition, render


def render_file(path: Path, max_depth: int, max_parts: int) -> Rendition:
    """The rendition of a message file, which is mapped, not read. Raises OSError."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return render(b"", max_depth=max_depth, max_parts=max_parts)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return render(data, max_depth=max_depth, max_parts=max_parts)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until there are no more."""
    encoder = msgspec.msgpack.Encoder()
    for line in requests:
        request = json.loads(line)
        try:
            rendition = render_file(Path(request["path"]), request["depth"], request["parts"])
        except OSError:
            packed = b""
        else:
            packed = encoder.encode(rendition)
        answers.write(struct.pack("!I", len(packed)) + packed)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
