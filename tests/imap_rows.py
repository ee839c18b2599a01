"""Rows as the store gives them to FETCH and SEARCH, made of message octets."""

from appliance.mail.structure import render
from appliance.records import MessageRow

PREFIX = b"Return-Path: <bounce@example.org>\r\nDelivered-To: b@example.org\r\n"


def row_of(stored: bytes, *, uid: int = 1, prefix: bytes = PREFIX, internaldate: int = 0) -> MessageRow:
    r = render(stored)
    size = len(prefix) + len(stored)
    return MessageRow(uid, uid, prefix, internaldate, size, r.envelope, r.bodystructure, r.body, r.header, r.parts)
