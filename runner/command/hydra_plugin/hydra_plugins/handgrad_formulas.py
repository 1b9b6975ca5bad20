"""An experiment for each formula, which Hydra finds where `conf/experiment` has no file of that name.

A source of its own: a node of the ConfigStore would be taken for the schema of a YAML of the same name.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from runner.files import formula_modules

GROUP = "experiment"


class FormulaSource(ConfigSource):
    """Holds `experiment/NAME`: no more than the name of the formula, which brings its example along."""

    @staticmethod
    def scheme() -> str:
        """Return what its place in the search path begins with."""
        return "formulas"

    def available(self) -> bool:
        """Tell that it can be read."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Tell the group from what is none."""
        return config_path.strip("/") in ("", GROUP)

    def is_config(self, config_path: str) -> bool:
        """Tell whether a path names a formula."""
        group, _, name = config_path.strip("/").removesuffix(".yaml").rpartition("/")
        return group == GROUP and name in formula_modules()

    def load_config(self, config_path: str) -> ConfigResult:
        """Return the experiment of a formula."""
        formula = config_path.removesuffix(".yaml").rpartition("/")[2]
        config = OmegaConf.create({"formula": formula})
        return ConfigResult(self.provider, self.full_path(), config, header={"package": "_global_"})

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return the names below a path, for glob(*) and completion."""
        below = {"": ([GROUP], ObjectType.GROUP), GROUP: (sorted(formula_modules()), ObjectType.CONFIG)}
        names, kind = below.get(config_path.strip("/"), ([], None))
        return names if results_filter in (None, kind) else []


class FormulasLast(SearchPathPlugin):
    """Lets Hydra look into files first: those of `conf`, and of `--config-dir`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the source at the end: Hydra puts `--config-dir` before the first that is called schema."""
        search_path.append("schema", f"{FormulaSource.scheme()}://")
