"""The tables of mail as Peewee models (see `tables`): each carries its domain and points at no other area."""

from peewee import BigIntegerField, BlobField, Check, CompositeKey, IntegerField, TextField

from appliance.store.tables import Table, default_is, zero


class Mailbox(Table):
    """IMAP's mailbox: a folder of an account."""

    id = BigIntegerField(primary_key=True)
    account = BigIntegerField()
    domain = BigIntegerField()
    name = TextField()
    uidvalidity = BigIntegerField()
    uidnext = BigIntegerField(constraints=default_is("1"))
    recent_uid = BigIntegerField(constraints=default_is("1"))
    highestmodseq = BigIntegerField(constraints=default_is("1"))
    expunged_floor = zero()
    exists = zero()
    unseen = zero()
    bytes = zero()
    special_use = TextField(null=True)
    created_at = BigIntegerField()

    class Meta:
        indexes = ((("account", "name"), True),)


class Subscription(Table):
    """A folder name an account has subscribed to; the folder need not exist."""

    account = BigIntegerField()
    name = TextField()

    class Meta:
        primary_key = CompositeKey("account", "name")
        without_rowid = True


class Message(Table):
    """A message in a folder; its bytes are `prefix` and the body, whose header may be served downgraded: `size` is that
    of the message as it is served."""

    mailbox = BigIntegerField()
    uid = BigIntegerField()
    domain = BigIntegerField()
    blob = BigIntegerField()
    prefix = TextField()
    flags = IntegerField()
    keywords = TextField()
    modseq = BigIntegerField()
    internaldate = BigIntegerField()
    savedate = BigIntegerField()
    size = BigIntegerField()
    trace = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("mailbox", "uid")
        without_rowid = True
        indexes = ((("mailbox", "modseq"), False), (("blob",), False))


class Expunged(Table):
    """The tombstone of a message."""

    mailbox = BigIntegerField()
    uid = BigIntegerField()
    domain = BigIntegerField()
    modseq = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("mailbox", "uid")
        without_rowid = True
        indexes = ((("mailbox", "modseq"), False), (("at",), False))


class Blob(Table):
    """A body, once for each domain."""

    id = BigIntegerField(primary_key=True)
    domain = BigIntegerField()
    sha256 = BlobField()
    size = BigIntegerField()
    place = TextField()
    created_at = BigIntegerField()
    data = BlobField(null=True)

    class Meta:
        constraints = (Check("place IN ('row', 'file')"), Check("(place = 'row') = (data IS NOT NULL)"))
        indexes = ((("domain", "sha256"), True),)


class BlobOrphan(Table):
    """A body that lost a message; the collector looks whether it has another."""

    blob = BigIntegerField(primary_key=True)
    domain = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        indexes = ((("at",), False),)


class Rendition(Table):
    """What IMAP and SEARCH need of a body, made when it was stored."""

    blob = BigIntegerField(primary_key=True)
    domain = BigIntegerField()
    envelope = BlobField()
    bodystructure = BlobField()
    body = BlobField()
    sent_at = BigIntegerField(null=True)
    message_id = TextField()
    from_text = TextField()
    to_text = TextField()
    cc_text = TextField()
    bcc_text = TextField()
    subject_text = TextField()
    parts = BlobField()
    header = BlobField()


class HeaderSet(Table):
    """A set of header fields that a client asked for."""

    id = BigIntegerField(primary_key=True)
    fields = TextField(unique=True)


class HeaderCache(Table):
    """Those fields of one body."""

    fields = BigIntegerField()
    blob = BigIntegerField()
    domain = BigIntegerField()
    data = TextField()

    class Meta:
        primary_key = CompositeKey("fields", "blob")
        without_rowid = True
        indexes = ((("blob",), False),)


class Accepted(Table):
    """A message whose 250 may not have arrived."""

    key = BlobField(primary_key=True)
    trace = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        without_rowid = True
