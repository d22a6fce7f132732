"""What the benchmarks tell people: tables, regressions, issue texts, pages."""
