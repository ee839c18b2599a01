"""A small SMTP client, for the letters of the demonstration: they come by the real way, a reply for each command."""

import asyncio
import base64
import re
import ssl

from appliance.demo.letters import Letter
from appliance.demo.town import Stranger


class SendError(Exception):
    """The server did not say what it had to; its reply."""


class Sender:
    """One connection, for one letter after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def of_stranger(cls, stranger: Stranger, port: int) -> "Sender":
        """A mail server that has said EHLO."""
        made = cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(stranger.address, 0)))
        await made._expect(220)
        await made._say(f"EHLO {stranger.helo}", 250)
        return made

    @classmethod
    async def of_owner(cls, address: str, password: str, port: int) -> "Sender":
        """A mail program that has signed in, over TLS."""
        # Our own certificate, on our own machine.
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        made = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=trusting))
        await made._expect(220)
        await made._say("EHLO laptop.demo.example", 250)
        plain = base64.b64encode(f"\0{address}\0{password}".encode()).decode()
        await made._say(f"AUTH PLAIN {plain}", 235)
        return made

    async def send(self, letter: Letter) -> bool:
        """One letter; whether anybody gets it."""
        await self._say(f"MAIL FROM:<{letter.mail_from}>", 250)
        taken = [await self._ask(f"RCPT TO:<{one}>") == 250 for one in letter.recipients]
        if not any(taken):
            await self._say("RSET", 250)
            return False
        await self._say("DATA", 354)
        body = re.sub(rb"\r?\n", b"\r\n", letter.data)
        # RFC 5321 §4.5.2
        self._writer.write(re.sub(rb"(?m)^\.", b"..", body).removesuffix(b"\r\n") + b"\r\n.\r\n")
        await self._expect(250)
        return True

    async def quit(self) -> None:
        """Goodbye."""
        await self._say("QUIT", 221)
        self.close()

    def close(self) -> None:
        """Without a word."""
        self._writer.close()

    async def _say(self, line: str, code: int) -> None:
        self._writer.write(f"{line}\r\n".encode())
        await self._expect(code)

    async def _ask(self, line: str) -> int:
        self._writer.write(f"{line}\r\n".encode())
        return int((await self._reply())[:3])

    async def _expect(self, code: int) -> None:
        found = await self._reply()
        if found[:3] != b"%d" % code:
            raise SendError(found.decode("ascii", "replace").strip())

    async def _reply(self) -> bytes:
        while True:
            line = await self._reader.readline()
            if line[3:4] != b"-":
                if not line:
                    raise SendError("the server closed the connection")
                return line
