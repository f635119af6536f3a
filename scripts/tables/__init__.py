"""The tables that README.md, experiments/*/README.md and data/*/CARD.md show, each a function of committed result files."""
