"""What is copied beside an exported model: predictions with numpy and onnxruntime alone."""
