"""What the studies' trainings had wrong in one place or another, and what is done here instead.

Most of it the toolkit rules out for every recipe; where a recipe itself had to change, its ``note`` says so.
"""

DROPOUT = "Dropout acts before the last layer, not on its logits."

VALIDATION = "Validation photos are never augmented."

EVERYWHERE = (
    "Validation, test and device pictures are scaled as training pictures are: scaling is a layer of the network.",
    VALIDATION,
    "The test part is set apart before training, near-duplicates together, and never drawn from the training photos.",
    "Labels come from the class folders and travel with the network, not from a hand-written list.",
    "Predictions are made at the size of the training: the size is the network's input, and one function prepares it.",
)
"""What holds for all recipes."""
