"""From states and scores to answers. Training and serving both call this and nothing else, so that they cannot differ. numpy only."""

from slant.decode.answers import Decision, calibrate, decide, fit_temperature, sigmoid
from slant.decode.heads import FEATURES, READS, LightHead
from slant.decode.spans import best_word_threshold, cut_spans

__all__ = [
    "FEATURES",
    "READS",
    "Decision",
    "LightHead",
    "best_word_threshold",
    "calibrate",
    "cut_spans",
    "decide",
    "fit_temperature",
    "sigmoid",
]
