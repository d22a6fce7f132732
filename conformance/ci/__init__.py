"""Report records to a continuous-integration system: baseline, JUnit, summary, annotations."""
