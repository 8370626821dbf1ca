"""A process that opens lines, reads them, and closes them when its input ends."""

from __future__ import annotations

import asyncio
import json
import sys

from bench.pace import BY_NAME
from bench.targets import begin, reach


async def main(order: str) -> None:
    wanted = json.loads(order)
    pace = BY_NAME[wanted["pace"]]
    lines = [await reach(wanted["spec"], key, pace) for key in wanted["keys"]]
    for line, key in zip(lines, wanted["keys"], strict=True):
        await begin(line, key, pace)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for line in lines:
        await line.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
