"""Camera → decision → one bin command per object, acknowledged. Runs on the device; never imports TensorFlow.

=============== ==========================================================================
``cameras``     one protocol, many sources: V4L2, CSI, streams, videos, folders, simulated
``capture``     the newest frame, from a thread of its own
``trigger``     when does an object lie ready
``decision``    from probabilities to a bin
``loop``        the state machine, a pure function
``arms``        one protocol; line protocol 1 over a serial port
``journal``     what happened to every object
``runtime``     carries out what the state machine wants
``statistics``  latencies of each stage
``simulation``  a platform, its objects and an arm that are not there
``cli``         ``sorter-run``
``sim_cli``     ``sorter-sim``
=============== ==========================================================================
"""
