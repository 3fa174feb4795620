"""What stands in for hardware and photographs: product, not mocks.

============== ==================================================================
``fruit``      six fruits drawn from numbers (``shape``, ``skin``, ``light``,
               ``background``, ``texture``)
``collection`` a data set of them
``exhibit``    what lies on the platform
``world``      the platform and the truth about it
``camera``     a camera above it: ``sim:`` and ``sim:FOLDER``
``arm``        an arm that speaks line protocol 1 (``mechanism``) on a bad link
``pty``        the same on a real pseudo-terminal
``address``    options in a ``sim:`` address
============== ==================================================================
"""
