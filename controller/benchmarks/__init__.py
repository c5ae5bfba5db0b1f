"""Performance benchmarks: what ``make bench`` measures and writes to bench.json. Nothing of the product imports this."""
