"""What generated pairs of image and mask are worth to whoever trains a segmentation network.

Start with `measure.measure_usefulness`.
"""
