"""Records: the result format, how it is read and kept, and what can be told from it."""
