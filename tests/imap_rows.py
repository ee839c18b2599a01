"""Rows as the store gives them to FETCH and SEARCH, made of message octets."""

from typing import NamedTuple

from appliance.mail.structure import render

PREFIX = b"Return-Path: <bounce@example.org>\r\nDelivered-To: b@example.org\r\n"


class Row(NamedTuple):
    uid: int
    blob: int
    prefix: bytes
    internaldate: int
    size: int
    envelope: bytes | None
    bodystructure: bytes | None
    body: bytes | None
    header: bytes | None
    parts: bytes | None


def row_of(stored: bytes, *, uid: int = 1, prefix: bytes = PREFIX, internaldate: int = 0) -> Row:
    r = render(stored)
    size = len(prefix) + len(stored)
    return Row(uid, uid, prefix, internaldate, size, r.envelope, r.bodystructure, r.body, r.header, r.parts)
