"""The runtimes that a file can be made for: what each can run, how it is tried out, and which files it gets.

=================== ==================================================================================
``facts``           what a flatbuffer is made of
``trial``           running a file once with a target's own runtime, in a process of its own
``tflite_runtime``  tflite-runtime 2.14: operator versions
``edgetpu``         Coral's Edge TPU: operators, full integer, Google's compiler
``microcontroller`` TensorFlow Lite for Microcontrollers: operators, C source; ``arena``: its memory
``onnx``            ONNX, through tf2onnx
=================== ==================================================================================

Each target's module has ``RUNTIME`` (a name in ``trial.RUNTIMES``, or nothing), ``check(facts)``, which raises a
``ConversionError`` naming what the target cannot run, and ``finish(content, facts, path)``, which gives the files to be
written, by path, and figures for the user.
"""
