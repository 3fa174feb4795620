"""Size and latency versus accuracy.

==================== =========================================================================
``latency``          how long a classification takes, fairly compared between candidates
``report``           one table, as text, Markdown, CSV and JSON
``cli``              ``sorter-bench``
``sweep``            ``sorter-bench pipeline``: photos on a belt, ``sorter-run``, an arm, ever faster
``overhead``         script: our classify() against the bare interpreter and MediaPipe
``startup``          script: time of --help, time to the first decision, memory
``augmentation``     script: our training pictures per second against Keras' ImageDataGenerator
``input_pipelines``  script: training input from the disk, ours and Keras' two
==================== =========================================================================
"""
