"""The bounds of one SMTP session, and when its patience ends. 0 is unlimited wherever it stands in the settings."""

import math

import msgspec

from appliance.connections import STRESS_SECONDS, patience
from config.settings import Settings

RESYNC = 65_536
"""Octets of one command line beyond which the peer is no SMTP client, and the session is ended."""
SLOW_REPLY = 1.0
"""Seconds each reply takes to a peer that guesses addresses (RFC 5321 §7.3)."""
RATE_GRACE = 60.0
"""Seconds of DATA before `data_min_rate` is asked for."""
FAR_BEYOND = 10 * 1024 * 1024
"""Octets beyond twice the largest message that are still read and thrown away for the sake of a clear 552."""
LINGER = 2.0
"""Seconds a closed session waits for the peer to read the last reply before the connection is dropped."""
TLS_HANDSHAKE = 30.0
"""Seconds a TLS handshake may take."""
PROXY_SECONDS = 3.0
"""Seconds within which a proxy has to say for whom it speaks."""
TLS_SHUTDOWN = 2.0
"""Seconds the closing exchange of TLS may take."""


class SessionLimits(msgspec.Struct, frozen=True):
    """Durations in seconds, sizes in octets."""

    max_message_size: int
    command_timeout: float
    pre_data_timeout: float
    session_timeout: float
    data_min_rate: int
    greet_delay: float
    errors: int
    unknown_recipients_slow: int
    unknown_recipients: int
    recipients: int
    command_line: int
    slow_reply: float = SLOW_REPLY
    rate_grace: float = RATE_GRACE
    stress_patience: float = STRESS_SECONDS
    tls_handshake: float = TLS_HANDSHAKE
    proxy_wait: float = PROXY_SECONDS

    def handshake_wait(self, *, stress: bool) -> float:
        """Seconds a TLS handshake may take."""
        return min(patience(self.tls_handshake, stress=stress), self.stress_patience if stress else math.inf)

    @property
    def far_too_big(self) -> int:
        """Octets of one message at which the session is ended instead of reading on."""
        return 2 * self.max_message_size + FAR_BEYOND

    def command_deadline(self, now: float, started: float, reached_data: bool) -> float:
        """When a session that now waits for a command is over; all in seconds of one monotonic clock."""
        # RFC 5321 §4.5.3.2.7: at least five minutes for a command.
        end = min(now + (self.command_timeout or math.inf), started + (self.session_timeout or math.inf))
        return end if reached_data else min(end, started + (self.pre_data_timeout or math.inf))

    def data_deadline(self, now: float, started: float, data_started: float, received: int) -> float:
        """When DATA that has brought `received` octets is over, unless more come: by silence, age or rate."""
        end = min(now + (self.command_timeout or math.inf), started + (self.session_timeout or math.inf))
        if self.data_min_rate:
            end = min(end, data_started + max(self.rate_grace, received / self.data_min_rate))
        return end

    def hurried(self, now: float, started: float, reached_data: bool) -> float:
        """The same under stress, for command and DATA, where that is earlier: seconds a wait, and to the first DATA."""
        return (now if reached_data else started) + self.stress_patience


def session_limits(settings: Settings) -> SessionLimits:
    """The bounds as the settings name them."""
    limits = settings.limits
    return SessionLimits(
        max_message_size=settings.server.max_message_size,
        command_timeout=limits.command_timeout,
        pre_data_timeout=limits.pre_data_timeout,
        session_timeout=limits.session_timeout,
        data_min_rate=limits.data_min_rate,
        greet_delay=limits.greet_delay,
        errors=limits.errors,
        unknown_recipients_slow=limits.unknown_recipients_slow,
        unknown_recipients=limits.unknown_recipients,
        recipients=limits.recipients,
        command_line=limits.command_line or RESYNC,  # what is longer is no command, whoever sends it
    )


def reached(count: int, limit: int) -> bool:
    """Whether `count` has come to `limit`, which 0 puts out of reach."""
    return 0 < limit <= count
