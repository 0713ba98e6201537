#!/usr/bin/env python3
"""bao, OpenBao's own command line, unmodified: operated with, and logged in with under an enforcement."""

import json
import os
import pty
import select
import signal
import subprocess
import tempfile
import time
import unittest

from authenticator import Authenticator
from server import serving

TOTP = "identity/mfa/method/totp"
ENFORCEMENT = "identity/mfa/login-enforcement"
PERIOD = 10


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(serving())
        # There bao keeps the token of its last login.
        cls.home = cls.enterClassContext(tempfile.TemporaryDirectory())

    def environment(self, token, **more):
        named = {"BAO_ADDR": self.address, "HOME": self.home, "PATH": os.environ["PATH"], **more}
        return named if token is None else {**named, "BAO_TOKEN": token}

    def bao(self, *command, **how):
        """What bao prints, and complains about, for the command."""
        done = self.run_bao(*command, **how)
        return done.stdout + done.stderr

    def json(self, *command, **how):
        return json.loads(self.run_bao(*command, BAO_FORMAT="json", **how).stdout)

    def run_bao(self, *command, token="root", given="", status=0, **more):
        done = subprocess.run(
            ["bao", *command], env=self.environment(token, **more), input=given, capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(done.returncode, status, done)
        return done

    def method(self, **settings):
        """The id of a new method."""
        written = [f"{name}={value}" for name, value in {"issuer": "Example", **settings}.items()]
        return self.json("write", TOTP, *written)["data"]["method_id"]


class Operating(Story):
    def test_the_status_is_told_in_words_and_by_the_exit_status(self):
        self.assertRegex(self.bao("status"), r"Sealed +false")
        self.assertTrue(self.json("status")["initialized"])
        self.bao("status", status=1, BAO_ADDR="http://127.0.0.1:1")

    def test_auth_mounts_are_enabled_listed_tuned_and_disabled(self):
        self.bao("auth", "enable", "-path=staff", "-description=those who work here", "userpass")
        mount = self.json("auth", "list")["staff/"]
        self.assertEqual((mount["type"], mount["description"]), ("userpass", "those who work here"))
        self.assertIn(mount["accessor"], self.bao("auth", "list"))
        self.bao("auth", "tune", "-max-lease-ttl=2h", "staff/")
        self.assertEqual(self.json("read", "sys/auth/staff/tune")["data"]["max_lease_ttl"], 7200)
        self.assertIn("path is already in use", self.bao("auth", "enable", "-path=staff", "userpass", status=2))
        self.bao("auth", "disable", "staff")
        self.assertNotIn("staff/", self.json("auth", "list"))

    def test_policies_are_written_read_listed_and_deleted(self):
        rules = 'path "identity/entity/id" { capabilities = ["list"] }'
        self.bao("policy", "write", "auditor", "-", given=rules)
        self.assertEqual(self.bao("policy", "read", "auditor").strip(), rules)
        self.assertLessEqual({"auditor", "default", "root"}, set(self.json("policy", "list")))
        self.assertIn("invalid capability", self.bao(
            "policy", "write", "auditor", "-", given='path "x" { capabilities = ["fly"] }', status=2,
        ))
        self.bao("policy", "delete", "auditor")
        self.bao("policy", "read", "auditor", status=2)

    def test_methods_and_enforcements_are_written_read_listed_and_deleted(self):
        method = self.method(method_name="phone", period="45s")
        read = self.json("read", f"{TOTP}/{method}")["data"]
        self.assertEqual((read["name"], read["period"], read["digits"]), ("phone", 45, 6))
        self.assertIn(method, self.json("list", TOTP))
        self.bao("write", f"{ENFORCEMENT}/all", f"mfa_method_ids={method}", "auth_method_types=token")
        read = self.json("read", f"{ENFORCEMENT}/all")["data"]
        self.assertEqual((read["mfa_method_ids"], read["auth_method_types"]), ([method], ["token"]))
        self.assertEqual(self.json("list", ENFORCEMENT), ["all"])
        self.bao("delete", f"{TOTP}/{method}", status=2)
        self.bao("delete", f"{ENFORCEMENT}/all")
        self.assertIn("No value found", self.bao("list", ENFORCEMENT, status=2))
        self.bao("delete", f"{TOTP}/{method}")
        self.assertIn("No value found", self.bao("read", f"{TOTP}/{method}", status=2))

    def test_a_namespace_has_methods_of_its_own(self):
        self.assertEqual(self.json("namespace", "create", "team")["path"], "team/")
        self.assertEqual(self.json("namespace", "list"), ["team/"])
        made = self.json("write", "-namespace=team", TOTP, "issuer=Team")["data"]["method_id"]
        self.assertEqual(self.json("read", "-namespace=team", f"{TOTP}/{made}")["data"]["namespace_path"], "team/")
        self.assertIn(made, self.json("list", "-namespace=team", TOTP))
        self.assertNotIn(made, self.bao("list", TOTP, status=2))
        self.bao("namespace", "delete", "team")

    def test_a_token_is_made_asked_about_renewed_and_revoked(self):
        made = self.json("token", "create", "-policy=default", "-ttl=1h", "-display-name=cli")["auth"]["client_token"]
        self.assertEqual(self.json("token", "lookup", token=made)["data"]["display_name"], "token-cli")
        self.assertEqual(self.json("token", "renew", "-increment=30m", made)["auth"]["lease_duration"], 1800)
        self.assertEqual(self.bao("token", "capabilities", "auth/token/lookup-self", token=made).strip(), "read")
        self.assertIn("permission denied", self.bao("list", TOTP, token=made, status=2))
        self.bao("token", "revoke", made)
        self.bao("token", "lookup", token=made, status=2)

    def test_an_authenticator_is_handed_over_wrapped_and_unwrapped_once(self):
        entity = self.json("write", "identity/entity", "name=wendy")["data"]["id"]
        pair = f"method_id={self.method()}", f"entity_id={entity}"
        wrapped = self.json("write", "-wrap-ttl=60s", f"{TOTP}/admin-generate", *pair)["wrap_info"]
        self.assertEqual(wrapped["creation_path"], f"{TOTP}/admin-generate")
        given = self.json("unwrap", wrapped["token"], token=None)["data"]
        self.assertTrue(given["url"].startswith(f"otpauth://totp/Example:{entity}?"))
        self.assertIn("wrapping token is not valid", self.bao("unwrap", wrapped["token"], token=None, status=2))
        self.assertIn("already has a secret", self.bao("write", f"{TOTP}/admin-generate", *pair))


class Sealing(Story):
    def test_a_sealed_server_has_an_exit_status_of_its_own(self):
        self.bao("operator", "seal")
        self.assertRegex(self.bao("status", status=2), r"Sealed +true")
        self.assertIn("Vault is sealed", self.bao("list", TOTP, status=2))


class LoggingIn(Story):
    """Each test has a mount and a method of its own, under one enforcement."""

    def people(self, name, **settings):
        self.name = name
        self.bao("policy", "write", "lister", "-", given=f'path "{TOTP}" {{ capabilities = ["list"] }}')
        self.bao("auth", "enable", f"-path={name}", "userpass")
        self.bao("write", f"auth/{name}/users/alice", "password=wonder", "token_policies=lister")
        accessor = self.json("auth", "list")[f"{name}/"]["accessor"]
        self.id = self.method(period=f"{PERIOD}s", **settings)
        self.bao("write", f"{ENFORCEMENT}/{name}", f"mfa_method_ids={self.id}", f"auth_method_accessors={accessor}")
        # The first login makes the entity that an authenticator can be given to.
        self.requirement()
        self.entity = self.json(
            "write", "identity/lookup/entity", "alias_name=alice", f"alias_mount_accessor={accessor}"
        )["data"]["id"]

    def authenticator(self):
        given = self.json("write", f"{TOTP}/admin-generate", f"method_id={self.id}", f"entity_id={self.entity}")
        return Authenticator(given["data"]["url"])

    def requirement(self):
        """What a login is answered with where nobody can be asked for a passcode."""
        login = "login", "-method=userpass", f"-path={self.name}", "username=alice", "password=wonder"
        return self.json(*login, token=None)["auth"]["mfa_requirement"]

    def validate(self, asked, method, passcode):
        """What a requirement's answer is answered with; what has members is written as JSON."""
        answer = {"mfa_request_id": asked["mfa_request_id"], "mfa_payload": {method: [passcode]}}
        return self.json("write", "sys/mfa/validate", "-", given=json.dumps(answer), token=None)

    def login(self, passcode, status=0):
        """What bao shows to a user who types password and passcode."""
        answers = {"Password (will be hidden):": "wonder", f'methodID "{self.id}" of type "totp":': passcode}
        command = ["bao", "login", "-method=userpass", f"-path={self.name}", "username=alice"]
        ended, shown = terminal(command, answers, self.environment(None))
        self.assertEqual(ended, status, shown)
        return shown

    def test_a_user_types_the_passcode_and_goes_on_with_the_token_that_bao_keeps(self):
        self.people("typed")
        phone = self.authenticator()
        code = phone.passcode()
        self.assertIn("You are now authenticated", self.login(code))
        token = self.json("token", "lookup", token=None)["data"]
        self.assertEqual((token["path"], token["entity_id"]), ("auth/typed/login/alice", self.entity))
        self.assertEqual((token["policies"], token["meta"]), (["default", "lister"], {"username": "alice"}))
        self.assertIn(self.id, self.json("list", TOTP, token=None))
        self.assertIn("permission denied", self.bao("read", f"{TOTP}/{self.id}", token=None, status=2))
        self.assertIn("MFA credentials not supplied or incorrect", self.login(code, status=2))
        self.login(phone.passcode())
        self.bao("token", "revoke", "-self", token=None)

    def test_guessing_locks_for_a_period(self):
        self.people("guessed", max_validation_attempts=2)
        phone = self.authenticator()
        for _ in range(2):
            self.assertIn("MFA credentials not supplied or incorrect", self.login(phone.wrong(), status=2))
        self.assertIn("maximum TOTP validation attempts 3 exceeded", self.login(phone.passcode(), status=2))
        time.sleep(PERIOD)
        self.login(phone.passcode())

    def test_a_script_validates_by_a_request_of_its_own(self):
        self.people("scripted", method_name="phone")
        asked = self.requirement()
        self.assertEqual(asked["mfa_constraints"], {
            "scripted": {"any": [{"type": "totp", "id": self.id, "uses_passcode": True, "name": "phone"}]},
        })
        code = self.authenticator().passcode()
        token = self.validate(asked, "phone", code)["auth"]["client_token"]
        self.assertIn(self.id, self.json("list", TOTP, token=token))
        with self.assertRaisesRegex(AssertionError, "invalid request ID"):
            self.validate(asked, "phone", code)

    def test_a_passcode_that_comes_along_with_the_login_makes_it_one_request(self):
        self.people("single")
        given = f"-mfa={self.id}:{self.authenticator().passcode()}"
        login = "login", given, "-method=userpass", "-path=single", "-no-store", "username=alice", "password=wonder"
        self.assertIn("lister", self.bao(*login, token=None))
        self.assertIn("permission denied", self.bao(*login, token=None, status=2))

    def test_a_user_without_an_authenticator_enrols_within_the_login(self):
        self.people("enrolled", enable_self_enrollment="true")
        asked = self.requirement()
        # That it may, bao does not show: it drops what it does not know.
        given = self.json(
            "write", f"{TOTP}/self-enroll", f"mfa_request_id={asked['mfa_request_id']}", f"mfa_method_id={self.id}",
            token=None,
        )
        phone = Authenticator(given["data"]["url"])
        self.validate(asked, self.id, phone.passcode())
        self.login(phone.passcode())


def terminal(command, answers, environment):
    """Type the answers where the program asks for them; its exit status, and all that the terminal showed."""
    child, master = pty.fork()
    if child == 0:
        os.execvpe(command[0], command, environment)
    shown, seen = "", 0
    try:
        while select.select([master], [], [], 30)[0]:
            shown += os.read(master, 4096).decode()
            for prompt, answer in answers.items():
                if prompt in shown[seen:]:
                    seen = len(shown)
                    os.write(master, answer.encode() + b"\n")
        os.kill(child, signal.SIGKILL)
    except OSError:
        # So a terminal ends: its program has.
        pass
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


if __name__ == "__main__":
    unittest.main()
