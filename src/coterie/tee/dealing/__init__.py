"""The attested dealer: a process that deals into sealed files, signs them by a key of its own, and proves it."""
