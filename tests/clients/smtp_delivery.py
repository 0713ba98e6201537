#!/usr/bin/env python3
"""aiosmtpd, unmodified, as the mail server: STARTTLS under an authority of our own, a login, and each message once, whatever is killed when."""

import asyncio
import contextlib
import email
import email.policy
import json
import logging
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from server import PROGRAM

POST = str(pathlib.Path(PROGRAM).parent / "examples/post")
USER, PASSWORD = "countersign", "0123 correct horse"
PATIENCE = 30
# What its clients do wrong on purpose is not worth a trace.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Authority:
    """Who vouches for mail servers, in a directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.certificate = self.directory / "authority.pem"
        self.key = self.directory / "authority.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=Test authority", "-keyout", self.key, "-out", self.certificate,
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def vouch(self, name):
        """What a server that is called so shows."""
        key, request, certificate, more = (self.directory / f"{name}.{end}" for end in ("key", "csr", "pem", "ext"))
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)
        more.write_text(f"subjectAltName=DNS:{name}\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
            "-extfile", more, "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


class Mailbox:
    """What a mail server took, and how its clients logged in."""

    def __init__(self):
        self.taken, self.logins, self.arrived = [], [], threading.Condition()
        self.refusals, self.stalls = 0, threading.Event()
        self.stalled = threading.Event()

    async def handle_DATA(self, server, session, envelope):
        if self.stalls.is_set():
            # All of it has come, and nothing is said.
            self.stalled.set()
            await asyncio.sleep(3600)
        if self.refusals:
            self.refusals -= 1
            return "451 4.3.0 try again later"
        with self.arrived:
            self.taken.append((session.ssl is not None, session.authenticated, envelope))
            self.arrived.notify_all()
        return "250 2.0.0 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append(mechanism)
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=right)

    def wait(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.taken) >= count, PATIENCE), f"{len(self.taken)} of {count} messages"

    def ids(self):
        return sorted(email.message_from_bytes(envelope.content)["Message-ID"] for _, _, envelope in self.taken)


@contextlib.contextmanager
def mail_server(mailbox, context):
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=0, tls_context=context, require_starttls=True, auth_required=True,
        auth_require_tls=True, authenticator=mailbox.authenticate,
    )
    # Controllers are told a port; a free one is found by asking for none.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        controller.port = free.getsockname()[1]
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


class Story(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.data = self.directory / "data"
        self.authority = Authority(self.directory)
        self.mailbox = Mailbox()
        self.port = self.enterContext(mail_server(self.mailbox, self.authority.vouch("localhost")))
        (self.directory / "password").write_text(PASSWORD + "\n")
        self.settings = {
            "COUNTERSIGN_SMTP_HOST": "localhost",
            "COUNTERSIGN_SMTP_PORT": str(self.port),
            "COUNTERSIGN_SMTP_USER": USER,
            "COUNTERSIGN_SMTP_PASSWORD_FILE": str(self.directory / "password"),
            "COUNTERSIGN_SMTP_FROM": "Countersign <codes@example.org>",
            "COUNTERSIGN_DELIVERY_CA_FILE": str(self.authority.certificate),
            "COUNTERSIGN_LOG": "info",
        }
        # What posts needs a server to have been there.
        with self.serving():
            pass

    @contextlib.contextmanager
    def serving(self, end=signal.SIGTERM, **settings):
        """The server, until it is told to end or killed; its log is kept."""
        log = self.directory / "log"
        command = [PROGRAM, "server", "--dev", "--listen", "127.0.0.1:0", "--data", str(self.data)]
        environment = {**os.environ, **self.settings, **settings}
        with open(log, "a") as errors:
            server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
            with server:
                try:
                    for line in server.stdout:
                        if line.startswith("Address:"):
                            # What answers can also be told to end.
                            urllib.request.urlopen(line.split()[1] + "/v1/sys/health", timeout=PATIENCE).close()
                            break
                    else:
                        self.fail(log.read_text())
                    yield server
                finally:
                    server.send_signal(end)
            if end == signal.SIGTERM:
                self.assertEqual(server.returncode, 0)

    def post(self, to="ann@example.net", subject="Your code", text="It is 123456.", channel="email"):
        return run(POST, str(self.data), channel, to, subject, text).strip()

    def log(self):
        return (self.directory / "log").read_text()

    def logged(self, words):
        """Wait until the log has these words."""
        end = time.monotonic() + PATIENCE
        while words not in self.log():
            self.assertLess(time.monotonic(), end, self.log())
            time.sleep(0.05)

    def test_mail_goes_by_starttls_after_a_login_and_is_received_once(self):
        posted = [self.post(subject="Ihr Prüfcode", text="Grüße,\n.\nes ist 123456.") for _ in range(5)]
        for _ in range(3):
            with self.serving():
                self.mailbox.wait(5)
        self.assertEqual(self.mailbox.ids(), sorted(f"<{id}@example.org>" for id in posted))
        self.assertEqual(set(self.mailbox.logins), {"PLAIN"})
        for is_secured, is_authenticated, envelope in self.mailbox.taken:
            self.assertTrue(is_secured and is_authenticated)
            self.assertEqual((envelope.mail_from, envelope.rcpt_tos), ("codes@example.org", ["ann@example.net"]))
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.assertEqual((mail["From"], mail["To"]), ("Countersign <codes@example.org>", "ann@example.net"))
            self.assertEqual((mail["Subject"], mail["Auto-Submitted"]), ("Ihr Prüfcode", "auto-generated"))
            self.assertEqual(mail.get_content().replace("\r\n", "\n").strip(), "Grüße,\n.\nes ist 123456.")
        for secret in ("ann@example.net", "123456", PASSWORD):
            self.assertNotIn(secret, self.log())

    def test_nothing_is_smuggled_into_a_message_or_a_conversation(self):
        for to in ("ann@example.net\r\nBcc: mallory@example.com", "ann@example.net>\r\nRCPT TO:<mallory@example.com",
                   "ann@example.net,mallory@example.com", "\"a\r\nb\"@example.net", "ann@example.net\nX: y"):
            self.post(to=to)
        for subject in ("Hi\r\nBcc: mallory@example.com", "Hi\nX-Evil: 1", "Hi\r\n\r\nanother body"):
            self.post(subject=subject)
        last = self.post(text="a\r\n.\r\nMAIL FROM:<mallory@example.com>\r\nRCPT TO:<mallory@example.com>")
        with self.serving():
            self.mailbox.wait(1)
            self.logged("message.sent")
            for _ in range(8):
                self.logged("message.refused_by_carrier")
        self.assertEqual(self.mailbox.ids(), [f"<{last}@example.org>"])
        self.assertEqual(self.log().count("message.refused_by_carrier"), 8)
        (_, _, envelope), = self.mailbox.taken
        self.assertEqual((envelope.mail_from, envelope.rcpt_tos), ("codes@example.org", ["ann@example.net"]))
        self.assertNotIn("mallory", str(email.message_from_bytes(envelope.content).items()))

    def test_a_server_that_nobody_trusted_vouches_for_gets_no_password_and_no_mail(self):
        self.post()
        with self.serving(COUNTERSIGN_DELIVERY_CA_FILE=""):
            self.logged("no trusted TLS")
        self.assertEqual((self.mailbox.taken, self.mailbox.logins), ([], []))
        with self.serving(COUNTERSIGN_SMTP_HOST="127.0.0.1"):
            self.logged("no trusted TLS")
        self.assertEqual((self.mailbox.taken, self.mailbox.logins), ([], []))
        with self.serving():
            self.mailbox.wait(1)

    def test_a_server_without_starttls_gets_nothing(self):
        self.post()
        bare = Mailbox()
        controller = Controller(bare, hostname="127.0.0.1", port=self.port + 1 if self.port < 65535 else 1025)
        controller.start()
        try:
            with self.serving(COUNTERSIGN_SMTP_PORT=str(controller.port)):
                self.logged("a message was not taken")
        finally:
            controller.stop()
        self.assertEqual(bare.taken, [])

    def test_what_nobody_carries_in_development_is_a_file_of_its_owners(self):
        posted = self.post(to="+1 555 123 4567", channel="sms")
        file = self.data / "outbox" / f"{posted}.json"
        with self.serving():
            self.logged("message.sent")
        self.assertEqual(list(file.parent.iterdir()), [file])
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        sent = {"channel": "sms", "to": "+15551234567", "subject": "Your code", "text": "It is 123456.", "code": ""}
        self.assertEqual(json.loads(file.read_text()), sent)

    def test_what_is_refused_for_now_comes_later_and_once(self):
        self.mailbox.refusals = 2
        posted = self.post()
        with self.serving():
            self.mailbox.wait(1)
        self.assertEqual(self.mailbox.ids(), [f"<{posted}@example.org>"])
        self.assertEqual(self.log().count("a message was not taken"), 2)

    def test_a_wrong_password_loses_no_mail(self):
        self.post()
        (self.directory / "password").write_text("wrong")
        with self.serving():
            self.logged("a message was not taken")
        self.assertEqual(self.mailbox.taken, [])
        (self.directory / "password").write_text(PASSWORD)
        with self.serving():
            self.mailbox.wait(1)

    def test_a_server_killed_while_it_sends_sends_it_again_and_only_once(self):
        posted = self.post()
        self.mailbox.stalls.set()
        with self.serving(end=signal.SIGKILL):
            self.assertTrue(self.mailbox.stalled.wait(PATIENCE))
        self.mailbox.stalls.clear()
        for _ in range(2):
            with self.serving():
                self.mailbox.wait(1)
        self.assertEqual(self.mailbox.ids(), [f"<{posted}@example.org>"])


if __name__ == "__main__":
    unittest.main()
