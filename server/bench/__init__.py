"""Benchmarks: how fast the parts are on this machine, as ratios beside a plain way in the same run."""
