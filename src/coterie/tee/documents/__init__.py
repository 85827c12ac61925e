"""What owners sign and runners obey: job manifests, grants, receipts, and the words of a release."""
