"""What runs in the terminals, by name."""

from __future__ import annotations

PROMPT = b"@READY@ "
MARK = b"@END@"
FLOOD = "\\033[33mworker 7\\033[0m retry after timeout: upstream did not answer, queue depth rising still"
PACED_LINE = "\\033[32m%(%T)T\\033[0m GET /api/v1/items/%d 200 in 12 ms\\r\\n"


def shell(script: str) -> list[str]:
    return ["bash", "--norc", "--noprofile", "-c", script]


def ready(script: str) -> list[str]:
    return shell(f"printf '{PROMPT.decode()}'; {script}")


def table(files: dict[str, str]) -> dict[str, list[str]]:
    """Return argv by program name; each entry of ``files`` becomes ``cat-NAME`` and ``show-NAME``."""
    programs = {
        # Each key comes back from the program, not from the kernel.
        "echo": ready("stty raw -echo; exec cat"),
        "prompt": ["env", f"PS1={PROMPT.decode()}", "bash", "--norc", "--noprofile", "-i"],
        "idle": ready("exec sleep 1000"),
        # 20 lines a second, without a fork.
        "paced": ready(f"read -rsn1; while :; do printf '{PACED_LINE}' -1 $RANDOM; read -rst 0.05; done"),
        "flood": ready(f"read -rsn1; exec yes $'{FLOOD}'"),
        # Reads no input: a write to it blocks once the PTY holds 4 KB.
        "deaf": ready("stty raw -echo; exec sleep 1000"),
    }
    for name, path in files.items():
        # As it is, byte for byte, and the end of the program at once after the last line.
        programs[f"cat-{name}"] = shell(
            f"stty raw -echo -opost; printf '{PROMPT.decode()}'; read -rn1; exec cat {path}"
        )
        # For tmux, which does not hand the bytes on as they are: a mark on the screen is its end.
        programs[f"show-{name}"] = ready(f"read -rsn1; cat {path}; printf '@''END@'; exec sleep 1000")
    return programs
