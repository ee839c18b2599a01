"""Who somebody is: passwords, invites, throttling and sign-in. No function here lets anyone but the
owner of an account set its password."""
