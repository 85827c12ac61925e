"""The attested dealer: a process that deals into sealed files and signs them by a key of its own."""
