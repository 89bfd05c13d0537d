"""`rnnlab export`: a trained model as files that need neither rnnlab nor torch."""
