"""Public kernels as functions for `python -m conformance judge`, each run without a GPU by an interpreter."""

from typing import Any


def fla_loss(logits: Any, labels: Any, *, ignore_index: int = -100, label_smoothing: float = 0.0) -> Any:
    """Call cross_entropy_loss of flash-linear-attention, a Triton kernel on tensors of PyTorch."""
    from fla.modules.fused_cross_entropy import cross_entropy_loss

    return cross_entropy_loss(logits, labels, label_smoothing=label_smoothing, ignore_index=ignore_index)[0]


def pallas_softmax(x: Any) -> Any:
    """Call the softmax of jax.experimental.pallas.ops.gpu, a Pallas kernel on arrays of JAX."""
    from jax.experimental.pallas.ops.gpu.softmax import softmax

    return softmax(x, interpret=x.device.platform == "cpu")


def cut_cross_entropy(
    hidden: Any, matrix: Any, labels: Any, *, reduction: str = "none", ignore_index: int = -100
) -> Any:
    """Call linear_cross_entropy of cut-cross-entropy: torch.compile on a CPU, its Triton kernel on a GPU."""
    from cut_cross_entropy import linear_cross_entropy

    given = {"reduction": reduction, "ignore_index": ignore_index}
    return linear_cross_entropy(
        hidden, matrix, labels, impl="cce" if hidden.is_cuda else "torch_compile", **given
    )


def fla_linear_loss(
    hidden: Any,
    matrix: Any,
    labels: Any,
    *,
    bias: Any = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """Call fused_linear_cross_entropy_loss of flash-linear-attention, which has no unreduced loss."""
    from fla.modules.fused_linear_cross_entropy import fused_linear_cross_entropy_loss

    given = {"ignore_index": ignore_index, "label_smoothing": label_smoothing, "reduction": reduction}
    return fused_linear_cross_entropy_loss(hidden, labels, matrix, bias, **given)
