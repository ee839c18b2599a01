"""A stubborn SMTP sender over several connections: repeats whatever got no 250, as a queue would."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass
class Sender:
    """Sends `messages` (Message-ID -> wire bytes with dots stuffed) to one server until each has its 250."""

    port: int
    messages: dict[str, bytes]
    recipient: Callable[[str], str]
    accepted: dict[str, str] = field(default_factory=dict)
    """Message-ID -> text of the 250 that was read."""
    replies: list[str] = field(default_factory=list)
    """Every reply that was no 2xx or 3xx."""
    attempts: dict[str, int] = field(default_factory=dict)
    stop_after: int | None = None
    """Once so many are accepted in all, `reached` is set."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> list[str]:
        return [key for key in self.messages if key not in self.accepted]

    async def run(self, connections: int) -> None:
        """One pass over all that is open; broken connections end their worker, never the pass."""
        waiting = iter(self.open())
        await asyncio.gather(*(self._worker(waiting) for _ in range(connections)))

    async def _worker(self, waiting: Iterable[str]) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return
        try:
            await read_reply(reader)
            writer.write(b"EHLO sender.test\r\n")
            await read_reply(reader)
            for key in waiting:
                await self._send(key, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _send(self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts[key] = self.attempts.get(key, 0) + 1
        lead = f"MAIL FROM:<{sender_of(key)}>\r\nRCPT TO:<{self.recipient(key)}>\r\nDATA\r\n"
        writer.write(lead.encode())
        answers = [await read_reply(reader) for _ in range(3)]
        if not answers[-1].startswith("354"):
            self.replies += [a for a in answers if a[0] not in "23"]
            writer.write(b"RSET\r\n")
            await read_reply(reader)
            return
        writer.write(self.messages[key])
        await writer.drain()
        answer = await read_reply(reader)
        if answer.startswith("250"):
            self.accepted[key] = answer
            if self.stop_after is not None and len(self.accepted) >= self.stop_after:
                self.reached.set()
        else:
            self.replies.append(answer)


def sender_of(key: str) -> str:
    return f"s{zlib.crc32(key.encode()) % 1000}@sender.test"


async def read_reply(reader: asyncio.StreamReader) -> str:
    """One whole reply, its lines joined by newlines."""
    lines: list[str] = []
    while True:
        line = (await reader.readuntil(b"\r\n")).decode("ascii").rstrip("\r\n")
        lines.append(line)
        if line[3:4] != "-":
            return "\n".join(lines)


def make_message(key: str, body_size: int = 2000) -> bytes:
    """A small message in wire form: CRLF lines, dots stuffed, the final dot included."""
    line = f"The message {key} says so again and again. "
    body = "\r\n".join([line[:70]] * max(1, body_size // 72))
    text = (
        f"From: Sender <{sender_of(key)}>\r\nTo: somebody@dest.test\r\nSubject: number {key}\r\n"
        f"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{key}>\r\n\r\n{body}\r\n.\r\n"
    )
    return text.encode("ascii")
