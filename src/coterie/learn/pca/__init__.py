"""Principal components of all features."""

from coterie.learn.pca.component import Pca
from coterie.learn.pca.model import Components, load_components
from coterie.learn.pca.params import PcaParams
from coterie.learn.pca.record import PcaComponent, PcaFeature, PcaRecord

__all__ = ["Components", "Pca", "PcaComponent", "PcaFeature", "PcaParams", "PcaRecord", "load_components"]
