"""The words of the command line but `train`, one file or folder each."""
