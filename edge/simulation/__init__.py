"""What stands in for hardware and photographs: product, not mocks.

============== ==================================================================
``fruit``      six fruits drawn from numbers (``shape``, ``skin``, ``light``,
               ``background``, ``texture``)
``collection`` a data set of them
``exhibit``    what lies on the platform
``world``      the platform and the truth about it (``world_options``;
               ``weather`` disturbs its light)
``camera``     a camera above it: ``sim:`` and ``sim:FOLDER``, with
               ``faults``
``arm``        an arm that speaks line protocol 1 (``mechanism``) on a bad link
``pty``        the same on a real pseudo-terminal
``platform``   camera and arm as a program of its own; ``stream`` serves
               the pictures
``address``    options in a ``sim:`` address
============== ==================================================================
"""
