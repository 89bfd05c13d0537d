"""From words on the command line to a checked, plain configuration; nothing here imports torch."""
