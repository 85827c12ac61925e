"""The runner's image for confidential virtual machines: the measured tree, a first program, what a launch measures."""
