"""Run every benchmark, print its table, write its CSV."""

from runner.environment import ROOT
from tests.bench import checks, clock, growth, reports, speed, startup, sweep


def main() -> None:
    folder = ROOT / "outputs" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    for benchmark in (startup, checks, clock, growth, sweep, speed, reports):
        table = benchmark.measure()
        table.to_csv(folder / f"{benchmark.__name__.rpartition('.')[2]}.csv", index=False)
        print(f"{benchmark.__doc__}\n\n{table.to_string(index=False)}\n")
    print(f"CSV: {folder.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
