"""Work on many things at once, on joblib: the results, and their order, are those of one after another.

By default all cores of this machine share it. ``joblib.parallel_config`` around a call changes that: ``n_jobs=2`` takes
two of them, ``backend="dask"`` the workers of a Dask cluster.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Iterable[Item], *, shares: bool = False) -> Iterator[Result]:
    """``work`` of each item, in the items' order, by threads: for what computes outside of Python, as NumPy does.

    Items are taken when threads are free for them, and results wait in memory until they are taken: let them be small.
    Let items be blocks that take milliseconds, for handing one over takes 0.2 ms. Inside of ``work``, all is done one
    after another.

    Args:
        work: what is done with an item; it must not depend on what is done with others, nor on the number of threads
            that BLAS has.
        items: what it is done with.
        shares: whether ``work`` has to be done in this process: it writes into arrays, or cannot be pickled.

    Raises:
        Exception: that of the work which fails first; what waits is not begun.
    """
    items = iter(items)
    first = [*itertools.islice(items, 2)]
    if len(first) < 2:  # joblib takes a quarter of a second to load
        yield from map(work, first)
        return
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    backend, jobs = get_active_backend()
    if jobs is None and backend.default_n_jobs == 1:  # Dask's takes all workers by itself
        jobs = 1 if backend.nesting_level else -1
    parallel = Parallel(n_jobs=jobs, prefer="threads", require="sharedmem" if shares else None, return_as="generator")
    yield from parallel(delayed(work)(item) for item in itertools.chain(first, items))
