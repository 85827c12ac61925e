"""The key keeper: an attested process that releases the keys of owners who are offline."""
