"""`handgrad machine`: what this machine can do at most, which `floor_ms` and `efficiency` are made of."""

import argparse


def main(options: argparse.Namespace) -> int:
    """Print how fast data is moved and matrices are multiplied; measure the first time, or again."""
    import torch

    from runner.clock.ceilings import ceilings
    from runner.errors import BadInput

    if options.threads is not None:
        if not 1 <= options.threads <= (most := torch.get_num_threads()):
            raise BadInput(f"--threads {options.threads}: must be an integer from 1 to {most}")
        torch.set_num_threads(options.threads)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise BadInput(f"--device cuda: PyTorch {torch.__version__} finds no such device here")
    known = ceilings(torch.device(options.device), again=options.again)
    print(f"{known.machine}, measured at {known.measured_at}\n")
    print(f"{'bytes moved':>12}  {'least ms':>9}  {'GB/s':>6}")
    for size, seconds in sorted(known.seconds.items()):
        print(f"{size:>12}  {seconds * 1e3:>9.4g}  {size / seconds / 1e9:>6.1f}")
    print(f"\n{'matrix products':>15}  {'GFLOP/s':>8}")
    for dtype, rate in known.flops.items():
        print(f"{dtype.removeprefix('torch.'):>15}  {rate / 1e9:>8.1f}")
    return 0


def arguments(made: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    made.add_argument("--again", action="store_true", help="measure anew, as after a busy moment")
    made.add_argument("--threads", type=int, help="of PyTorch; all that it takes by itself")
    made.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cpu, or the first GPU")
