"""How things end, in plain words: for whoever shows what is on record."""

ENDS = {
    "quit": "the peer said QUIT",
    "logout": "the client logged out",
    "lost": "the connection was lost",
    "timeout": "the peer was silent or slow for too long",
    "early talker": "the peer spoke before the banner",
    "foreign protocol": "the peer spoke another protocol, not SMTP",
    "protocol error": "the peer spoke out of turn",
    "too many errors": "the peer made too many errors",
    "too many unknown recipients": "the peer tried too many recipients that do not exist",
    "TLS failed": "the TLS handshake failed",
    "refused": "the peer was turned away: too many connections",
    "shutdown": "the server stopped",
    "server stopped": "the server stopped",
    "kicked": "an administrator ended it",
    "revoked": "what opened it was taken back: the mailbox or its password changed",
    "internal error": "the server failed inside: its log has more",
    "rate": "the peer came too often",
    "message too big": "the peer sent a message far beyond the limit",
    "throttled": "too many wrong passwords from there",
}
"""How a session ended, in plain words; an outcome without any is shown as it is."""
FATES = {"aborted": "given up by the peer", "lost": "the connection was lost", "not-tried": "not tried"}
"""What became of a transaction or a recipient, where the word on record needs explaining."""
