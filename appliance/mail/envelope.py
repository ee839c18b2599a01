"""The envelope of RFC 5321 §2.3.1, and the facts of the session that carried it.

IMAP's ENVELOPE is another thing (`mail.structure`).
"""

import msgspec

from appliance.mail.address import Address


class Peer(msgspec.Struct, frozen=True):
    """The other end of a connection. IPv4-mapped IPv6 addresses are written as IPv4."""

    address: str
    port: int = 0


class TlsInfo(msgspec.Struct, frozen=True):
    """What was negotiated, in OpenSSL's words: `TLSv1.3`, `TLS_AES_256_GCM_SHA384`."""

    version: str
    cipher: str


class SessionFacts(msgspec.Struct, frozen=True):
    """An SMTP session as policy sees it."""

    id: int
    """Trace id of the session (`appliance.ids`)."""
    listener: str
    """The configuration key the socket came from, such as `smtp.mx`."""
    peer: Peer
    local: Peer
    helo: str = ""
    """Argument of EHLO or HELO, as sent; "" before it."""
    esmtp: bool = False
    tls: TlsInfo | None = None
    account: int = 0
    """Who has signed in (id), 0 where nobody has."""
    login: str = ""
    """The address of that account."""
    credential: int = 0

    @property
    def protocol(self) -> str:
        """The `with` word of Received (RFC 3848)."""
        if not self.esmtp:
            return "SMTP"
        return "ESMTP" + ("S" if self.tls else "") + ("A" if self.account else "")


class MailFrom(msgspec.Struct, frozen=True):
    """Reverse-path and parameters of MAIL (RFC 5321 §4.1.1.2); `address` None is the null reverse-path."""

    address: Address | None
    size: int | None = None
    """Declared SIZE in bytes (RFC 1870)."""
    body: str = ""
    """BODY parameter, upper case: "", "7BIT" or "8BITMIME" (RFC 6152)."""
    smtputf8: bool = False
    """Whether addresses and header may be UTF-8 (the SMTPUTF8 parameter, RFC 6531 §3.4)."""

    @property
    def path(self) -> str:
        """As in `MAIL FROM:<...>`, without the angle brackets."""
        return self.address.text if self.address else ""


class RcptTo(msgspec.Struct, frozen=True):
    """Forward-path of RCPT (RFC 5321 §4.1.1.3). Bare `postmaster` has the empty domain."""

    address: Address
    utf8: bool = False
    """Whether it was written beyond ASCII: only where MAIL had SMTPUTF8 may it be (RFC 6531 §3.5)."""

    @property
    def path(self) -> str:
        """As in `RCPT TO:<...>`, without the angle brackets."""
        return self.address.text


class Envelope(msgspec.Struct, frozen=True):
    """Sender and accepted recipients of one transaction; its `trace` names it in log, Received and 250 reply."""

    trace: int
    mail_from: MailFrom
    rcpt_to: tuple[RcptTo, ...]
