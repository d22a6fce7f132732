"""Processes, environments and the machine that a run happens in; nothing here decides an outcome."""
