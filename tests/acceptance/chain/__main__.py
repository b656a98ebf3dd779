"""A chain under fire: real gateways, three NATS servers, two hubs, PostgreSQL.

    python -m tests.acceptance.chain [--seconds 900] [--branches 3] [--machines 20] [--seed 1]

Prints its figures as JSON; ends with 1 if a bin is missing, wrong, or declared lost.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.acceptance.chain.chaos import campaign


def main() -> int:
    """0: nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=900.0, help="900 are 30 days")
    parser.add_argument("--branches", type=int, default=3)
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
    found = asyncio.run(campaign(folder, **vars(asked)))
    print(json.dumps(found, indent=2))
    if found["wrong"] or found["declaredLost"]:
        print(f"everything is left in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
