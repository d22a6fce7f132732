"""Records as a continuous-integration system wants them: baseline, JUnit, summary, annotations."""
