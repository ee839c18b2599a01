-- The record of sessions, what they tried and what was decided (DESIGN's "record" area). Ids are time-ordered, so what
-- is older than a time is a range of ids. No foreign keys: rows go in slices, the lower ones first.

ALTER TABLE domain ADD COLUMN privacy TEXT CHECK (privacy IN ('full', 'no-subjects', 'metadata'));

CREATE TABLE smtp_session (
    id INTEGER PRIMARY KEY,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    listener TEXT NOT NULL,
    peer TEXT NOT NULL,
    peer_port INTEGER NOT NULL,
    rdns TEXT NOT NULL,
    helo TEXT NOT NULL,
    tls_version TEXT NOT NULL,
    tls_cipher TEXT NOT NULL,
    tls_failure TEXT NOT NULL,
    account INTEGER,
    credential INTEGER,
    domain INTEGER,
    started INTEGER NOT NULL,
    ended INTEGER,
    outcome TEXT NOT NULL,
    folded INTEGER NOT NULL DEFAULT 1,
    transcript TEXT NOT NULL
) STRICT;

-- Its id is the trace id.
CREATE TABLE smtp_transaction (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    number INTEGER NOT NULL,
    account INTEGER,
    domain INTEGER,
    mail_from TEXT NOT NULL,
    message_id TEXT NOT NULL,
    header_from TEXT NOT NULL,
    subject TEXT NOT NULL,
    size INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    code INTEGER NOT NULL,
    reply TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at INTEGER NOT NULL,
    transcript TEXT NOT NULL
) STRICT;
CREATE INDEX smtp_transaction_session ON smtp_transaction (session);

-- `account` only on accepted recipients of submitted mail: they are counted against its limits.
CREATE TABLE smtp_recipient (
    transaction_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    address TEXT NOT NULL,
    domain TEXT NOT NULL,
    code INTEGER NOT NULL,
    reply TEXT NOT NULL,
    outcome TEXT NOT NULL,
    account INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (transaction_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX smtp_recipient_account ON smtp_recipient (account, at) WHERE account IS NOT NULL;

CREATE TABLE imap_session (
    id INTEGER PRIMARY KEY,
    account INTEGER,
    credential INTEGER,
    domain INTEGER,
    peer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    tls_version TEXT NOT NULL,
    tls_cipher TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    outcome TEXT NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL
) STRICT;

CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    trace INTEGER NOT NULL,
    at INTEGER NOT NULL,
    stage TEXT NOT NULL,
    rule TEXT NOT NULL,
    code INTEGER NOT NULL,
    reply TEXT NOT NULL,
    facts TEXT NOT NULL,
    imap_session INTEGER
) STRICT;
CREATE INDEX event_trace ON event (trace);

CREATE TABLE uptime (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL,
    alive INTEGER NOT NULL,
    stopped INTEGER
) STRICT;
