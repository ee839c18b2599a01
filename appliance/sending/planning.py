"""What one accepted message changes: envelope and routes in, one Plan for one transaction out."""

from collections.abc import Sequence

from appliance.mail.delivery import Content, Delivery, Plan, ToMailboxes
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

    Return-Path is written here, at final delivery (RFC 5321 §4.4).
    """
    path = return_path(envelope.mail_from)
    deliveries: dict[int, Delivery] = {}
    for _, to in routes:
        prefix = path + delivered_to(to.delivered_to)
        for account in to.accounts:
            if account not in deliveries:
                deliveries[account] = Delivery(to.domain, account, INBOX, prefix)
    return Plan(trace, content, rendition, tuple(deliveries.values()), dedupe_key)
