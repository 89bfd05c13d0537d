"""Reading a run without touching it: gradient norms and where they are shown."""
