"""The wire of SMTP: the only files that know aiosmtpd. Bytes become frozen commands, replies become bytes."""
