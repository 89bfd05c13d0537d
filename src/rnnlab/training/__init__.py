"""The LightningModule, checkpoints, and callbacks that train."""
