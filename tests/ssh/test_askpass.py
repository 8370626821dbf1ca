"""ssh's questions: the right answer for the right ticket, and none for anybody else."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from muxboard.config.address import Hop
from muxboard.config.values import Secret
from muxboard.hosts.ssh import command
from muxboard.hosts.ssh.askpass import QUESTION_BYTES, Askpass, ask
from muxboard.hosts.ssh.attempt import Trust
from muxboard.hosts.ssh.command import Destination
from muxboard.hosts.ssh.login import Login

pytestmark = pytest.mark.gen_test(timeout=60)

NOBODY = 65534
PASSWORD = 'pa\'ss "wörd" $HOME `id` %s \\n'
PASSPHRASE = "correct horse battery"
KEY_FILE = "/etc/muxboard/id_ed25519"

# A host by password behind a jump by key, and another host that another ticket is for.
THERE = Destination(
    Hop("", "web1.internal", 22),
    Login("deploy", password=Secret(PASSWORD)),
    Trust(("/known_hosts",), accept_new=False),
    ((Hop("", "bastion", 22), Login("jump", KEY_FILE, Secret(PASSPHRASE))),),
    5,
)
OTHER = THERE._replace(
    hop=Hop("", "web2.internal", 22), login=Login("ops", password=Secret("other")), jumps=()
)


@pytest.fixture
def folder():
    """With a short name: a socket's address has little room."""
    with tempfile.TemporaryDirectory(prefix="mbask", dir="/tmp") as path:
        yield Path(path)


@pytest.fixture
def askpass(folder, io_loop):
    made = Askpass(str(folder))
    io_loop.run_sync(made.open)
    yield made
    made.close()


def where(askpass, ticket):
    return askpass.environment(ticket)["MUXBOARD_ASKPASS"]


async def asked(askpass, ticket, question):
    return await asyncio.to_thread(ask, where(askpass, ticket), question)


