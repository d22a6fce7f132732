"""Public kernels as functions for `python -m conformance judge`, each run without a GPU by an interpreter."""

from typing import Any

from adapters.protocol import NotProvided


def fla_loss(logits: Any, labels: Any, *, ignore_index: int = -100, label_smoothing: float = 0.0) -> Any:
    """Call cross_entropy_loss of flash-linear-attention, a Triton kernel on tensors of PyTorch."""
    from fla.modules.fused_cross_entropy import cross_entropy_loss

    return cross_entropy_loss(logits, labels, label_smoothing=label_smoothing, ignore_index=ignore_index)[0]


def pallas_softmax(x: Any) -> Any:
    """Call the softmax of jax.experimental.pallas.ops.gpu, a Pallas kernel on arrays of JAX."""
    from jax.experimental.pallas.ops.gpu.softmax import softmax

    return softmax(x, interpret=x.device.platform == "cpu")


def cut_cross_entropy(
    hidden: Any, matrix: Any, labels: Any, *, reduction: str = "mean", ignore_index: int = -100
) -> Any:
    """Call linear_cross_entropy of cut-cross-entropy: its torch.compile on a CPU, its Triton kernel on a GPU."""
    import torch
    from cut_cross_entropy import linear_cross_entropy

    torch._dynamo.config.cache_size_limit = 1_000_000  # else it refuses what it compiles for the ninth time
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
    """Call fused_linear_cross_entropy_loss of flash-linear-attention, kernels in chunks of rows."""
    from fla.modules.fused_linear_cross_entropy import fused_linear_cross_entropy_loss

    if reduction == "none":
        raise NotProvided("fused_linear_cross_entropy_loss has reductions alone, and takes any other for a sum")
    given = {"ignore_index": ignore_index, "label_smoothing": label_smoothing, "reduction": reduction}
    return fused_linear_cross_entropy_loss(hidden, labels, matrix, bias, **given)


def jax_cce(hidden: Any, matrix: Any, labels: Any, *, reduction: str = "mean", chunk: int | None = None) -> Any:
    """Call linear_cross_entropy of jax-cce, a scan over chunks of classes."""
    from jax_cce import linear_cross_entropy

    if reduction != "mean":
        raise NotProvided("linear_cross_entropy of jax-cce is a mean")
    return linear_cross_entropy(hidden, matrix, labels, **({"chunk_size": chunk} if chunk else {}))
