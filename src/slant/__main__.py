"""`python -m slant`."""

from slant.cli import main

raise SystemExit(main())
