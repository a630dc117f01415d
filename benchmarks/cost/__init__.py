"""The parts that the cost benchmarks are made of. Each process of a benchmark is one file here."""
