"""The wire of IMAP as pure functions: bytes to commands, values to responses. No I/O, no clock."""
