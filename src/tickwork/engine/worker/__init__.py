"""The worker: one per process. It draws work from ranked sources, whatever they are, and knows none of them."""
