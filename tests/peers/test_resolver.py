"""The resolver against BIND, as the authority, and Unbound, as a validating resolver on this machine; dig agrees."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import dns.dnssec
import dns.name
import dns.zone
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.dns.answers import Failed, Found, MailHost, NotFound, NullMx
from appliance.dns.nameservers import Nameserver
from appliance.dns.resolver import Resolver

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

PEER = """\
$TTL 300
@            SOA   ns root 1 3600 600 86400 900
@            NS    ns
ns           A     127.0.0.1
@        120 MX    20 mx2
@        120 MX    10 MX1
@            TXT   "v=spf1 ip4:192.0.2.0/24 " "-all"
mx1       60 A     192.0.2.1
mx1          AAAA  2001:db8::1
mx2          A     192.0.2.2
nomail       MX    0 .
alias     30 CNAME alias2
alias2       CNAME mx1
dangling     CNAME nowhere
loop         CNAME loop2
loop2        CNAME loop
*.list       A     127.0.0.2
*.list       TXT   "listed"
deep.below   A     192.0.2.3
brief      0 A     192.0.2.4
_25._tcp.mx1 TLSA  3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
elsewhere    NS    ns.elsewhere
ns.elsewhere A     192.0.2.53
"""
PEER += "".join(f"many A 198.51.100.{number}\n" for number in range(1, 100))
PEER += "".join(f'long TXT "{letter * 250}" "{letter * 250}"\n' for letter in "abcdefg")
REVERSE = """\
$TTL 300
@ SOA ns.peer.test. root.peer.test. 1 3600 600 86400 900
@ NS  ns.peer.test.
1 PTR mx1.peer.test.
2 PTR Other.Peer.test.
"""
SIGNED = """\
$TTL 300
@   SOA ns root 1 3600 600 86400 900
@   NS  ns
ns  A   127.0.0.1
@   MX  10 mx
mx  A   192.0.2.7
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def program(name: str, directory: Path) -> str:
    """A copy of a server's program: AppArmor's profiles go by the path, and let the original read no files of ours."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found is not None, f"{name} is not installed (.ci/apt-packages)"
    return shutil.copy2(found, str(directory / name))


@contextmanager
def running(ready: str, *command: str) -> Iterator[None]:
    """A server in the foreground, from the log line that says it is ready to the end of the block."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            log = []
            for line in process.stderr:
                log.append(line)
                if ready in line:
                    break
            else:
                pytest.fail(f"{command[0]} did not start:\n{''.join(log)}", pytrace=False)
            yield
        finally:
            process.terminate()
            process.stderr.read()


def signed_zone(text: str, spoil: bool) -> tuple[str, str]:
    """A zone's text, signed, and the DS record that vouches for it; spoilt, one address is not what was signed."""
    origin = "spoilt.test." if spoil else "signed.test."
    zone = dns.zone.from_text(text, origin, relativize=False)
    private = ec.generate_private_key(ec.SECP256R1())
    public = dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", flags=257)
    with zone.writer() as change:
        dns.dnssec.sign_zone(zone, change, keys=[(private, public)], lifetime=86_400, dnskey_ttl=300)
    written = zone.to_text(relativize=False)
    ds = dns.dnssec.make_ds(dns.name.from_text(origin), public, "SHA256")
    return written.replace("192.0.2.7", "192.0.2.66") if spoil else written, f"{origin} DS {ds.to_text()}"


@pytest.fixture(scope="module")
def anchors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The directory of BIND's zones, and the trust anchors of the signed ones."""
    directory = tmp_path_factory.mktemp("named")
    (directory / "peer.test").write_text(PEER)
    (directory / "2.0.192.in-addr.arpa").write_text(REVERSE)
    trusted = []
    for name, spoil in (("signed.test", False), ("spoilt.test", True)):
        written, ds = signed_zone(SIGNED, spoil)
        (directory / name).write_text(written)
        trusted.append(ds)
    return directory, trusted


