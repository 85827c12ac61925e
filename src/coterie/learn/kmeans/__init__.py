"""Clusters of rows by Lloyd's iterations."""

from coterie.learn.kmeans.component import Kmeans
from coterie.learn.kmeans.model import Clusters, load_clusters
from coterie.learn.kmeans.params import KmeansParams
from coterie.learn.kmeans.record import Cluster, ClusterFeature, KmeansRecord

__all__ = [
    "Cluster",
    "ClusterFeature",
    "Clusters",
    "Kmeans",
    "KmeansParams",
    "KmeansRecord",
    "load_clusters",
]
