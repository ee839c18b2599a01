"""An extra: sections of messages of other projects, where a collection of them lies beside the checkout."""

from pathlib import Path

import pytest

from appliance.mail.structure import unpack_parts
from imap.fetch_data import FetchPlan
from imap.search_text import body_text, folded, header_text
from imap.sections import fill
from imap.wire.fetch_att import fetch_items
from imap.wire.lexer import Parser, literal_at_end
from tests.imap_rows import PREFIX, row_of
from tests.imap_truth import truth_of

FOREIGN = sorted((Path(__file__).resolve().parents[3] / "shared" / "mime").glob("*.eml"))


def section(name: str, stored: bytes) -> bytes | None:
    view, row = truth_of(1).open(), row_of(stored)
    plan = FetchPlan(fetch_items(Parser([b"BODY.PEEK[%b]" % name.encode()])), uid=False)
    if plan.contents:
        pieces = plan.pieces(view, 1, row)
        assert pieces is not None
        line = fill(pieces, stored)
    else:
        line = plan.lines(view, view.everything(), [row])
    head, _, octets = line.partition(b"\r\n")
    literal = literal_at_end(head)
    if literal is None:
        assert line.endswith(b"] NIL)\r\n")
        return None
    assert len(octets) == literal.size + 3
    return octets[:-3]


@pytest.mark.skipif(not FOREIGN, reason="an extra: needs a collection of messages beside the checkout")
@pytest.mark.parametrize("path", FOREIGN, ids=lambda path: path.stem)
def test_sections_of_foreign_messages_fit_together(path: Path) -> None:
    stored = path.read_bytes()
    whole = PREFIX + stored
    assert section("", stored) == whole
    assert (section("HEADER", stored) or b"") + (section("TEXT", stored) or b"") == whole
    for number, span in unpack_parts(row_of(stored).parts or b"").items():
        if number:
            part, mime = section(number, stored), section(f"{number}.MIME", stored)
            assert part is not None
            assert mime is not None
            assert mime + part in whole
            inside = [section(f"{number}.{text}", stored) for text in ("HEADER", "TEXT")]
            if span.kind == "message":
                assert b"".join(octets or b"" for octets in inside) == part
            else:
                assert inside == [None, None]


@pytest.mark.skipif(not FOREIGN, reason="an extra: needs a collection of messages beside the checkout")
@pytest.mark.parametrize("path", FOREIGN, ids=lambda path: path.stem)
def test_the_words_of_foreign_messages_can_be_had(path: Path) -> None:
    stored = path.read_bytes()
    row = row_of(stored)
    for text in (header_text(row.header or b""), body_text(stored, unpack_parts(row.parts or b""))):
        text.encode()
        assert folded(text) == text