ZONES = ("peer.test", "2.0.192.in-addr.arpa", "signed.test", "spoilt.test")


@pytest.fixture(scope="module")
def bind(anchors: tuple[Path, list[str]]) -> Iterator[Nameserver]:
    """BIND with authority for four zones, looking nothing up for anybody."""
    directory, port = anchors[0], free_port()
    zones = "".join(f'zone "{name}" {{ type primary; file "{name}"; }};\n' for name in ZONES)
    (directory / "named.conf").write_text(f"""
        options {{
            directory "{directory}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
            recursion no; notify no; dnssec-validation no; pid-file none; session-keyfile none;
        }};
        controls {{ }};
        {zones}""")
    with running("all zones loaded", program("named", directory), "-g", "-n", "1", "-c", str(directory / "named.conf")):
        yield Nameserver("127.0.0.1", port)


@pytest.fixture(scope="module")
def unbound(
    bind: Nameserver, anchors: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nameserver]:
    """Unbound, which asks BIND for those zones and validates the signed ones."""
    directory, port = tmp_path_factory.mktemp("unbound"), free_port()
    trusted = "".join(f'trust-anchor: "{ds}"\n' for ds in anchors[1])
    stubs = "".join(f'stub-zone:\n  name: "{name}"\n  stub-addr: 127.0.0.1@{bind.port}\n' for name in ZONES)
    (directory / "unbound.conf").write_text(f"""
server:
  interface: 127.0.0.1
  port: {port}
  directory: "{directory}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  local-zone: "test." transparent
  local-zone: "2.0.192.in-addr.arpa." transparent
  {trusted.replace(chr(10), chr(10) + "  ")}
{stubs}
remote-control:
  control-enable: no
""")
    with running("start of service", program("unbound", directory), "-d", "-v", "-c", str(directory / "unbound.conf")):
        yield Nameserver("127.0.0.1", port)


@pytest.fixture(params=["bind", "unbound"])
async def asking(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Resolver, Nameserver]]:
    server: Nameserver = request.getfixturevalue(request.param)
    resolver = Resolver(lambda: [server])
    yield resolver, server
    await resolver.close()


def dig(server: Nameserver, name: str, rdtype: str) -> tuple[str, set[str], int]:
    """The status, records and lowest TTL of the chain, as dig sees them."""
    command = ["dig", f"@{server.address}", "-p", str(server.port), "+nosearch", "+noidnout", "-t", rdtype, "-q", name]
    text = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    status = text.partition("status: ")[2].partition(",")[0]
    section = text.partition(";; ANSWER SECTION:\n")[2].partition("\n\n")[0]
    lines = [line.split(maxsplit=4) for line in section.splitlines()]
    return status, {line[4] for line in lines if line[3] == rdtype}, min((int(line[1]) for line in lines), default=0)


@pytest.mark.parametrize(
    ("name", "rdtype"),
    [
        ("peer.test", "MX"), ("peer.test", "SOA"), ("peer.test", "NS"), ("peer.test", "TXT"), ("peer.test", "A"),
        ("mx1.peer.test", "A"), ("mx1.peer.test", "AAAA"), ("MX1.Peer.Test", "A"), ("_25._tcp.mx1.peer.test", "TLSA"),
        ("nomail.peer.test", "MX"), ("alias.peer.test", "A"), ("alias.peer.test", "CNAME"), ("alias.peer.test", "MX"),
        ("dangling.peer.test", "A"), ("below.peer.test", "A"), ("absent.peer.test", "A"), ("x.below.peer.test", "A"),
        ("2.0.0.127.list.peer.test", "A"), ("a.b.list.peer.test", "TXT"), ("list.peer.test", "A"),
        ("many.peer.test", "A"), ("long.peer.test", "TXT"), ("brief.peer.test", "A"), ("peer.test", "TYPE65280"),
        ("1.2.0.192.in-addr.arpa", "PTR"), ("9.2.0.192.in-addr.arpa", "PTR"),
    ],
)  # fmt: skip
async def test_dig_sees_the_same(asking: tuple[Resolver, Nameserver], name: str, rdtype: str) -> None:
    resolver, server = asking
    answer = await resolver.lookup(name, rdtype)
    status, records, ttl = dig(server, name, rdtype)
    assert status in ("NOERROR", "NXDOMAIN")
    if records:
        assert isinstance(answer, Found)
        assert {record.lower() for record in answer.records} == {without_spaces(r, rdtype).lower() for r in records}
        assert 0 <= answer.ttl - ttl <= 5  # in Unbound's cache it runs down between the two
    else:
        assert isinstance(answer, NotFound)
        assert answer.kind == {"NOERROR": "nodata", "NXDOMAIN": "nxdomain"}[status]
        assert 0 < answer.ttl <= 900


