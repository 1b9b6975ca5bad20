"""`import handgrad`: what it costs, what it has, and what its functions give back."""

import subprocess
import sys

import pytest
import torch

import handgrad
from tests.doors.subjects import MISTAKES, function, module, plain, reference

x, w = torch.randn(6, 5), torch.randn(5)


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("import handgrad, handgrad.pytest_plugin", ("torch", "numpy", "hydra", "pandas", "runner")),
        ("import handgrad; handgrad.judge", ("hydra", "omegaconf", "pandas", "experiments", "jax", "pytest")),
    ],
)
def test_importing_loads_no_more_than_is_asked_for(code: str, missing: tuple[str, ...]) -> None:
    told = f"{code}; import sys; print(*[name for name in {missing!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there() -> None:
    for name in handgrad.__all__:
        assert getattr(handgrad, name) is not None
        assert name in dir(handgrad)
    with pytest.raises(AttributeError, match="jude"):
        handgrad.jude  # noqa: B018


def test_a_result_is_true_or_false_has_rows_and_prints_itself() -> None:
    right = handgrad.judge(function(MISTAKES["none"]), reference, x, w)
    wrong = handgrad.judge(function(MISTAKES["factor"]), reference, x, w, dtypes=[torch.float32, "bfloat16"])
    assert right
    assert not wrong
    assert [(row["wrt"], row["dtype"]) for row in wrong.failing] == [("x", "float32"), ("x", "bfloat16")]
    assert "off by a factor of 2" in repr(wrong)
    assert "dimensions: x0=6: x[0]; x1=5: x[1], w[0]" in str(wrong)
    assert "off by a factor of 2" in wrong._repr_html_()
    frame = wrong.to_frame()
    assert [*frame["elements"]] == [30, 5, 30, 5]
    assert frame["truth_error"].dtype == "float64"
    assert frame["git_dirty"].dtype == "boolean"


def test_a_cell_can_be_run_again_with_another_function_of_the_same_name() -> None:
    for mistake, right in (("none", True), ("factor", False), ("none", True)):
        assert bool(handgrad.judge(function(MISTAKES[mistake]), reference, x, w)) == right


def test_second_order_and_timing_are_asked_for() -> None:
    result = handgrad.judge(
        function(MISTAKES["none"]), reference, x, w, check="full", second_order=True, timing=True
    )
    assert result, str(result)
    assert all(row["manual_ms"] > 0 and row["speedup"] > 0 for row in result.rows)


def test_two_implementations_side_by_side() -> None:
    other = handgrad.compare(module(MISTAKES["none"]), module(MISTAKES["factor"]), x, reference=reference)
    assert not other
    assert {row["derivation"] for row in other.rows} == {"old", "new"}
    assert {(row["derivation"], row["wrt"]) for row in other.failing} == {("new", "x")}
    apart = {difference.wrt: difference for difference in other.differences}
    assert apart["w"].same_bits == apart["w"].elements == 5
    assert apart["x"].apart == pytest.approx(apart["x"].size, rel=1e-6)  # one is twice the other
    assert all(row["peak_memory_mb"] >= 30 * 4 / 1e6 for row in other.rows)
    assert "one against the other, w float32: the same bits" in str(other)


def test_a_plain_function_stands_for_the_reference_of_what_replaces_it() -> None:
    same = handgrad.compare(reference, function(MISTAKES["none"]), x, w, timing=False)
    assert same
    assert {row["derivation"] for row in same.rows} == {"reference", "ScaledTanh"}


def test_formulas_of_the_catalogue_run_from_python() -> None:
    result = handgrad.run("softmax", dtype="bfloat16", shape={"size": [3, 9]}, check="full")
    assert result, str(result)
    assert [row["shape"] for row in result.rows] == ["size=[3,9]"] * len(result.rows)
    with pytest.raises(handgrad.BadInput, match="did you mean 'softmax'"):
        handgrad.run("softmx")
    with pytest.raises(handgrad.BadInput, match="unknown setting 'dtpye'; did you mean 'dtype'"):
        handgrad.run("softmax", dtpye="float32")


def test_a_straight_through_gradient_is_that_of_what_it_stands_for() -> None:
    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return x.round()

        @staticmethod
        def backward(ctx: object, grad_y: torch.Tensor) -> torch.Tensor:
            return grad_y.clone()

    assert not handgrad.judge(Round, torch.round, 3 * x)
    assert handgrad.judge(Round, torch.round, 3 * x, derivative_of=lambda x: x, check="full")


