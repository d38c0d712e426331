"""Jobs on workers: each in a fresh process, watched, tried again elsewhere; Dask does the rest."""
