-- The first schema. Ids are made by us (appliance.ids), times are UTC microseconds, sizes bytes.
-- Mail tables carry `domain` and have no foreign key into another area, so that the mail of one
-- domain could move to a file of its own.

CREATE TABLE organisation (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    quota_bytes INTEGER,
    used_bytes INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE domain (
    id INTEGER PRIMARY KEY,
    organisation INTEGER NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'arriving')),
    suspended_at INTEGER,
    unknown TEXT NOT NULL DEFAULT 'reject' CHECK (unknown IN ('reject', 'catch_all')),
    catch_all_account INTEGER,
    contact_account INTEGER,
    separators TEXT NOT NULL DEFAULT '+',
    quota_bytes INTEGER,
    used_bytes INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    CHECK (unknown <> 'catch_all' OR catch_all_account IS NOT NULL)
) STRICT;

CREATE TABLE domain_alias (
    id INTEGER PRIMARY KEY,
    domain INTEGER NOT NULL REFERENCES domain (id),
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX domain_alias_domain ON domain_alias (domain);

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    domain INTEGER NOT NULL REFERENCES domain (id),
    address TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'unclaimed' CHECK (state IN ('unclaimed', 'active')),
    suspended_at INTEGER,
    quota_bytes INTEGER,
    used_bytes INTEGER NOT NULL DEFAULT 0,
    over_quota_since INTEGER,
    next_uidvalidity INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX account_domain ON account (domain);

CREATE TABLE address (
    id INTEGER PRIMARY KEY,
    domain INTEGER NOT NULL REFERENCES domain (id),
    localpart TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('mailbox', 'alias', 'reject')),
    code INTEGER,
    text TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (domain, localpart)
) STRICT;

CREATE TABLE address_target (
    address INTEGER NOT NULL REFERENCES address (id) ON DELETE CASCADE,
    account INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (address, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX address_target_account ON address_target (account);

CREATE TABLE credential (
    id INTEGER PRIMARY KEY,
    owner_kind TEXT NOT NULL,
    owner INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    secret_hash BLOB NOT NULL,
    scopes TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    last_used_from TEXT,
    used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX credential_owner ON credential (owner_kind, owner, kind);
CREATE INDEX credential_secret ON credential (kind, secret_hash);

CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER NOT NULL DEFAULT 1,
    recent_uid INTEGER NOT NULL DEFAULT 1,
    highestmodseq INTEGER NOT NULL DEFAULT 1,
    expunged_floor INTEGER NOT NULL DEFAULT 0,
    "exists" INTEGER NOT NULL DEFAULT 0,
    unseen INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    special_use TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE subscription (
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    flags INTEGER NOT NULL,
    keywords TEXT NOT NULL,
    modseq INTEGER NOT NULL,
    internaldate INTEGER NOT NULL,
    savedate INTEGER NOT NULL,
    size INTEGER NOT NULL,
    trace INTEGER,
    PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_modseq ON message (mailbox, modseq);
CREATE INDEX message_blob ON message (blob);

CREATE TABLE expunged (
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX expunged_modseq ON expunged (mailbox, modseq);
CREATE INDEX expunged_at ON expunged (at);

CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    domain INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    place TEXT NOT NULL CHECK (place IN ('row', 'file')),
    created_at INTEGER NOT NULL,
    data BLOB,
    UNIQUE (domain, sha256),
    CHECK ((place = 'row') = (data IS NOT NULL))
) STRICT;

CREATE TABLE blob_orphan (
    blob INTEGER PRIMARY KEY,
    domain INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_orphan_at ON blob_orphan (at);

CREATE TABLE rendition (
    blob INTEGER PRIMARY KEY,
    domain INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    body BLOB NOT NULL,
    sent_at INTEGER,
    message_id TEXT NOT NULL,
    from_text TEXT NOT NULL,
    to_text TEXT NOT NULL,
    cc_text TEXT NOT NULL,
    bcc_text TEXT NOT NULL,
    subject_text TEXT NOT NULL,
    parts BLOB NOT NULL,
    header BLOB NOT NULL
) STRICT;

CREATE TABLE header_set (
    id INTEGER PRIMARY KEY,
    fields TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE header_cache (
    fields INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (fields, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX header_cache_blob ON header_cache (blob);

-- Written by every accept, and nearly empty: each page less of it is one less for every commit.
CREATE TABLE accepted (
    key BLOB PRIMARY KEY NOT NULL,
    trace INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    object TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    source TEXT NOT NULL,
    previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
