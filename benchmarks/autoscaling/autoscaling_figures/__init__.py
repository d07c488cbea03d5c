"""Autoscaling in simulated time: the product's own sizing beside its peers, on the same load.

``simulator`` is the world, ``controllers`` who decides, ``loads`` the traffic, ``bounds`` what
nobody beats, ``runs`` one run and many. ``single`` is A, ``budget`` B, ``faults`` C, ``decisions``
D, ``known`` P, ``sensitivity`` S; ``replay`` is a user's own trace; ``real`` is R, the same on a
real Kubernetes. ``page`` and whatever says so are pure. The product's functions are called as the
operator calls them, on a clock that is made up. What all benchmarks share is ``bench_figures``, in
``benchmarks/common``.
"""