async def run_program(askpass, ticket, *questions, **options):
    """Run the program as ssh does: a question as its argument, little of an environment, no terminal."""
    environ = askpass.environment(ticket)
    process = await asyncio.create_subprocess_exec(
        environ["SSH_ASKPASS"],
        *questions,
        env={**environ, "PATH": "/usr/bin:/bin", "PYTHONPATH": "/nowhere", "PYTHONSTARTUP": "/nowhere"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        **options,
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, out.decode(), err.decode()


# --- what is answered


QUESTIONS = {
    "deploy@web1.internal's password: ": PASSWORD,
    "Deploy@Web1.Internal's password:": PASSWORD,
    "(deploy@web1.internal) Password: ": PASSWORD,
    "(deploy@web1.internal) password:": PASSWORD,
    f"Enter passphrase for key '{KEY_FILE}': ": PASSPHRASE,
}
NO_QUESTIONS = [
    "",
    " ",
    "'s password:",
    "Password:",
    "password: ",
    "web1.internal's password:",
    "jump@bastion's password: ",
    "(jump@bastion) Password: ",
    "(jump@bastion) deploy@web1.internal's password:",
    "(jump@bastion) (deploy@web1.internal) Password:",
    "(deploy@web1.internal) Verification code:",
    "(deploy@web1.internal) Your password:",
    "deploy@web1.internal.evil.example's password:",
    "deploy@web1's password:",
    "xdeploy@web1.internal's password:",
    "ops@web2.internal's password:",
    f"Enter passphrase for key '{KEY_FILE}.old': ",
    "Enter passphrase for key '/etc/muxboard/id_rsa': ",
    "Enter passphrase for key '",
    f"Enter passphrase for {KEY_FILE}: ",
    "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
    "Confirm user presence for key ED25519-SK",
    "Enter PIN for ED25519-SK key: ",
    "\n\n",
    "\0",
    "deploy@web1.internal's\npassword:",
    "x\ndeploy@web1.internal's password:",
    "x" * 100_000,
]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_of_the_tickets_is_answered(askpass, question):
    ticket = askpass.ticket(command.secrets(THERE))
    assert askpass.answer(ticket, question) == QUESTIONS[question]
    assert await asked(askpass, ticket, question) == QUESTIONS[question]


@pytest.mark.parametrize("question", NO_QUESTIONS, ids=lambda text: repr(text[:60]))
async def test_any_other_question_is_not(askpass, question):
    """Whoever stands on the way may ask anything, in any words."""
    ticket = askpass.ticket(command.secrets(THERE))
    assert askpass.answer(ticket, question) == ""
    try:
        assert await asked(askpass, ticket, question) == ""
    except OSError:
        assert len(question) > QUESTION_BYTES  # it is cut off while it asks


async def test_a_ticket_is_good_for_its_own_answers_alone(askpass):
    mine, others = (askpass.ticket(command.secrets(each)) for each in (THERE, OTHER))
    assert mine != others
    assert len(mine) == 32
    question = "ops@web2.internal's password: "
    assert await asked(askpass, others, question) == "other"
    assert await asked(askpass, mine, question) == ""
    for wrong in ("", "0" * 32, mine[:-1], f"{mine} ", f" {mine}", f"{mine}\n{others}", mine.upper() + "x"):
        assert await asked(askpass, wrong, "deploy@web1.internal's password: ") == ""


async def test_a_forgotten_ticket_is_good_no_more(askpass):
    mine, others = (askpass.ticket(command.secrets(each)) for each in (THERE, OTHER))
    askpass.forget(mine)
    askpass.forget(mine)
    askpass.forget("never given")
    assert await asked(askpass, mine, "deploy@web1.internal's password: ") == ""
    assert await asked(askpass, others, "ops@web2.internal's password: ") == "other"


async def test_a_question_may_come_in_pieces_and_many_at_once(askpass):
    ticket = askpass.ticket(command.secrets(THERE))
    path = where(askpass, ticket).split()[0]

    async def slowly():
        reader, writer = await asyncio.open_unix_connection(path)
        for byte in f"{ticket}\ndeploy@web1.internal's password: \n".encode():
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.decode()

    assert await asyncio.gather(*(slowly() for _ in range(20))) == [PASSWORD] * 20


async def test_one_that_never_asks_holds_nothing_up(askpass):
    ticket = askpass.ticket(command.secrets(THERE))
    path = where(askpass, ticket).split()[0]
    links = [await asyncio.open_unix_connection(path) for _ in range(20)]
    links[0][1].write(b"\xff\xfe\0\n")
    assert await asked(askpass, ticket, "deploy@web1.internal's password: ") == PASSWORD
    for _, writer in links:
        writer.close()
        await writer.wait_closed()


# --- the program


async def test_the_program_prints_the_answer_and_nothing_else(askpass):
    ticket = askpass.ticket(command.secrets(THERE))
    assert await run_program(askpass, ticket, "deploy@web1.internal's password: ") == (0, f"{PASSWORD}\n", "")
    assert await run_program(askpass, ticket, "(jump@bastion) Password: ") == (1, "", "")
    assert await run_program(askpass, ticket) == (1, "", "")
    askpass.forget(ticket)
    assert await run_program(askpass, ticket, "deploy@web1.internal's password: ") == (1, "", "")


async def test_a_question_over_two_lines_asks_nothing_else(askpass):
    """The program makes one line of it: a prompt that a host has written cannot end the question."""
    ticket = askpass.ticket(command.secrets(THERE))
    for question in ("x\ndeploy@web1.internal's password: ", "\ud800\n", "-h", "--", "$(id)", "'"):
        code, out, _ = await run_program(askpass, ticket, os.fsencode(question.replace("\ud800", "\udcff")))
        assert (code, out) == (1, "")


@pytest.mark.parametrize("by", ["password", "key"])
async def test_ssh_itself_asks_in_these_words(  # noqa: PLR0917
    askpass, folder, sshd, unix_users, make_key, by
):
    user = unix_users.deploy
    if by == "password":
        password = unix_users.password(user, "pa'ss $HOME `id` %s")
        login = Login(user, password=Secret(password))
    else:
        key = make_key(passphrase=PASSPHRASE)
        sshd.authorize(user, key)
        login = Login(user, str(key.path), Secret(PASSPHRASE))
    (folder / "known_hosts").write_text(sshd.known_hosts())
    there = Destination(
        Hop("", "127.0.0.1", sshd.port), login, Trust((f"{folder}/known_hosts",), accept_new=False), (), 10
    )
    ticket = askpass.ticket(command.secrets(there))
    for code in (0, 255):
        process = await asyncio.create_subprocess_exec(
            *command.attach(there, ["true"]),
            env={**askpass.environment(ticket), "PATH": "/usr/bin:/bin"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        assert await asyncio.wait_for(process.wait(), 30) == code
        askpass.forget(ticket)


# --- who may ask


async def test_the_folder_keeps_other_users_out(askpass, folder):
    ticket = askpass.ticket(command.secrets(THERE))
    with pytest.raises(PermissionError):
        await run_program(askpass, ticket, "deploy@web1.internal's password: ", user=NOBODY)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "askpass").stat().st_mode) == 0o700


async def test_another_user_gets_no_answer_even_with_a_ticket_and_a_way_in(askpass, folder):
    ticket = askpass.ticket(command.secrets(THERE))
    question = "deploy@web1.internal's password: "
    folder.chmod(0o711)
    (folder / "ask").chmod(0o777)
    path = where(askpass, ticket).split()[0]

    def as_nobody():
        """In a process of its own: the credentials are those at the time of connect."""
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.setresuid(NOBODY, NOBODY, NOBODY)
                link = socket.socket(socket.AF_UNIX)
                link.connect(path)
                said = b"connected "
                try:
                    link.sendall(f"{ticket}\n{question}\n".encode())
                    said += link.recv(4096)
                except OSError:
                    pass
                os.write(writing, said)
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as file:
            said = file.read()
        os.waitpid(pid, 0)
        return said

    assert await asyncio.to_thread(as_nobody) == b"connected "
    assert await asked(askpass, ticket, question) == PASSWORD, "we ourselves do"


async def test_nothing_on_disk_or_in_the_environment_is_a_secret(askpass, folder):
    ticket = askpass.ticket(command.secrets(THERE))
    environ = askpass.environment(ticket)
    held = "".join(environ.values()) + "".join(
        path.read_text() for path in folder.iterdir() if path.is_file()
    )
    assert PASSWORD not in held
    assert PASSPHRASE not in held
    assert ticket not in "".join(path.read_text() for path in folder.iterdir() if path.is_file())
    assert environ["SSH_ASKPASS_REQUIRE"] == "force"


# --- its end


async def test_closing_answers_nobody_and_leaves_no_socket_open(folder):
    askpass = Askpass(str(folder))
    await askpass.open()
    await askpass.open()
    ticket = askpass.ticket(command.secrets(THERE))
    question = "deploy@web1.internal's password: "
    assert await asked(askpass, ticket, question) == PASSWORD
    askpass.close()
    askpass.close()
    assert askpass.answer(ticket, question) == ""
    with pytest.raises(OSError, match=r"refused|No such file"):
        await asked(askpass, ticket, question)
    code, out, _ = await run_program(askpass, ticket, question)
    assert (code, out) == (1, "")


async def test_it_opens_where_a_closed_one_was(folder):
    for _ in range(2):
        askpass = Askpass(str(folder))
        await askpass.open()
        ticket = askpass.ticket(command.secrets(THERE))
        assert await asked(askpass, ticket, "deploy@web1.internal's password: ") == PASSWORD
        askpass.close()


async def test_no_file_beside_the_program_is_taken_for_a_module(askpass, folder):
    ticket = askpass.ticket(command.secrets(THERE))
    (folder / "socket.py").write_text("raise SystemExit(7)\n")
    code, out, err = await run_program(askpass, ticket, "deploy@web1.internal's password: ")
    assert (code, out, err) == (0, f"{PASSWORD}\n", "")
