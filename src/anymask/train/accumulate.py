"""A step's batches added up one by one, so that it does not matter which process did which."""

import torch
from torch import Tensor, nn


class StepSums:
    """Gradients and running statistics of the batches of one step.

    Each batch begins from the state before the step and is added up by itself, as two processes
    would do it; so both ways give the same numbers to the last digit.

    Args:
        model: The model, at the beginning of a step.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.before = _statistics(model)
        self.gradients: dict[nn.Parameter, Tensor] = {}
        self.statistics: list[list[Tensor]] = []

    def add(self) -> None:
        """Set a batch's gradients and statistics aside, and give the model its state back."""
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                sum_before = self.gradients.get(parameter)
                self.gradients[parameter] = (
                    parameter.grad if sum_before is None else sum_before.add_(parameter.grad)
                )
                parameter.grad = None
        self.statistics.append(_statistics(self.model))
        self.put_back()

    def finish(self) -> None:
        """Give the model the sums of the gradients and the means of the statistics."""
        for parameter, gradient in self.gradients.items():
            parameter.grad = gradient
        means = [
            torch.stack(of_batches).mean(0) for of_batches in zip(*self.statistics, strict=True)
        ]
        _copy_into(self.model, means)

    def put_back(self) -> None:
        """Give the model the statistics it had before the step."""
        _copy_into(self.model, self.before)


def _statistics(model: nn.Module) -> list[Tensor]:
    return [buffer.clone() for buffer in model.buffers() if buffer.is_floating_point()]


@torch.no_grad()
def _copy_into(model: nn.Module, values: list[Tensor]) -> None:
    buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    for buffer, value in zip(buffers, values, strict=True):
        buffer.copy_(value)
