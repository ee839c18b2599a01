"""SMTP (RFC 5321): mail in from the world, each recipient judged at RCPT, 250 only after the commit."""
