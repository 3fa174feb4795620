"""What is wrong with a data set, before a training is spent on it: ``sorter-audit``."""
