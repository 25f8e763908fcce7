"""A process that trains: told what it must know before torch is loaded, and kept from talking out of turn."""

from __future__ import annotations

import logging
import os
import warnings

from eigen_graph.core import EigenGraphError

_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive",  # threads that wait by spinning starve those that work, where cores are shared
    "HF_HUB_OFFLINE": "1",  # nothing is fetched or told unasked
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def prepare_process(*, quiet: bool = False) -> None:
    """Set what torch and the hub read as they are loaded, where the environment does not say otherwise, and load them.

    Args:
        quiet: Let libraries print errors only: no progress bars, no warnings. For the command line.

    Raises:
        EigenGraphError: The extra `rl` is not installed.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if quiet:
        warnings.simplefilter("ignore")
    try:
        import datasets  # noqa: F401, PLC0415
        import torch  # noqa: F401, PLC0415
        import trl  # noqa: F401, PLC0415
    except ImportError as error:
        raise EigenGraphError(
            f"training needs torch and TRL, and {error.name or 'one of them'} is not installed: "
            "pip install 'eigen-graph[rl]'"
        ) from None
    if quiet:
        _quieten()


def _quieten() -> None:
    from datasets.utils.logging import disable_progress_bar as no_data_bars  # noqa: PLC0415
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    no_data_bars()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    for name in ("trl", "accelerate", "peft", "datasets", "torch"):
        logging.getLogger(name).setLevel(logging.ERROR)
