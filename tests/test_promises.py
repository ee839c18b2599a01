"""The page of promises names tests that exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PAGE = TESTS / "PROMISES.md"


def named() -> list[str]:
    return sorted(set(re.findall(r"`(tests/[^`\s]+)`", PAGE.read_text("utf-8"))))


@pytest.mark.parametrize("name", named())
def test_what_the_page_names_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    text = (TESTS.parent / path).read_text("utf-8")
    assert not function or re.search(rf"^(async )?def {function}\(", text, re.MULTILINE)
