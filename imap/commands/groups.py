"""Messages in groups whose bodies are handled at once, so that memory stays small and trips to threads few."""

from collections.abc import Iterator, Sequence

from appliance.store.messages import Row

GROUP_OCTETS = 512 * 1024
"""Octets of the messages in one group; a larger message is a group of its own."""


def groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows, in their order, in groups."""
    group: list[Row] = []
    octets = 0
    for row in rows:
        if group and octets + row.size > GROUP_OCTETS:
            yield group
            group, octets = [], 0
        group.append(row)
        octets += row.size
    if group:
        yield group
