"""The pages, one file for each area; each ends with `ROUTES`, the handlers that `app` registers."""
