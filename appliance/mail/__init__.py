"""The vocabulary of mail as frozen, pure values: addresses, envelopes, replies, headers, MIME structure.

Nothing here has a clock, randomness or I/O. A value is valid by construction: it is parsed once, where
the bytes come in, and trusted after that.
"""
