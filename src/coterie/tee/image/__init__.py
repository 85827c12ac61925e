"""Images of machines that run one job: the measured tree, a first program, what a launch measures."""
