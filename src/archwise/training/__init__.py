"""One training loop, its optimizers and schedules, checkpoints and devices."""
