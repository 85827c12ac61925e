"""Jobs of every engine, while processes are killed and links are hurt: what is lost, wrong, or hangs."""
