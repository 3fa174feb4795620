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
``features``     the backbone runs once, logistic regression fits the head
``hardware``     precision, compilation, one device or several
``phases``       what is frozen when: head on a frozen backbone, then fine-tuning
``optimizers``   optimizers, and the learning rate of every step
``steps``        the gradients of one batch, shared among the devices
``averaging``    the moving average of the weights
``checkpoints``  the state after every epoch, for a training that is killed
``training``     all of this, epoch by epoch, and the best epoch kept
``tensorboard``  event files
``calibration``  temperature and suggested threshold, from the validation part
``evaluation``   probabilities of a network over photos, and what they are worth
``rejection``    what a threshold rejects, and what is wrong of the rest
``judge``        a finished network of any kind, ready to judge photos
``explanation``  Grad-CAM: where a Keras network looks
``object_mask``  where the object of a photo lies, estimated
``illustration`` heat maps beside photos: ``sorter-explain``
``plots``        pictures of all this
``report``       one HTML page with all of it, of parts from ``page`` and ``gallery``
``runs``         the run folder, complete or not there
``jobs``         one training as asked for: its photos, its network
``pipeline``     all of the above in order
``preview``      a dry run: network, photos, estimated time
``comparison``   several recipes, or several folds, and the table of their results
``quick_check``  what the ImageNet network says about the photos, before any training
``qat``          a finished run trained on for int8: ``qat_fitting`` trains, ``fake_quantization`` rounds
``tuning``       search space and candidates of ``sorter-tune``; ``tuner`` searches it
``cli``          ``sorter-train`` and ``sorter-evaluate``
================ ==========================================================================
"""
