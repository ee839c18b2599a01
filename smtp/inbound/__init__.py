"""Mail from the world (MX): policy for each phase, and the story after DATA."""
