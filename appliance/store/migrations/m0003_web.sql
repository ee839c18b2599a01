-- Who administers the server, and the web sessions of administrators and owners. An operator's password, sessions and
-- set-up tokens are rows of `credential` with owner_kind 'operator'.

CREATE TABLE operator (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    suspended_at INTEGER
) STRICT;

-- The credential a session was opened with: when that is revoked, the session is over.
ALTER TABLE credential ADD COLUMN opener INTEGER;