def test_random_numbers_are_the_same_in_forward_and_reference() -> None:
    class Dropout(torch.autograd.Function):
        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, x: torch.Tensor, p: float) -> torch.Tensor:
            kept = (torch.rand_like(x) > p).to(x) / (1 - p)
            ctx.save_for_backward(kept)
            return x * kept

        @staticmethod
        def backward(ctx: object, grad_y: torch.Tensor) -> tuple[torch.Tensor, None]:
            (kept,) = ctx.saved_tensors  # type: ignore[attr-defined]
            return grad_y * kept, None

    def dropout(x: torch.Tensor, p: float) -> torch.Tensor:
        return x * ((torch.rand_like(x) > p).to(x) / (1 - p))

    result = handgrad.judge(Dropout, dropout, x, 0.3, random=True, check="full")
    assert result, str(result)
    assert not handgrad.judge(Dropout, dropout, x, 0.3)


def test_a_generator_is_handed_on_in_the_same_state() -> None:
    def noisy(x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return x * torch.rand(x.shape, generator=rng, dtype=torch.float64).to(x)

    class Noisy(torch.autograd.Function):
        @staticmethod
        def forward(
            ctx: torch.autograd.function.FunctionCtx, x: torch.Tensor, rng: torch.Generator
        ) -> torch.Tensor:
            noise = torch.rand(x.shape, generator=rng, dtype=torch.float64).to(x)
            ctx.save_for_backward(noise)
            return x * noise

        @staticmethod
        def backward(ctx: object, grad_y: torch.Tensor) -> tuple[torch.Tensor, None]:
            (noise,) = ctx.saved_tensors  # type: ignore[attr-defined]
            return grad_y * noise, None

    result = handgrad.judge(Noisy, noisy, x, torch.Generator().manual_seed(3), check="full")
    assert result, str(result)


@pytest.mark.parametrize(
    ("backward", "says"),
    [
        (lambda g, z: 2 * g * z.conj(), None),
        (lambda g, z: 2 * g * z, "the derivative is not conjugated"),
        (lambda g, z: 2 * g.conj() * z.conj(), "the upstream gradient is conjugated"),
        (lambda g, z: 2 * g.conj() * z, "the gradient is the conjugate of the right one"),
    ],
)
def test_complex_numbers_follow_the_convention_of_pytorch(backward: object, says: str | None) -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, z: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx: object, grad_y: torch.Tensor) -> torch.Tensor:
            return backward(grad_y, *ctx.saved_tensors)  # type: ignore[operator,attr-defined,no-any-return]

    z = torch.randn(3, 4, dtype=torch.complex64)
    result = handgrad.judge(Square, lambda z: z * z, z, check="full")
    assert bool(result) == (says is None)
    assert [row["gradient_shape"] for row in result.rows] == ["3x4x2"]
    assert (says or "") in result.rows[0]["diagnosis"]


def test_inputs_of_several_dtypes_keep_theirs() -> None:
    def backward(grad_y: torch.Tensor, x: torch.Tensor, w: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"x": (grad_y.float() * w).to(x.dtype), "w": (grad_y.float() * x.float()).sum(0)}

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return (x * w).to(x.dtype)

    result = handgrad.judge(backward, forward, x.bfloat16(), w, check="full")
    assert result, str(result)
    rounded = handgrad.judge(
        lambda grad_y, x, w: {n: g.to(x.dtype) for n, g in backward(grad_y, x, w).items()},
        forward, x.bfloat16(), w,
    )  # fmt: skip
    assert [row["failed_checks"] for row in rounded.rows if row["wrt"] == "w"] == ["dtype"]


def test_constants_are_those_that_need_no_gradient_where_others_do() -> None:
    result = handgrad.judge(plain(MISTAKES["no slope"]), reference, x, w.clone().requires_grad_())
    assert [row["wrt"] for row in result.rows] == ["w"] or not result
    fixed = handgrad.judge(
        lambda grad_y, x, w: {"w": (grad_y * torch.tanh(x)).sum(0)}, reference, x, w, constants=("x",)
    )
    assert fixed
    assert [row["wrt"] for row in fixed.rows] == ["w"]
