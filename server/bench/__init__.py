"""Benchmarks: speeds of the parts on this machine, as ratios to a plain implementation measured in the same run."""
