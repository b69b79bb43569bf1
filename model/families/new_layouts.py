"""New layouts for training: G and D see, beside those of the data, what is drawn by later."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..layout_bank import LayoutBank
from ..parallel import Draws

OF_A_CLASS = 128
"""New layouts a class. They are drawn before the first step: each takes milliseconds."""


@dataclass(frozen=True)
class NewLayouts:
    """Layouts that a bank drew, on the device.

    Attributes:
        maps: uint8 [classes, OF_A_CLASS, K, S, S], 0 to 255.
        told: bool [classes, OF_A_CLASS]; false for a class of which the bank knows nothing.
    """

    maps: Tensor
    told: Tensor

    @classmethod
    def drawn(cls, bank: LayoutBank, side: int, seed: int, device: torch.device) -> "NewLayouts":
        """Draw them; the same bank and seed give the same ones."""
        classes = len(bank.counts)
        every = torch.eye(classes).repeat_interleave(OF_A_CLASS, 0)
        found = bank.draw(every, side, seed)
        shape = (classes, OF_A_CLASS)
        maps = torch.from_numpy(found.maps).view(*shape, *found.maps.shape[1:])
        return cls(maps.to(device), torch.from_numpy(found.told).view(shape).to(device))

    def mixed(self, given: Tensor, labels: Tensor, share: float, draws: Draws) -> Tensor:
        """Layouts of a batch, of which a share are replaced by new ones of the same class.

        Args:
            given: layouts as `model.layout_bank.given` makes them, float [N, K + 1, S, S].
            labels: int64 [N].
            share: 0 to 1.
            draws: of which are replaced, and by which.

        Returns:
            As `given`.
        """
        count = len(labels)
        which = (draws.uniform(count) * OF_A_CLASS).long()
        new = (draws.uniform(count) < share) & self.told[labels, which]
        maps = self.maps[labels, which].to(given.dtype) / 255
        told = torch.ones_like(given[:, :1])
        return torch.where(new[:, None, None, None], torch.cat([maps, told], 1), given)
