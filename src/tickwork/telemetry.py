"""What the loops tell about themselves: counts, durations and log lines."""
