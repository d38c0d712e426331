"""Training networks: the loop, schedules, augmentation, callbacks."""
