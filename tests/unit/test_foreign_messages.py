"""An extra: messages of other projects, where a collection of them lies beside the checkout."""

import email
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from imapclient.response_parser import parse_fetch_response

from appliance.mail.structure import render
from tests.mime_check import check_rendition, fetched

FOREIGN = sorted((Path(__file__).resolve().parents[3] / "shared" / "mime").glob("*.eml"))

STDLIB_DIFFERS = {
    "cpython-msg_37": "takes two delimiters in a row for one",
    "mailparser-malformed-000": "takes two delimiters in a row for one",
    "cpython-msg_39": "gives the outer multipart the delimiters that an inner one shares",
    "mailparser-malformed-003": "gives the outer multipart the delimiters that an inner one shares",
    "mailparser-malformed-013": "gives the outer multipart the delimiters that an inner one shares",
    "imaptest-fetch-binary-mime-00": "does not unfold a boundary",
    "imaptest-fetch-binary-mime-base64-00": "does not unfold a boundary",
    "imaptest-urlauth-binary-00": "does not unfold a boundary",
    "mailparser-thirdparty-012": "does not unfold a boundary",
    "mailparser-malformed-019": "takes no blank before a colon",
    "mimekit-feedback-report": "takes a byte order mark for the end of the header",
}
"""Messages that the standard library reads otherwise, and what it does."""


def leaves(part: Message) -> Iterator[Message]:
    """The leaves as the standard library finds them; it looks into every message/*, IMAP into message/rfc822 only."""
    if part.is_multipart() and (
        part.get_content_maintype() == "multipart" or part.get_content_type() == "message/rfc822"
    ):
        for inside in part.get_payload():
            yield from leaves(inside)
    else:
        yield part


@pytest.mark.skipif(not FOREIGN, reason="an extra: needs a collection of messages beside the checkout")
@pytest.mark.parametrize("path", FOREIGN, ids=lambda path: path.stem)
def test_messages_of_other_projects_agree_with_their_bytes(path: Path) -> None:
    message = path.read_bytes()
    rendition = render(message)
    parts = check_rendition(message, rendition)
    assert parse_fetch_response(fetched(rendition))[1]
    ours = [body.name for body, span in parts.values() if span.kind == "leaf"]
    assert len(ours) == len(list(leaves(email.message_from_bytes(message)))) or path.stem in STDLIB_DIFFERS
