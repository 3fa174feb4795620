"""The contract that trainer, converters, edge and benchmarks share: NumPy and OpenCV only, never TensorFlow.

The package itself imports nothing heavy, so that every command answers ``--help`` at once; take what you need from
its modules:

================ ===================================================================
``errors``       the tree of errors and their exit codes
``image``        reading pictures, and the one preprocessing function
``dataset``      class folders and ``split.csv``
``manifest``     ``sorter.json``: what a network is and how well it did
``bundle``       one ``.tflite`` that carries its labels and its manifest
``interpreter``  LiteRT or tflite-runtime, chosen in one place
``classifier``   camera frame in, probabilities out
``flatbuffer``   a ``.tflite`` as Python objects, by the schema of whichever library is there
``equalization`` channels scaled so that a network quantises better; works on Keras networks that it is given,
                 as do ``channels``, which finds those that may be scaled, and ``int8_weights``, which
                 says how their weights are rounded
``metrics``      accuracy, confusion, calibration error
``files``        files that are complete or not there at all
``cli``          what all commands share
================ ===================================================================
"""

from sorter._version import __version__

__all__ = ["__version__"]
