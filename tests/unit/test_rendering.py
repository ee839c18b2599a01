"""Renditions come out the same inline and from a child process, and a child that fails is replaced."""

import hashlib
from pathlib import Path

import pytest

from appliance.mail.delivery import Content
from appliance.mail.structure import render
from appliance.rendering import INLINE_BYTES, Renderer, RenderError

HEAD = b"Subject: x\r\nContent-Type: text/plain\r\n\r\n"


def in_memory(data: bytes) -> Content:
    return Content(len(data), hashlib.sha256(data).digest(), data)


def in_file(directory: Path, data: bytes) -> Content:
    path = directory / f"message-{len(data)}"
    path.write_bytes(data)
    return Content(len(data), hashlib.sha256(data).digest(), None, path)


async def test_memory_small_file_and_big_file_render_alike(tmp_path: Path) -> None:
    renderer = Renderer(100, 1000)
    for size in (0, 100, INLINE_BYTES + 1, 3_000_000):
        data = HEAD + b"y" * size
        expected = render(data)
        assert await renderer(in_file(tmp_path, data)) == expected
        assert await renderer(in_memory(data)) == expected
    await renderer.close()


async def test_a_missing_file_fails_alone(tmp_path: Path) -> None:
    renderer = Renderer(100, 1000)
    missing = Content(INLINE_BYTES * 2, b"", None, tmp_path / "missing")
    with pytest.raises(RenderError):
        await renderer(missing)
    data = HEAD + b"z" * INLINE_BYTES
    assert await renderer(in_file(tmp_path, data)) == render(data)
    await renderer.close()


async def test_a_child_beyond_its_deadline_is_killed_and_the_next_message_rendered(tmp_path: Path) -> None:
    data = HEAD + b"z" * INLINE_BYTES
    late = Renderer(100, 1000, deadline=0.0)
    with pytest.raises(RenderError):
        await late(in_file(tmp_path, data))
    await late.close()
    renderer = Renderer(100, 1000)
    assert await renderer(in_file(tmp_path, data)) == render(data)
    await renderer.close()
