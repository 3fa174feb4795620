"""Photos in, trained network out: the run folder that ``sorter-convert`` turns into a ``.tflite``.

A training passes through these modules in this order; each is a stage with one result:

================ ==========================================================================
``recipes``      what to train and how: frozen dataclasses, no TensorFlow
``cache``        photos decoded and resized once into a memory-mapped array
``duplicates``   photos of the same scene, found by perceptual hash, form groups
``split``        groups divided into train, validation and test
``backbones``    networks of keras.applications, with their scaling inside
``weights``      weights files of all kinds, fitted to a backbone
``networks``     Keras graphs from a recipe; what is frozen
``augmentation`` one fused affine warp and one colour transform per picture
``batches``      augmented, balanced, mixed batches, made in the background
``features``     phase one: the backbone runs once, logistic regression fits the head
``training``     phase two: epochs, weight averaging, best checkpoint
``calibration``  temperature and suggested threshold, from the validation part
``evaluation``   probabilities of a network over photos, and what they are worth
``plots``        pictures of all this
``report``       one HTML page with all of it
``runs``         the run folder, complete or not there
``pipeline``     all of the above in order
``quick_check``  what the ImageNet network says about the photos, before any training
``cli``          ``sorter-train`` and ``sorter-evaluate``
================ ==========================================================================
"""
