"""IMAP4rev1 (RFC 3501): mailboxes served to mail clients.

A session has a view (what this client has been told) apart from the mailbox's truth; the two meet only
where the protocol lets the server speak.
"""
