"""The distillation loss: nothing to learn from itself, gradients for the student alone."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from modelservice_runtime.builder.techniques.distillation import distillation_loss


@pytest.mark.parametrize("classes", [True, False])
def test_a_student_that_answers_as_its_teacher_has_nothing_to_learn(classes: bool) -> None:  # noqa: FBT001
    output = torch.randn(6, 5)
    assert distillation_loss(output, output.clone(), classes=classes).item() == pytest.approx(0)


def test_it_is_hintons_loss() -> None:
    student, teacher = torch.randn(6, 5), torch.randn(6, 5)
    likely = functional.softmax(teacher / 3, dim=1)
    by_hand = (likely * (likely.log() - functional.log_softmax(student / 3, dim=1))).sum(1).mean()
    assert distillation_loss(student, teacher, 3.0).item() == pytest.approx(9 * by_hand.item())


def test_each_token_counts_as_a_row() -> None:
    student, teacher = torch.randn(2, 7, 5), torch.randn(2, 7, 5)
    flat = distillation_loss(student.reshape(14, 5), teacher.reshape(14, 5))
    assert distillation_loss(student, teacher).item() == pytest.approx(flat.item())


def test_without_classes_it_is_the_mean_squared_difference() -> None:
    found = distillation_loss(torch.zeros(3, 4), torch.full((3, 4), 2.0), classes=False)
    assert found.item() == 4


@pytest.mark.parametrize("classes", [True, False])
def test_only_the_student_gets_gradients(classes: bool) -> None:  # noqa: FBT001
    student = torch.randn(3, 4, requires_grad=True)
    teacher = torch.randn(3, 4, requires_grad=True)
    distillation_loss(student, teacher, classes=classes).backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature must be positive"):
        distillation_loss(torch.zeros(2, 3), torch.zeros(2, 3), temperature)


def test_outputs_of_different_shapes_are_refused_with_both() -> None:
    with pytest.raises(ValueError, match=r"\[2, 3\] and \[2, 4\]"):
        distillation_loss(torch.zeros(2, 3), torch.zeros(2, 4))
