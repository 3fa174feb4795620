"""model.keras → model.tflite: quantised, self-describing, and measured before it gets its name.

=================== ==================================================================================
``run_folder``      what ``sorter-train`` left behind
``representative``  the pictures that quantisation calibrates its ranges on
``worker``          the TensorFlow work, in a process of its own
``equalization``    makes a network quantise better without changing what it computes
``formats``         which formats there are
``conversion``      starting that process, and what it gives back
``metadata``        TFLite Metadata inside the flatbuffer
``gate``            what the conversion cost, and whether that is allowed
``cli``             ``sorter-convert``
=================== ==================================================================================
"""
