"""What submission adds and cuts: no other byte changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.submission.complete import complete

DATE = b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
ID = b"Message-ID: <T@mx.test>\r\n"


@pytest.mark.parametrize(
    ("block", "stored"),
    [
        (b"From: a@b.test\r\n\r\n", DATE + ID + b"From: a@b.test\r\n\r\n"),
        (b"dAtE: x\r\n\r\n", ID + b"dAtE: x\r\n\r\n"),
        (b"Message-Id: x\r\n\r\n", DATE + b"Message-Id: x\r\n\r\n"),
        (b"Date: x\r\nBCC: a,\r\n b\r\nMessage-ID: y\r\nBcc: c\r\n\r\n", b"Date: x\r\nMessage-ID: y\r\n\r\n"),
    ],
)
def test_completed(block: bytes, stored: bytes):
    assert stored == complete(block, 0, "T", "mx.test")


@settings(max_examples=100)
@given(
    st.lists(
        st.sampled_from([b"Date: x\r\n", b"Message-ID: <y>\r\n", b"Bcc: z\r\n", b"X: \xff\r\n", b"To: q\r\n w\r\n"])
    )
)
def test_every_other_byte_stays(fields: list[bytes]):
    block = b"".join(fields) + b"\r\n"
    kept = b"".join(field for field in fields if not field.startswith(b"Bcc")) + b"\r\n"
    assert complete(block, 0, "T", "mx.test").endswith(kept)
    again = complete(complete(block, 0, "T", "mx.test"), 1, "U", "mx.test")
    assert complete(block, 0, "T", "mx.test") == again
