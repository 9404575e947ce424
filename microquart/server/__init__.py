"""What waits: sockets, tasks, clocks and signals round the core."""
