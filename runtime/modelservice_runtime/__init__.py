"""What runs inside the pods that the operator starts: builder, tuner and serving side.

The operator imports :mod:`modelservice_runtime.contract` and nothing else of this package;
this package never imports the operator.
"""
