"""The four studies' result tables, made again: ``sorter-bench study``.

``published`` has what the studies state, ``plan`` what is to be trained, ``programs`` starts the programs that do the
work, ``execution`` chains them and stores what is done, ``rows``, ``table``, ``chart`` and ``page`` show it.
"""
