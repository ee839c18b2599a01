"""A server to look at: everything real but the mail, in a directory that is gone afterwards."""
