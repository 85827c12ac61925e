"""Networks that users have written: run in a sandbox at each party, and trained by rounds."""

from coterie.learn.modules.component import Module
from coterie.learn.modules.params import ModuleParams
from coterie.learn.modules.process import Building, ModuleProcess, weights_of
from coterie.learn.modules.trainer import SandboxedTrainer

__all__ = ["Building", "Module", "ModuleParams", "ModuleProcess", "SandboxedTrainer", "weights_of"]
