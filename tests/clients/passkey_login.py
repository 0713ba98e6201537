#!/usr/bin/env python3
"""hvac and the passkey crate, both unmodified: a passkey is registered, proves its owner to an application, and completes logins."""

import json
import subprocess
import unittest

import hvac
from hvac import exceptions

from server import ROOT, serving

METHOD = "identity/mfa/method/webauthn"
ORIGIN = "https://login.acme.com"


class Passkey:
    """passkey/src/main.rs: a passkey and its browser."""

    def __init__(self):
        program = ROOT / "target/debug/passkey-story"
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def ask(self, what, options, origin=ORIGIN):
        """What it answers, as the JSON text that a page would send on."""
        print(json.dumps({"origin": origin, what: options["publicKey"]}), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if "error" in json.loads(answer):
            raise AssertionError(answer)
        return answer.strip()


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(serving())

    def setUp(self):
        self.admin = hvac.Client(url=self.address, token="root")
        self.passkey = Passkey()
        self.addCleanup(self.passkey.close)

    def test_a_passkey_is_registered_and_completes_a_login(self):
        self.admin.sys.enable_auth_method("userpass")
        rules = f'path "{METHOD}/*" {{ capabilities = ["update"] }}'
        self.admin.sys.create_or_update_policy("enrol", rules)
        self.admin.auth.userpass.create_or_update_user("ann", "secret", policies=["enrol"])
        settings = {"rp_id": "acme.com", "rp_name": "Acme", "origins": [ORIGIN], "user_verification": "required"}
        method = self.admin.write_data(METHOD, data=settings)["data"]["method_id"]
        auth = self.login()["auth"]
        ann = hvac.Client(url=self.address, token=auth["client_token"])

        begun = ann.write_data(f"{METHOD}/generate", data={"method_id": method, "label": "laptop"})["data"]
        made = self.passkey.ask("create", begun)
        data = {"method_id": method, "registration_id": begun["registration_id"], "credential": made}
        bound = ann.write_data(f"{METHOD}/verify", data=data)["data"]
        self.assertEqual((bound["label"], bound["user_verified"]), ("laptop", True))
        with self.assertRaisesRegex(exceptions.InvalidRequest, "no registration waits"):
            ann.write_data(f"{METHOD}/verify", data=data)

        pair = {"method_id": method, "entity_id": auth["entity_id"]}
        asked = self.admin.write_data("identity/mfa/challenge", data=pair)["data"]
        used = {**pair, "passcode": self.passkey.ask("get", asked)}
        self.assertTrue(self.admin.write_data("identity/mfa/validate", data=used)["data"]["valid"])
        with self.assertRaises(exceptions.Forbidden):
            self.admin.write_data("identity/mfa/validate", data=used)

        enforced = {"mfa_method_ids": [method], "auth_method_types": ["userpass"]}
        self.admin.write_data("identity/mfa/login-enforcement/keys", data=enforced)
        for _ in range(2):
            request = self.login()["auth"]["mfa_requirement"]["mfa_request_id"]
            anybody = hvac.Client(url=self.address, token="")
            asked = anybody.write_data("sys/mfa/challenge", data={"mfa_request_id": request, "method_id": method})
            payload = {method: [self.passkey.ask("get", asked["data"])]}
            done = anybody.write_data("sys/mfa/validate", data={"mfa_request_id": request, "mfa_payload": payload})
            self.assertIn("enrol", done["auth"]["policies"])

    def login(self):
        return hvac.Client(url=self.address, token="").auth.userpass.login("ann", "secret")


if __name__ == "__main__":
    unittest.main()
