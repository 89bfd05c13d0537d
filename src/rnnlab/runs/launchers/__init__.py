"""Where the workers of a sweep run: this process, others of this machine, Slurm, Ray."""
