"""From the organiser's files to batches: readers, dataset, folds, images, cache."""
