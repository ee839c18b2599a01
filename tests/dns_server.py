"""A DNS server on loopback for tests and scripts: answers from a literal zone, and misbehaves where the zone says so.

    with DnsServer('''
        example.test       300 MX    10 mx.example.test.
        mx.example.test     60 A     192.0.2.1
        long.test              TXT   "v=spf1 " "-all"
        alias.test             CNAME mx.example.test.
        *.list.test            A     127.0.0.2
        slow.test              !TIMEOUT
        slow.test              !SERVFAIL MX
    ''') as server:
        ... server.nameserver ... server.count("example.test", "MX")

A line is `name [ttl] TYPE data` as in a master file (names are absolute, with or without the root's dot; the TTL is
300 where none is given), or `name !BEHAVIOUR [TYPE]`. A name that has neither records nor names below it does not
exist. Negative answers carry the SOA of the nearest zone that has one, else one of the last label.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from appliance.dns.nameservers import Nameserver

BEHAVIOURS = {
    "TIMEOUT": "never answers",
    "SERVFAIL": "replies SERVFAIL",
    "REFUSED": "replies REFUSED",
    "NOTIMP": "replies NOTIMP",
    "TRUNCATE": "cut short over UDP, whole over TCP",
    "TRUNCATE-ALWAYS": "cut short over TCP, too",
    "WRONG-ID": "two forged replies with other ids before the right one",
    "WRONG-QUESTION": "a reply about another name before the right one",
    "GARBAGE": "octets that are no message before the right reply",
    "GARBAGE-ONLY": "octets that are no message over UDP, and no more",
    "REFERRAL": "points to other name servers, as one that does not recurse",
    "NO-SOA": "negative answers without SOA",
    "CUT-CHAIN": "only the CNAME of a chain, nothing behind it",
    "RECORDS-UNDER-NXDOMAIN": "records and NXDOMAIN in one",
    "HOLD": "answers only after `release`",
    "HANG-UP": "cut short over UDP; over TCP closed in the middle of the reply",
}
DEFAULT_TTL = 300
NEGATIVE_TTL = 60
MAX_CHAIN = 12
UDP_LIMIT = 512


class Question(NamedTuple):
    """What somebody asked, in lower case without the root's dot."""

    name: str
    rdtype: str
    transport: str
    """"udp" or "tcp"."""
    payload: int
    """EDNS: octets of UDP the asker takes; 0 without EDNS."""


class Zone:
    """Records by name and type, and behaviours by name. May be changed while a server answers from it."""

    def __init__(self, text: str = "") -> None:
        self.records: dict[dns.name.Name, dict[str, dns.rrset.RRset]] = {}
        self.behaviours: dict[tuple[dns.name.Name, str], str] = {}
        for line in text.splitlines():
            if line.strip() and not line.strip().startswith("#"):
                self._read(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1])

    def add(self, name: str, rdtype: str, data: str, ttl: int = DEFAULT_TTL) -> None:
        """One record, `data` as in a master file."""
        owner = dns.name.from_text(name)
        rdata = dns.rdata.from_text(
            dns.rdataclass.IN, dns.rdatatype.from_text(rdtype), data, dns.name.root, relativize=False
        )
        sets = self.records.setdefault(owner, {})
        if rdtype not in sets:
            sets[rdtype] = dns.rrset.RRset(owner, dns.rdataclass.IN, rdata.rdtype)
            sets[rdtype].update_ttl(ttl)
        sets[rdtype].add(rdata, ttl)

    def remove(self, name: str, rdtype: str) -> None:
        """All records of a type."""
        owner = dns.name.from_text(name)
        del self.records[owner][rdtype]
        if not self.records[owner]:
            del self.records[owner]

    def behave(self, name: str, behaviour: str, rdtype: str = "") -> None:
        """How questions for `name` are treated; "" ends it."""
        assert behaviour in BEHAVIOURS or not behaviour, behaviour
        self.behaviours[dns.name.from_text(name), rdtype] = behaviour

    def behaviour(self, name: dns.name.Name, rdtype: str) -> str:
        return self.behaviours.get((name, rdtype)) or self.behaviours.get((name, "")) or ""

    def sets(self, name: dns.name.Name) -> dict[str, dns.rrset.RRset] | None:
        """Records of a name by type, those of a wildcard under this name (RFC 4592 §3.3); None where there is none."""
        if name in self.records:
            return self.records[name]
        if any(owner.is_subdomain(name) for owner in self.records):
            return {}  # an empty non-terminal: it exists, without records (RFC 8020 §2)
        for depth in range(1, len(name.labels) - 1):
            wildcard = dns.name.Name((b"*", *name.labels[depth:]))
            if wildcard in self.records:
                return {rdtype: _renamed(rrset, name) for rdtype, rrset in self.records[wildcard].items()}
        return None

    def soa(self, name: dns.name.Name) -> dns.rrset.RRset:
        """The SOA for a negative answer about `name`."""
        zone = name
        while len(zone.labels) > 1:
            if found := self.records.get(zone, {}).get("SOA"):
                return found
            zone = zone.parent()
        apex = dns.name.Name(name.labels[-2:]) if len(name.labels) > 1 else dns.name.root
        return dns.rrset.from_text(
            apex, NEGATIVE_TTL, "IN", "SOA", f"ns.test. root.test. 1 3600 600 86400 {NEGATIVE_TTL}"
        )

    def _read(self, name: str, rest: str) -> None:
        words = rest.split(maxsplit=1)
        if words[0].startswith("!"):
            self.behave(name, words[0][1:], words[1].strip() if len(words) > 1 else "")
            return
        ttl = DEFAULT_TTL
        if words[0].isdigit():
            ttl, words = int(words[0]), words[1].split(maxsplit=1)
        self.add(name, words[0], words[1], ttl)


