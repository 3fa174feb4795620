"""model.keras → model.tflite: quantised, self-describing, and measured before it gets its name.

=================== ==================================================================================
``cli``             ``sorter-convert``
``options``         what a conversion is asked to do; ``formats``: the names that it may be given
``sources``         what is converted: a training run, or a network from elsewhere
``preparation``     network and photos, gathered and checked before the first file is made
``representative``  the pictures that quantisation calibrates its ranges on
``pipeline``        convert, gate, pack, write
``conversion``      what the worker is asked for; ``packing``: the file made of its answer
``activations``     what every layer of a .tflite gives for a picture
``diagnosis``       what every layer loses to quantisation
``ranges``          ranges of activations, and quantisation with ranges of one's own
``two_steps``       calibration and quantisation with a remedy between them
``repair``          remedies, tried in the order of what they cost
``judgement``       the verdict on a file: passed, diagnosed, repaired, refused
``gate``            what the conversion cost, and whether that is allowed
``worker_process``  the worker, seen from here: started, asked, started again
``worker``          the TensorFlow work, in a process of its own; with TensorFlow are also loaded:
``networks``        networks read and run
``flatbuffers``     TensorFlow's converter
``unsupported``     operators that are not there, and the layers they belong to; ``saturation``: idle ReLU6
``metadata``        TFLite Metadata inside the flatbuffer
=================== ==================================================================================
"""
