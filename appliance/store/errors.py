"""What a store operation may raise. Each text is one clear line that a person can act on."""


class StoreError(Exception):
    """Base of all errors of the store; by itself: the operation failed and nothing of it was kept."""


class StoreBusy(StoreError):
    """Too much is waiting already; a later attempt may succeed (451 4.3.2)."""


class StoreCrowded(StoreBusy):
    """The memory for mail in flight is taken (452 4.3.1)."""


class StoreFull(StoreError):
    """The disk is full; nothing of the operation was kept (452 4.3.1)."""


class StoreBroken(StoreError):
    """The disk failed a write or an fsync: what is on it is unknown, the process must stop and read it again."""


class StoreTimeout(StoreError):
    """A read took longer than a reader may hold its snapshot."""


class Conflict(StoreError):
    """It is there already, or still in use."""


class NotFound(StoreError):
    """Nothing has that name or id."""


class OverQuota(StoreError):
    """The account or its domain has no room left."""


class SchemaError(StoreError):
    """The database is not one this program can open: made by a newer version, or not ours."""
