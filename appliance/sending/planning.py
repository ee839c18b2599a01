"""What one accepted message changes: envelope and routes in, one Plan for one transaction out."""

from collections.abc import Sequence

from appliance.mail.delivery import Content, Delivery, Plan, ToMailboxes
from appliance.mail.downgrade import downgrade
from appliance.mail.envelope import Envelope, RcptTo
from appliance.mail.structure import Rendition
from appliance.mail.trace_headers import delivered_to, return_path

INBOX = "INBOX"


def plan(
    trace: int,
    envelope: Envelope,
    routes: Sequence[tuple[RcptTo, ToMailboxes]],
    content: Content,
    rendition: Rendition,
    dedupe_key: bytes,
) -> Plan:
    """One delivery for each account, however many of its addresses were named; Delivered-To is the first of them.

    Return-Path is written here, at final delivery (RFC 5321 §4.4). What clients see is ASCII as long as they cannot ask
    for more (RFC 6855 §7), so the fields written here are, and the header of mail that came with SMTPUTF8. A header
    with 8-bit octets that came without it is nobody's standard: it is served as it came, which clients cope with as
    they do elsewhere, and which leaves its signatures whole.
    """
    path = return_path(envelope.mail_from)
    deliveries: dict[int, Delivery] = {}
    for _, to in routes:
        prefix = downgrade(path + delivered_to(to.delivered_to))
        for account in to.accounts:
            if account not in deliveries:
                deliveries[account] = Delivery(to.domain, account, INBOX, prefix)
    shown = rendition.in_ascii() if envelope.mail_from.smtputf8 else rendition
    return Plan(trace, content, shown, tuple(deliveries.values()), dedupe_key)
