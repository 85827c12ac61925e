"""What a node sees of itself and its jobs: whether they come further, metrics, traces."""
