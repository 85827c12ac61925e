"""Jobs of engine tee between nodes: sealed data to the host, keys to its attested runner, results back."""
