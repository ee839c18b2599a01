"""Static settings: what needs a restart. What an administrator changes at run time lives in the database."""
