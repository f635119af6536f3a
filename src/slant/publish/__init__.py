"""From a trained model to a bundle: export, compression judged, golden answers recorded, a card; several bundles as one."""

from slant.publish.export import Origin, export_bundle, exportable
from slant.publish.merge import merge_bundles

__all__ = ["Origin", "export_bundle", "exportable", "merge_bundles"]
