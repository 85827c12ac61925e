"""Releasing data keys: at their owner's node, to code that is proven to run the agreed job."""
