"""TLS: the certificate of a first start, what is offered, a new certificate in a live context."""

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from appliance.tls.contexts import Contexts, TlsError, server_context
from appliance.tls.self_signed import ensure_self_signed
from config.settings import Tls

NOW = 1_790_000_000_000_000
YEAR = 366 * 86400 * 1_000_000


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Both ends of a handshake in memory; the client's end, once done."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    done: set[int] = set()
    while len(done) < 2:
        for number, end in enumerate(ends):
            try:
                end.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
    return ends[0]


def trusting(path: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(path))


def test_the_first_start_makes_a_certificate_for_the_host_and_keeps_it(tmp_path):
    certificate, key = ensure_self_signed(tmp_path / "tls", "mx.a.example", NOW)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    made = certificate.read_bytes()
    names = x509.load_pem_x509_certificate(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mx.a.example", "localhost"]
    ensure_self_signed(tmp_path / "tls", "mx.a.example", NOW + YEAR)
    assert certificate.read_bytes() == made


@pytest.mark.parametrize(
    ("hostname", "now"), [("other.example", NOW), ("mx.a.example", NOW + 11 * YEAR), ("192.0.2.1", NOW)]
)
def test_it_is_made_anew_for_another_name_or_after_its_time(tmp_path, hostname, now):
    certificate, _ = ensure_self_signed(tmp_path, "mx.a.example", NOW)
    made = certificate.read_bytes()
    ensure_self_signed(tmp_path, hostname, now)
    assert certificate.read_bytes() != made


def test_a_new_name_gets_a_certificate_that_new_connections_see(tmp_path):
    contexts = Contexts(Tls(), tmp_path, "mx.a.example", NOW)
    contexts.rename("mail.b.example", NOW)
    certificate = tmp_path / "tls/self-signed.pem"
    client = trusting(certificate)
    assert ("DNS", "mail.b.example") in shake_hands(contexts.http, client).getpeercert()["subjectAltName"]


def test_a_damaged_certificate_is_replaced(tmp_path):
    certificate, _ = ensure_self_signed(tmp_path, "mx.a.example", NOW)
    certificate.write_text("rubbish")
    ensure_self_signed(tmp_path, "mx.a.example", NOW)
    assert b"BEGIN CERTIFICATE" in certificate.read_bytes()


def test_a_client_that_trusts_it_connects_and_gets_tls_1_3(tmp_path):
    contexts = Contexts(Tls(), tmp_path, "mx.a.example", NOW)
    client = shake_hands(contexts.smtp, trusting(tmp_path / "tls" / "self-signed.pem"))
    assert client.version() == "TLSv1.3"
    assert client.compression() is None


@pytest.mark.parametrize(("offered", "chosen"), [(["imap"], "imap"), ([], None), (["h2"], None)])
def test_alpn_is_answered_only_when_the_client_offers_imap(tmp_path, offered, chosen):
    contexts = Contexts(Tls(), tmp_path, "mx.a.example", NOW)
    context = trusting(tmp_path / "tls" / "self-signed.pem")
    if offered:
        context.set_alpn_protocols(offered)
    assert shake_hands(contexts.imap, context).selected_alpn_protocol() == chosen


def test_old_versions_and_ciphers_without_forward_secrecy_are_refused(tmp_path):
    contexts = Contexts(Tls(), tmp_path, "mx.a.example", NOW)
    context = trusting(tmp_path / "tls" / "self-signed.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AES:AES128-GCM-SHA256:AES256-SHA")
    assert shake_hands(contexts.smtp, context).cipher()[0].startswith("ECDHE-ECDSA-AES")
    context.set_ciphers("AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256")
    with pytest.raises(ssl.SSLError):
        shake_hands(contexts.smtp, context)


def test_min_version_1_3_refuses_1_2(tmp_path):
    contexts = Contexts(Tls(min_version="1.3"), tmp_path, "mx.a.example", NOW)
    context = trusting(tmp_path / "tls" / "self-signed.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        shake_hands(contexts.smtp, context)
    with pytest.raises(TlsError, match=r"1\.2, 1\.3"):
        server_context("1.1")


def test_reload_serves_the_new_certificate_and_keeps_the_old_one_when_the_new_is_no_good(tmp_path):
    first, second = (ensure_self_signed(tmp_path / name, "mx.a.example", NOW) for name in ("first", "second"))
    contexts = Contexts(Tls(certificate=str(first[0]), key=str(first[1])), tmp_path, "mx.a.example", NOW)
    trusts_second = trusting(second[0])
    first[0].write_bytes(second[0].read_bytes())
    with pytest.raises(TlsError, match=r"tls\.certificate .*tls\.key"):
        contexts.reload()
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(contexts.smtp, trusts_second)
    first[1].write_bytes(second[1].read_bytes())
    contexts.reload()
    for context in (contexts.smtp, contexts.imap):
        assert shake_hands(context, trusts_second).version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Tls(certificate="/nowhere/c.pem"), "set both"),
        (Tls(key="/nowhere/k.pem"), "set both"),
        (Tls(certificate="/nowhere/c.pem", key="/nowhere/k.pem"), "tls.certificate /nowhere/c.pem: No such file"),
    ],
)
def test_a_fault_names_its_setting(tmp_path, settings, words):
    with pytest.raises(TlsError, match=words):
        Contexts(settings, tmp_path, "mx.a.example", NOW)
