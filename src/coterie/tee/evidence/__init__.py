"""What a trusted environment says of itself: evidence, what it is checked with, and what is believed of
it.
"""
