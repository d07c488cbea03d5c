"""The loss that lets a pruned module learn from the dense one. torch only.

A training entrypoint gets ``distillation_loss`` as an argument; nothing has to be imported.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def distillation_loss(
    student_output: torch.Tensor,
    teacher_output: torch.Tensor,
    temperature: float = 2.0,
    *,
    classes: bool = True,
) -> torch.Tensor:
    """How far the student's output is from the teacher's, a scalar to minimize.

    ``classes``: the last dimension holds the logits of classes; the loss is Hinton's (2015):
    T² · KL(softmax(teacher / T) ‖ softmax(student / T)), averaged over all other dimensions. T,
    the ``temperature``, lets the unlikely classes count, and T² keeps the gradient's size.
    Without ``classes`` (embeddings, regression) it is the mean squared difference.

    Raises:
        ValueError: the shapes differ, or the temperature is not positive.
    """
    if student_output.shape != teacher_output.shape:
        shapes = f"{list(student_output.shape)} and {list(teacher_output.shape)}"
        raise ValueError(f"student's and teacher's outputs have different shapes: {shapes}")
    teacher_output = teacher_output.detach()
    if not classes:
        return functional.mse_loss(student_output, teacher_output)
    if temperature <= 0:
        raise ValueError(f"the temperature must be positive: {temperature}")
    student = functional.log_softmax(student_output / temperature, dim=-1).flatten(0, -2)
    teacher = functional.log_softmax(teacher_output / temperature, dim=-1).flatten(0, -2)
    loss = functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return loss * temperature**2
