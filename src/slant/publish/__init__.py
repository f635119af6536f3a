"""From a trained model to a bundle: export, compression judged, golden answers recorded, a card."""

from slant.publish.export import Origin, export_bundle

__all__ = ["Origin", "export_bundle"]
