"""The same jobs here, in threads, in processes or on a cluster: engines that others maintain."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from typing import Any

from transferscore import _checks

Run = Callable[[Any], Any]
Engine = Callable[[Run, Sequence[Any]], Iterator[Any]]

# What a joblib.Parallel returns at once, where results should be kept as they come.
JOBS_EACH = 4


def engine(executor: Any, *, keeps: bool) -> tuple[Engine, bool]:
    """What runs jobs, and whether it may run them in other processes.

    `keeps` says that results should come while others are still computed.
    """
    if executor is None:
        return _loop, False
    if isinstance(executor, str):
        joblib = _checks.from_extra("joblib", "joblib")
        parallel = joblib.Parallel(n_jobs=-1, backend=executor)
        return _of_joblib(parallel, joblib, keeps), executor not in ("threading", "sequential")
    if hasattr(executor, "get_executor") and hasattr(executor, "scatter"):  # Dask's client
        return _of_futures(executor.get_executor(pure=False)), True
    if isinstance(executor, Executor):
        return _of_futures(executor), not isinstance(executor, ThreadPoolExecutor)
    if hasattr(executor, "n_jobs") and callable(executor):
        joblib = _checks.from_extra("joblib", "joblib")
        return _of_joblib(executor, joblib, keeps), True
    raise _checks.executor_kind(executor)


def _loop(run: Run, jobs: Sequence[Any]) -> Iterator[Any]:
    return map(run, jobs)


def _of_futures(executor: Executor) -> Engine:
    def results(run: Run, jobs: Sequence[Any]) -> Iterator[Any]:
        futures = [executor.submit(run, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:  # an error, or Ctrl-C: nobody waits for the others
            for future in futures:
                future.cancel()

    return results


def _of_joblib(parallel: Any, joblib: Any, keeps: bool) -> Engine:
    def results(run: Run, jobs: Sequence[Any]) -> Iterator[Any]:
        at_once = JOBS_EACH * joblib.effective_n_jobs(parallel.n_jobs) if keeps else len(jobs)
        for first in range(0, len(jobs), max(1, at_once)):
            yield from parallel(joblib.delayed(run)(job) for job in jobs[first : first + at_once])

    return results
