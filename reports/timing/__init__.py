"""Tells people what the benchmarks measured: tables, regressions, issue texts, pages."""
