"""What stays for good is not searched for garbage after each look at a page.

Streamlit searches all objects of the process after every run of a page. With torch and the pages'
libraries that takes longer than the drawing itself, and the images wait: they are fetched from this
process while it does nothing else.
"""

import gc
import sys
from threading import Lock

_lock = Lock()
_settled = 0  # modules that were there when it was last done


def settle() -> None:
    """Leave what the process holds out of later searches, whenever modules were imported since.

    What was left out before is searched once more, so what ended since is freed then.
    """
    global _settled  # noqa: PLW0603 - one process has one heap
    with _lock:
        if len(sys.modules) <= _settled:
            return
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        _settled = len(sys.modules)
