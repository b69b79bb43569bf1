"""What the watermark costs, how often it is found where it is not, and what it survives.

`measure_marks` measures all three on one data set; docs/marks.md states the figures.
"""
