"""Mail programs that submit, each as a person runs it: all of them answer with what that person gets to see."""

from __future__ import annotations

import os
import pty
import select
import smtplib
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.process import PASSWORD, Appliance

LIMIT = 60.0
"""Seconds that a program may take."""


@dataclass(frozen=True)
class Letter:
    """What is sent and how: `sender` is the envelope's, `author` the From header's; `tls` is starttls, tls or none."""

    appliance: Appliance
    directory: Path
    tls: str = "starttls"
    user: str = "ann@one.test"
    password: str = PASSWORD
    sender: str = "ann@one.test"
    author: str = "ann@one.test"
    to: str = "bob@one.test"
    subject: str = "hi"

    @property
    def port(self) -> int:
        return self.appliance.submissions if self.tls == "tls" else self.appliance.submission

    @property
    def certificate(self) -> Path:
        """What every program checks the server by; it is for "localhost", too."""
        return self.appliance.data / "tls" / "self-signed.pem"

    @property
    def text(self) -> str:
        """Neither Date nor Message-ID, and a Bcc that nobody may see."""
        return f"From: A <{self.author}>\nTo: {self.to}\nBcc: carl@one.test\nSubject: {self.subject}\n\nhello\n"

    def file(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)


def swaks(letter: Letter) -> str:
    """The transcript that swaks prints."""
    ways = {
        "starttls": ["--tls", "--tls-verify", "--tls-ca-path", str(letter.certificate)],
        "tls": ["--tls-on-connect", "--tls-verify", "--tls-ca-path", str(letter.certificate)],
        "none": ["--auth-optional"],
    }
    login = ["--auth", "PLAIN,LOGIN", "--auth-user", letter.user, "--auth-password", letter.password]
    return _run(
        ["swaks", "--server", "localhost", "--port", str(letter.port), "--helo", "laptop.test", *ways[letter.tls],
         *login, "--from", letter.sender, "--to", letter.to, "--data", "@" + letter.file("swaks.eml", letter.text)]
    )  # fmt: skip


def msmtp_command(letter: Letter) -> list[str]:
    """msmtp with a configuration file, as it is installed for other programs to use; the message comes by stdin."""
    ways = {"starttls": "tls on\n", "tls": "tls on\ntls_starttls off\n", "none": "tls off\nauth off\n"}
    rc = letter.file(
        "msmtprc",
        f"account default\nhost localhost\nport {letter.port}\ndomain laptop.test\n"
        f"auth on\nuser {letter.user}\npassword {letter.password}\n"
        f"from {letter.sender}\nremove_bcc_headers off\ntls_trust_file {letter.certificate}\n" + ways[letter.tls],
    )
    return ["msmtp", "-C", rc]


def msmtp(letter: Letter) -> str:
    """What msmtp says: nothing when all is well."""
    return _run([*msmtp_command(letter), letter.to], letter.text)


def mutt(letter: Letter) -> str:
    """The screens of mutt, in which a message is composed and sent by msmtp, and given up when that fails."""
    command = " ".join(msmtp_command(letter))
    rc = letter.file(
        "muttrc",
        f'set sendmail="{command}" use_envelope_from=no from="A <{letter.author}>" folder="{letter.directory}"\n'
        "set editor=true abort_unmodified=no edit_headers=yes autoedit=yes write_bcc=yes postpone=no copy=no\n"
        'set record="" spoolfile=/dev/null sleep_time=0 wait_key=no quit=yes\n',
    )
    body = letter.file("mutt.txt", "hello\n")
    steps = [(b"Mutt: Compose", b"y"), (b"Output of the delivery process", b"q"), (b"Mutt: Compose", b"q")]
    words = ["mutt", "-n", "-F", rc, "-s", letter.subject, "-i", body, "-b", "carl@one.test", letter.to]
    return _on_a_terminal(words, letter.directory, steps)


def curl_command(letter: Letter, source: str) -> list[str]:
    """curl, saying what it hears."""
    ways = {"starttls": ["--ssl-reqd"], "tls": [], "none": []}
    scheme = "smtps" if letter.tls == "tls" else "smtp"
    return [
        "curl", "-sSv", *ways[letter.tls], "--cacert", str(letter.certificate),
        "--url", f"{scheme}://localhost:{letter.port}/laptop.test", "--user", f"{letter.user}:{letter.password}",
        "--mail-from", letter.sender, "--mail-rcpt", letter.to, "--crlf", "-T", source,
    ]  # fmt: skip


def curl(letter: Letter) -> str:
    """What curl hears, and its own word at the end."""
    return _run(curl_command(letter, letter.file("curl.eml", letter.text)))


def connected(letter: Letter) -> smtplib.SMTP:
    """Python's smtplib, not signed in."""
    if letter.tls == "tls":
        return smtplib.SMTP_SSL("localhost", letter.port, "laptop.test", timeout=LIMIT, context=trusting(letter))
    client = smtplib.SMTP("localhost", letter.port, "laptop.test", timeout=LIMIT)
    if letter.tls == "starttls":
        client.starttls(context=trusting(letter))
    return client


def trusting(letter: Letter) -> ssl.SSLContext:
    """TLS that is checked against the server's own certificate, host name and all."""
    return ssl.create_default_context(cafile=str(letter.certificate))


def python(letter: Letter) -> str:
    """The error that a script using smtplib ends with."""
    try:
        with connected(letter) as client:
            if letter.tls != "none":
                client.login(letter.user, letter.password)
            client.sendmail(letter.sender, letter.to, letter.text)
    except smtplib.SMTPException as error:
        return f"{type(error).__name__}: {error}"
    return ""


PROGRAMS: dict[str, Callable[[Letter], str]] = {
    "swaks": swaks,
    "msmtp": msmtp,
    "mutt": mutt,
    "curl": curl,
    "python": python,
}


def _run(words: list[str], stdin: str = "") -> str:
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=LIMIT, check=False)
    return done.stdout + done.stderr


def _on_a_terminal(words: list[str], home: Path, steps: list[tuple[bytes, bytes]]) -> str:
    """The screen of a program on a pseudo terminal; a step is a text to wait for, and the key that answers it."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", HOME=str(home), LINES="40", COLUMNS="120")
        os.execvp(words[0], words)
    screen, seen, until = b"", 0, time.monotonic() + LIMIT
    while select.select([terminal], [], [], max(0.0, until - time.monotonic()))[0]:
        try:
            screen += os.read(terminal, 65536)
        except OSError:  # its end
            break
        if steps and (at := screen.find(steps[0][0], seen)) >= 0:
            seen = at + len(steps[0][0])
            os.write(terminal, steps.pop(0)[1])
    else:
        os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(terminal)
    return screen.decode("utf-8", "replace")
