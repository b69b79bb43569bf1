"""The generator, without normalisation or style; the discriminator is `critic.Discriminator`."""

from ..residual import ResidualGenerator

Generator = ResidualGenerator