def without_spaces(record: str, rdtype: str) -> str:
    """dig breaks long hexadecimal into groups."""
    if rdtype != "TLSA":
        return record
    usage, selector, matching, *groups = record.split()
    return " ".join((usage, selector, matching, "".join(groups)))


async def test_the_typed_questions(asking: tuple[Resolver, Nameserver]) -> None:
    resolver, _ = asking
    v4, v6 = ip_address("192.0.2.1"), ip_address("2001:db8::1")
    addresses = await resolver.addresses("mx1.peer.test")
    assert isinstance(addresses, Found)
    assert addresses.records == (v4, v6)
    assert 30 < addresses.ttl <= 60  # the lower one of the two, run down in Unbound's cache
    mx = await resolver.mx("peer.test")
    assert isinstance(mx, Found)
    assert mx.records == (MailHost(10, "mx1.peer.test"), MailHost(20, "mx2.peer.test"))
    assert isinstance(await resolver.mx("nomail.peer.test"), NullMx)
    text = await resolver.txt("peer.test")
    assert isinstance(text, Found)
    assert text.records == (b"v=spf1 ip4:192.0.2.0/24 -all",)
    reverse = await resolver.ptr(IPv4Address("192.0.2.2"))
    assert isinstance(reverse, Found)
    assert reverse.records == ("other.peer.test",)
    alias = await resolver.a("alias.peer.test")
    assert isinstance(alias, Found)
    assert alias.records == (v4,)
    assert 0 < alias.ttl <= 30


async def test_a_loop_is_trouble_and_not_absence(asking: tuple[Resolver, Nameserver]) -> None:
    answer = await asking[0].a("loop.peer.test")
    assert isinstance(answer, Failed)
    assert answer.kind in ("chain", "servfail")
    assert answer.temporary


@pytest.mark.parametrize("name", ["elsewhere.peer.test", "example.org"])
async def test_an_authority_that_points_elsewhere_has_not_answered(bind: Nameserver, name: str) -> None:
    answer = await Resolver(lambda: [bind]).a(name)
    assert isinstance(answer, Failed)
    assert answer.kind == "refused"


async def test_a_validating_resolver_on_this_machine_is_believed(bind: Nameserver, unbound: Nameserver) -> None:
    validated = await Resolver(lambda: [unbound]).a("mx.signed.test")
    plain = await Resolver(lambda: [bind]).a("mx.signed.test")
    insecure = await Resolver(lambda: [unbound]).a("mx1.peer.test")
    for answer, expected in ((validated, True), (plain, False), (insecure, False)):
        assert isinstance(answer, Found)
        assert answer.authenticated is expected


async def test_what_was_tampered_with_is_trouble_and_not_absence(bind: Nameserver, unbound: Nameserver) -> None:
    assert isinstance(await Resolver(lambda: [bind]).a("mx.spoilt.test"), Found)
    answer = await Resolver(lambda: [unbound]).a("mx.spoilt.test")
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.temporary) == ("servfail", True)
