"""Mail from our own users (RFC 6409): signed in, as themselves and no one else, completed, delivered at once."""
