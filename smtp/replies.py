"""Every reply the SMTP fronts send, each with the RFC that names its code.

A constant where the text never varies, a function where it carries a fact. Codes are RFC 5321 §4.2.3, enhanced
codes RFC 3463 (registered by RFC 5248). Greeting, EHLO, HELO and 354 carry none (RFC 2034 §4). Where a session is
ended, the reply itself says so (`close`). The texts are stable: operators grep them.
"""

import re

from appliance.mail.delivery import (
    NoContact,
    OverQuota,
    RejectAddress,
    RelayDenied,
    Route,
    Suspended,
    ToMailboxes,
    UnknownUser,
)
from appliance.mail.reply import Reply, reply

_ENHANCED = re.compile(r"([45]\.\d{1,3}\.\d{1,3}) +(.+)")

# Session and commands, RFC 5321 §4.1.
OK = reply(250, "2.0.0", "OK")
BYE = reply(221, "2.0.0", "Bye", close=True)
SENDER_OK = reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = reply(250, "2.1.5", "Recipient OK")
START_DATA = reply(354, "", "End data with <CR><LF>.<CR><LF>")
HELP = reply(214, "2.0.0", "Commands: EHLO HELO MAIL RCPT DATA RSET NOOP HELP VRFY STARTTLS QUIT (RFC 5321)")
CANNOT_VERIFY = reply(252, "2.5.0", "Cannot verify, but will take mail for a local user")  # RFC 5321 §7.3
NOT_IMPLEMENTED = reply(502, "5.5.1", "Command not implemented")  # RFC 5321 §4.2.4
NO_CHUNKING = reply(502, "5.5.1", "BDAT is not offered", close=True)  # RFC 3030 §2: what follows it is no command
UNKNOWN_COMMAND = reply(500, "5.5.2", "Unknown command")
BAD_SYNTAX = reply(500, "5.5.2", "Syntax error")
BARE_LINE_END = reply(500, "5.5.2", "A command ends with CRLF", close=True)  # RFC 5321 §2.3.8
LINE_TOO_LONG = reply(500, "5.5.2", "Line too long")  # RFC 5321 §4.5.3.1.4
LINE_FAR_TOO_LONG = reply(500, "5.5.2", "Line too long", close=True)
BAD_ARGUMENTS = reply(501, "5.5.4", "Syntax error in arguments")
NO_ARGUMENTS = reply(501, "5.5.4", "This command takes no arguments")
BAD_HELO = reply(501, "5.5.4", "Say EHLO with your host name or address literal")  # RFC 5321 §4.1.1.1
BAD_SENDER = reply(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = reply(501, "5.1.3", "Bad recipient address syntax")
UTF8_SENDER = reply(550, "5.6.7", "A sender address beyond ASCII needs SMTPUTF8")  # RFC 6531 §3.5
UTF8_RECIPIENT = reply(553, "5.6.7", "A recipient address beyond ASCII needs SMTPUTF8")
BAD_SIZE = reply(501, "5.5.4", "SIZE is 1 to 20 digits")  # RFC 1870 §4
UNKNOWN_PARAMETER = reply(555, "5.5.4", "Unknown or unsupported parameter")  # RFC 5321 §4.1.1.11
HELO_FIRST = reply(503, "5.5.1", "Say EHLO or HELO first")  # RFC 5321 §4.1.4
MAIL_FIRST = reply(503, "5.5.1", "MAIL first")
NESTED_MAIL = reply(503, "5.5.1", "MAIL was given already")
RCPT_FIRST = reply(503, "5.5.1", "RCPT first")
NO_VALID_RECIPIENTS = reply(554, "5.5.1", "No valid recipients")  # RFC 5321 §4.1.1.4, RFC 2920 §3.1
TLS_READY = reply(220, "2.0.0", "Ready to start TLS")  # RFC 3207 §4
TLS_ALREADY = reply(503, "5.5.1", "TLS is active already")  # RFC 3207 §4.2
TLS_UNAVAILABLE = reply(454, "4.7.0", "TLS not available due to temporary reason")  # RFC 3207 §4

# Submission, RFC 4954 §6 and RFC 6409 §6.
AUTH_OK = reply(235, "2.7.0", "Authentication succeeded")
AUTH_FAILED = reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_SUSPENDED = reply(535, "5.7.13", "This mailbox is suspended")  # RFC 5248 §2.4
AUTH_BUSY = reply(454, "4.7.0", "Temporary authentication failure")
AUTH_CANCELLED = reply(501, "5.7.0", "Authentication cancelled")
AUTH_SYNTAX = reply(501, "5.5.2", "Cannot decode the response")
AUTH_TOO_LONG = reply(500, "5.5.6", "Authentication exchange line too long")
AUTH_MECHANISM = reply(504, "5.5.4", "The mechanisms offered are PLAIN and LOGIN")
AUTH_ALREADY = reply(503, "5.5.1", "You have signed in already")
AUTH_IN_TRANSACTION = reply(503, "5.5.1", "Not within a mail transaction")
AUTH_NEEDED = reply(530, "5.7.0", "Authentication required")
ENCRYPTION_NEEDED = reply(538, "5.7.11", "Encryption required for requested authentication mechanism")
STARTTLS_FIRST = reply(530, "5.7.0", "Must issue a STARTTLS command first")  # RFC 3207 §4
BAD_FROM = reply(550, "5.7.1", "Message must have exactly one valid From address (RFC 5322)")

COUNTED = frozenset({502, 503, 530, 535, 538})
"""Codes of refused commands that count as errors of the session."""

# What ends a session.
PROTOCOL_ERROR = reply(554, "5.5.1", "Protocol error", close=True)  # spoke out of turn: RFC 5321 §4.3.1, RFC 2920 §3.1
NOT_SMTP = reply(421, "4.7.0", "This is an SMTP server", close=True)
TOO_MANY_ERRORS = reply(421, "4.7.0", "Too many errors", close=True)
TOO_MANY_UNKNOWN = reply(421, "4.7.0", "Too many unknown recipients", close=True)
TRY_LATER = reply(421, "4.7.0", "Try again later", close=True)
TOO_MANY_CONNECTIONS = reply(421, "4.3.2", "Too many connections", close=True)
TIMEOUT = reply(421, "4.4.2", "Timeout", close=True)  # RFC 5321 §4.5.3.2
KICKED = reply(421, "4.3.2", "Session ended by the administrator", close=True)
SHUTTING_DOWN = reply(421, "4.3.2", "Shutting down", close=True)  # RFC 5321 §3.8
INTERNAL_ERROR = reply(421, "4.3.0", "Internal error", close=True)
STORE_BROKEN = reply(421, "4.3.0", "Storage failed", close=True)

# Policy on a message, RFC 5321 §4.2.3 and RFC 3463 §3.
RELAY_DENIED = reply(550, "5.7.1", "Relay access denied")
TOO_MANY_RECIPIENTS = reply(452, "4.5.3", "Too many recipients")  # RFC 5321 §4.5.3.1.10
TOO_BIG = reply(552, "5.3.4", "Message too big")  # RFC 1870 §6.1
FAR_TOO_BIG = reply(421, "4.3.4", "Message far too big", close=True)
BARE_CR_OR_LF = reply(550, "5.6.0", "Bare CR or LF is not allowed", close=True)  # RFC 5321 §2.3.8
ROUTING_LOOP = reply(554, "5.4.6", "Routing loop")  # RFC 5321 §6.3
DISK_FULL = reply(452, "4.3.1", "Insufficient system storage")
TOO_MUCH_IN_FLIGHT = reply(452, "4.3.1", "Too much mail in flight, try again later")
STORE_BUSY = reply(451, "4.3.2", "Busy, try again later")
CANNOT_PROCESS = reply(451, "4.3.0", "Message cannot be processed now")
NO_CONTACT = reply(450, "4.3.0", "No mailbox for this address yet")


def banner(hostname: str) -> Reply:
    """The greeting (RFC 5321 §4.2): who we are, and nothing of our version."""
    return reply(220, "", f"{hostname} ESMTP")


def hello(hostname: str) -> Reply:
    """Answer to HELO."""
    return reply(250, "", hostname)


def extended_hello(hostname: str, max_size: int, starttls: bool, auth: bool = False) -> Reply:
    """Answer to EHLO with the extensions offered (RFC 5321 §4.1.1.1)."""
    # RFC 2920, RFC 1870 §3, RFC 6152, RFC 6531 §3.1, RFC 2034, RFC 3207 §4.2 (STARTTLS is not offered inside TLS)
    keywords = ("PIPELINING", f"SIZE {max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
    return Reply(
        250, "", (hostname, *keywords, *(("STARTTLS",) if starttls else ()), *(("AUTH PLAIN LOGIN",) if auth else ()))
    )


def challenge(text: str) -> Reply:
    """The server's word within AUTH, in base64 (RFC 4954 §4)."""
    return Reply(334, "", (text,))


def revoked(why: str) -> Reply:
    """What opened the session no longer would."""
    return reply(421, "4.7.0", f"Session ended: {why}", close=True)


def not_owned(address: str) -> Reply:
    """The account may not send as that address."""
    return reply(550, "5.7.1", f"<{address}>: sender address not owned by account")


def domain_suspended(name: str) -> Reply:
    """Mail from a suspended domain waits with its sender."""
    return reply(450, "4.2.1", f"{name}: domain suspended, try again later")


def limit_reached(address: str, limit: str, until: str) -> Reply:
    """An account has sent to as many recipients as it may: `limit` and `until` in words."""
    return reply(450, "4.7.1", f"<{address}> may send to {limit}: try again after {until}")


def elsewhere(address: str) -> Reply:
    """A recipient on another server."""
    return reply(550, "5.7.1", f"<{address}>: sending to other servers is not set up here yet")


def accepted(trace: str) -> Reply:
    """The promise: the message is stored. `trace` is the text of the id in Received, log and trace."""
    return Reply(250, "2.0.0", (f"OK {trace}",))


def header_refused(why: str) -> Reply:
    """A header block beyond the limits; `why` names which."""
    return reply(554, "5.6.0", why)


def refusal(address: str, route: Route) -> Reply:
    """The reply to RCPT for `<address>`; RECIPIENT_OK where the route accepts it."""
    match route:
        case ToMailboxes():
            return RECIPIENT_OK
        case UnknownUser():
            return reply(550, "5.1.1", f"<{address}>: no such user")
        case RelayDenied():
            return RELAY_DENIED
        case Suspended():
            return reply(450, "4.2.1", f"<{address}>: suspended, try again later")
        case RejectAddress(code=code, text=text):
            return rejected(address, code, text)
        case NoContact():
            return NO_CONTACT
        case OverQuota(graced=graced):
            return reply(452, "4.2.2", "Mailbox full") if graced else reply(552, "5.2.2", "Mailbox full")


def rejected(address: str, code: int, text: str) -> Reply:
    """The administrator's own refusal of an address; 421 ends the session (RFC 5321 §3.8).

    The text may begin with an enhanced code of its own; one that does not fit the reply code is mere text.
    """
    enhanced, said = f"{code // 100}.2.1", text or f"<{address}>: address not in use"
    own = _ENHANCED.match(said)
    if own is not None and own[1][0] == str(code)[0]:
        enhanced, said = own[1], own[2]
    return reply(code, enhanced, said, close=code == 421)