class DnsServer:
    """Listens on one port over UDP and TCP, in a thread of its own, from `with` to its end."""

    def __init__(self, zone: str | Zone = "", *, address: str = "127.0.0.1", mixed_case: bool = False) -> None:
        self.zone = zone if isinstance(zone, Zone) else Zone(zone)
        self.address = address
        self.mixed_case = mixed_case
        """Names come back with their letters' case turned."""
        self.authenticated = False
        """Replies carry AD, as those of a validating resolver."""
        self.questions: list[Question] = []
        self._asked = threading.Condition()
        self._held: list[Callable[[], None]] = []
        self._released = False
        self._connections: set[socket.socket] = set()

    def __enter__(self) -> DnsServer:
        self._udp, self._tcp = _sockets(self.address)
        self.port: int = self._udp.getsockname()[1]
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="dns-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waker.send(b"x")
        self._thread.join()
        for one in (self._udp, self._tcp, self._wake, self._waker, *self._connections):
            one.close()

    @property
    def nameserver(self) -> Nameserver:
        """This server, as the resolver names it."""
        return Nameserver(self.address, self.port)

    @property
    def setting(self) -> str:
        """This server, as [dns] nameservers names it."""
        return self.nameserver.text

    def count(self, name: str = "", rdtype: str = "") -> int:
        """How often `name` (any) was asked for `rdtype` (any)."""
        with self._asked:
            return sum(name in ("", one.name) and rdtype in ("", one.rdtype) for one in self.questions)

    def wait_for(self, number: int, name: str = "", seconds: float = 5) -> None:
        """Blocks until `name` (any) was asked for `number` times. Raises TimeoutError."""
        with self._asked:
            if not self._asked.wait_for(lambda: sum(name in ("", q.name) for q in self.questions) >= number, seconds):
                raise TimeoutError(f"{number} questions for {name or 'anything'}: there were {self.questions}")

    def release(self) -> None:
        """Answer what is on HOLD, and hold no more."""
        with self._asked:
            self._released, held = True, self._held
            self._held = []
        for answer in held:
            answer()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._udp, self._tcp, self._wake, *self._connections], [], [])
            if self._wake in ready:
                return
            for one in ready:
                self._hear(one)

    def _hear(self, one: socket.socket) -> None:
        if one is self._tcp:
            self._connections.add(one.accept()[0])
        elif one is self._udp:
            data, peer = one.recvfrom(65535)
            self._answer(data, "udp", lambda reply: self._udp.sendto(reply, peer))
        else:
            self._hear_stream(one)

    def _hear_stream(self, one: socket.socket) -> None:
        try:
            head = one.recv(2, socket.MSG_WAITALL)
            data = one.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL) if len(head) == 2 else b""
        except OSError:
            data = b""
        if data:
            self._answer(data, "tcp", lambda reply: one.sendall(struct.pack("!H", len(reply)) + reply), one)
        else:
            self._connections.discard(one)
            one.close()

    def _answer(
        self, data: bytes, transport: str, send: Callable[[bytes], object], stream: socket.socket | None = None
    ) -> None:
        query = dns.message.from_wire(data)
        asked = query.question[0]
        rdtype = dns.rdatatype.to_text(asked.rdtype)
        behaviour = self.zone.behaviour(asked.name, rdtype)

        def reply() -> None:
            for octets in self._replies(query, behaviour, transport):
                send(octets)

        held = False
        with self._asked:
            self.questions.append(
                Question(_text(asked.name), rdtype, transport, query.payload if query.edns >= 0 else 0)
            )
            if behaviour == "HOLD" and not self._released:
                self._held.append(reply)
                held = True
            self._asked.notify_all()
        if behaviour == "HANG-UP" and stream is not None:
            stream.sendall(b"\x00\xffpart of it")
            self._connections.discard(stream)
            stream.close()
        elif not held:
            reply()

    def _replies(self, query: dns.message.Message, behaviour: str, transport: str) -> list[bytes]:
        """The messages sent for a question, in this order."""
        right = self._reply(query, behaviour)
        if behaviour == "TIMEOUT":
            return []
        if behaviour == "GARBAGE-ONLY" and transport == "udp":
            return [b"\xff" * 7]
        before: list[bytes] = []
        if behaviour == "WRONG-ID":
            before = [struct.pack("!H", (query.id + step) & 0xFFFF) + self._forged(query)[2:] for step in (1, 0x8000)]
        elif behaviour == "WRONG-QUESTION":
            before = [self._forged(query)]
        elif behaviour == "GARBAGE":
            before = [b"", b"\xff" * 7, struct.pack("!H", query.id) + b"\xff" * 30]
        return [*before, self._wire(right, query, behaviour, transport)]

    def _wire(self, reply: dns.message.Message, query: dns.message.Message, behaviour: str, transport: str) -> bytes:
        whole = reply.to_wire(max_size=65535)
        limit = max(UDP_LIMIT, query.payload) if query.edns >= 0 else UDP_LIMIT
        cut = {"TRUNCATE-ALWAYS": True, "TRUNCATE": transport == "udp", "HANG-UP": transport == "udp"}
        if cut.get(behaviour, transport == "udp" and len(whole) > limit):
            short = dns.message.make_response(query, recursion_available=True)
            short.flags |= dns.flags.TC
            return short.to_wire()
        return whole

    def _forged(self, query: dns.message.Message) -> bytes:
        """An answer that nobody asked for: another name (or, for its caller, another id), and a lie in it."""
        name = query.question[0].name
        other = dns.message.make_query(dns.name.Name((b"forged", *name.labels)), query.question[0].rdtype)
        other.id = query.id
        lie = dns.message.make_response(other, recursion_available=True)
        lie.answer.append(dns.rrset.from_text(name, 3600, "IN", "A", "203.0.113.66"))
        return lie.to_wire()

    def _reply(self, query: dns.message.Message, behaviour: str) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        if self.authenticated:
            reply.flags |= dns.flags.AD
        if behaviour in ("SERVFAIL", "REFUSED", "NOTIMP"):
            reply.set_rcode(dns.rcode.from_text(behaviour))
        elif behaviour == "REFERRAL":
            owner = query.question[0].name
            reply.authority.append(dns.rrset.from_text(owner, 60, "IN", "NS", "ns1.elsewhere.test."))
            reply.flags &= ~dns.flags.RA
        else:
            self._fill(reply, query.question[0], behaviour)
        if self.mixed_case:
            for rrset in (*reply.question, *reply.answer, *reply.authority):
                rrset.name = _other_case(rrset.name)
        return reply

    def _fill(self, reply: dns.message.Message, asked: dns.rrset.RRset, behaviour: str) -> None:
        """Answer and authority sections: the chain of CNAME, then the records or their absence (RFC 1034 §4.3.2)."""
        name, rdtype = asked.name, dns.rdatatype.to_text(asked.rdtype)
        sets: dict[str, dns.rrset.RRset] | None = {}
        for _ in range(MAX_CHAIN):
            sets = self.zone.sets(name)
            if not sets or rdtype in sets or "CNAME" not in sets:
                break
            reply.answer.append(sets["CNAME"])
            if behaviour == "CUT-CHAIN":
                return
            name = sets["CNAME"][0].target
        else:
            return  # a loop: given up
        if sets and rdtype in sets:
            reply.answer.append(sets[rdtype])
            if behaviour == "RECORDS-UNDER-NXDOMAIN":
                reply.set_rcode(dns.rcode.NXDOMAIN)
            return
        if sets is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if behaviour != "NO-SOA":
            reply.authority.append(self.zone.soa(name))


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _other_case(name: dns.name.Name) -> dns.name.Name:
    return dns.name.Name(tuple(label.swapcase() for label in name.labels))


def _renamed(rrset: dns.rrset.RRset, name: dns.name.Name) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, rrset.ttl, list(rrset))


def _sockets(address: str) -> tuple[socket.socket, socket.socket]:
    """UDP and TCP on one free port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.bind((address, 0))
        tcp = socket.socket(family, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind((address, udp.getsockname()[1]))
        except OSError:  # somebody else's; another port, then
            udp.close()
            tcp.close()
            continue
        tcp.listen()
        return udp, tcp
