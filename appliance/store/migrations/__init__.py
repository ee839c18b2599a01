"""Forward-only, numbered migrations; each runs in one transaction on a database copied first."""
