"""What a machine with one GPU makes of the default recipe, in at most nine minutes.

Start with `measure.measure`. It needs torch, numpy, scipy, pydantic and safetensors alone, so that
it runs where the rest of medloom is not installed: `python -m bench.gpu`.
"""
