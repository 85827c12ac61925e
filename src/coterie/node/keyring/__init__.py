"""Keys of parties in the course of time: revoked ones, and those that others have taken the place of."""
