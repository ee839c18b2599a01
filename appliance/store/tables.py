"""The tables as Peewee models, for administrative queries; hot paths use fixed SQL beside what they touch.

The migrations make the schema, these models describe it: a test holds the two equal. The models are bound to no
database: inside a job, `Model.select(...).execute(engine.database)`. No model ever leaves the store.
"""

from typing import Any

from peewee import SQL, BigIntegerField, BlobField, Check, CompositeKey, ForeignKeyField, IntegerField, Model, TextField


def default_is(value: str) -> list[Any]:
    return [SQL(f"DEFAULT {value}")]


def zero() -> Any:
    return BigIntegerField(constraints=default_is("0"))


def link(model: Any, **options: Any) -> Any:
    return ForeignKeyField(model, index=False, **options)


class Table(Model):
    """What all tables share: STRICT, so that a column holds only its type."""

    class Meta:
        strict_tables = True
        legacy_table_names = False


class Organisation(Table):
    """Who owns domains: a business, or an agency's client."""

    id = BigIntegerField(primary_key=True)
    name = TextField(unique=True)
    quota_bytes = BigIntegerField(null=True)
    used_bytes = zero()
    created_at = BigIntegerField()


class Domain(Table):
    """A hosted domain."""

    id = BigIntegerField(primary_key=True)
    organisation = link(Organisation, column_name="organisation")
    name = TextField(unique=True)
    state = TextField(constraints=default_is("'live'"))
    suspended_at = BigIntegerField(null=True)
    unknown = TextField(constraints=default_is("'reject'"))
    catch_all_account = BigIntegerField(null=True)
    contact_account = BigIntegerField(null=True)
    separators = TextField(constraints=default_is("'+'"))
    quota_bytes = BigIntegerField(null=True)
    used_bytes = zero()
    created_at = BigIntegerField()
    privacy = TextField(null=True)

    class Meta:
        constraints = (
            Check("privacy IN ('full', 'no-subjects', 'metadata')"),
            Check("state IN ('live', 'arriving')"),
            Check("unknown IN ('reject', 'catch_all')"),
            Check("unknown <> 'catch_all' OR catch_all_account IS NOT NULL"),
        )


class DomainAlias(Table):
    """Another name of a domain."""

    id = BigIntegerField(primary_key=True)
    domain = link(Domain, column_name="domain")
    name = TextField(unique=True)
    created_at = BigIntegerField()

    class Meta:
        indexes = ((("domain",), False),)


class Account(Table):
    """What people call a mailbox."""

    id = BigIntegerField(primary_key=True)
    domain = link(Domain, column_name="domain")
    address = TextField(unique=True)
    state = TextField(constraints=default_is("'unclaimed'"))
    suspended_at = BigIntegerField(null=True)
    quota_bytes = BigIntegerField(null=True)
    used_bytes = zero()
    over_quota_since = BigIntegerField(null=True)
    next_uidvalidity = BigIntegerField()
    epoch = zero()
    created_at = BigIntegerField()

    class Meta:
        constraints = (Check("state IN ('unclaimed', 'active')"),)
        indexes = ((("domain",), False),)


class Address(Table):
    """A local part of a domain: a mailbox, an alias or a reject-address."""

    id = BigIntegerField(primary_key=True)
    domain = link(Domain, column_name="domain")
    localpart = TextField()
    kind = TextField()
    code = IntegerField(null=True)
    text = TextField(null=True)
    created_at = BigIntegerField()

    class Meta:
        constraints = (Check("kind IN ('mailbox', 'alias', 'reject')"),)
        indexes = ((("domain", "localpart"), True),)


class AddressTarget(Table):
    """An account that an address delivers to."""

    address = link(Address, column_name="address", on_delete="CASCADE")
    account = link(Account, column_name="account")

    class Meta:
        primary_key = CompositeKey("address", "account")
        without_rowid = True
        indexes = ((("account",), False),)


class Operator(Table):
    """An administrator."""

    id = BigIntegerField(primary_key=True)
    email = TextField(unique=True)
    role = TextField()
    created_at = BigIntegerField()
    suspended_at = BigIntegerField(null=True)


class Credential(Table):
    """One row of the ledger of all that opens something."""

    id = BigIntegerField(primary_key=True)
    owner_kind = TextField()
    owner = BigIntegerField()
    kind = TextField()
    name = TextField(constraints=default_is("''"))
    secret_hash = BlobField()
    scopes = TextField(constraints=default_is("''"))
    created_at = BigIntegerField()
    created_by = TextField()
    expires_at = BigIntegerField(null=True)
    last_used_at = BigIntegerField(null=True)
    last_used_from = TextField(null=True)
    used_at = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)
    opener = BigIntegerField(null=True)

    class Meta:
        indexes = ((("owner_kind", "owner", "kind"), False), (("kind", "secret_hash"), False))


Credential.add_index(
    Credential.index(
        Credential.expires_at,
        where=(Credential.kind == "invite") & Credential.used_at.is_null() & Credential.revoked_at.is_null(),
    )
)


class Setting(Table):
    """What an admin sets at run time."""

    name = TextField(primary_key=True)
    value = TextField()

    class Meta:
        without_rowid = True


class Audit(Table):
    """The hash-chained log of acts."""

    seq = BigIntegerField(primary_key=True)
    at = BigIntegerField()
    actor = TextField()
    act = TextField()
    object = TextField()
    before = TextField()
    after = TextField()
    source = TextField()
    previous_hash = BlobField()
    hash = BlobField()
