"""A process that sends bad tokens, a thousand after a thousand, until its input ends."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

CONNECTIONS = 8
ROUND = 1000
MOST_ROUNDS = 100


async def main(order: str) -> None:
    wanted = json.loads(order)
    port, tokens = int(wanted["port"]), list(wanted["tokens"])
    ended = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    answers: Counter[int] = Counter()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in range(MOST_ROUNDS):
        if ended.done():
            break
        share = [tokens[number % len(tokens)] for number in range(ROUND)]
        parts = [share[number::CONNECTIONS] for number in range(CONNECTIONS)]
        await asyncio.gather(*(_send(port, part, answers) for part in parts))
    print(json.dumps(answers))
    await ended


async def _send(port: int, tokens: list[str], answers: Counter[int]) -> None:
    for token in tokens:  # each on a connection of its own: a refused one is closed
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        head = f"GET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(head.encode())
        answers[int((await reader.read()).split()[1])] += 1
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
