#!/usr/bin/env python3
"""ZITADEL's own SDK for Python, unmodified: what a login UI asks before it shows anything, and how refusals reach it."""

import unittest
import warnings

import requests

warnings.filterwarnings("ignore", module="authlib|zitadel_client")

import zitadel_client  # noqa: E402
from zitadel_client import models  # noqa: E402
from zitadel_client.exceptions import ApiError  # noqa: E402

from server import serving  # noqa: E402


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(serving())

    def client(self, token="root"):
        return zitadel_client.Zitadel.with_access_token(self.address, token)

    def admin(self, method, path, body=None):
        """Ask the admin service, which the SDK does not speak."""
        headers = {"Authorization": "Bearer root"}
        return requests.request(method, f"{self.address}/admin/v1/{path}", json=body, headers=headers, timeout=30)

    def token(self, policy):
        """A personal access token of this level."""
        url, headers = f"{self.address}/v1/auth/token/create", {"X-Vault-Token": "root"}
        made = requests.post(url, json={"policies": [policy]}, headers=headers, timeout=30)
        return made.json()["auth"]["client_token"]


class Settings(Story):
    def login(self, token="root"):
        ask = models.SettingsServiceGetLoginSettingsRequest(ctx=models.SettingsServiceRequestContext(instance=True))
        return self.client(token).settings.get_login_settings(ask)

    def test_the_login_settings_are_understood_whole(self):
        answer = self.login(self.token("zitadel-login-client"))
        settings = answer.settings
        self.assertTrue(settings.allow_username_password)
        self.assertEqual(settings.passkeys_type, models.SettingsServicePasskeysType.PASSKEYS_TYPE_ALLOWED)
        self.assertIn("SECOND_FACTOR_TYPE_OTP", [factor.value for factor in settings.second_factors])
        factors = [factor.value for factor in settings.multi_factors]
        self.assertEqual(factors, ["MULTI_FACTOR_TYPE_U2F_WITH_VERIFICATION"])
        self.assertEqual(settings.resource_owner_type.value, "RESOURCE_OWNER_TYPE_INSTANCE")
        self.assertEqual(settings.second_factor_check_lifetime, "64800s")
        self.assertGreaterEqual(int(answer.details.sequence), 1)

    def test_every_factor_that_an_owner_allows_is_understood(self):
        for factor in ["OTP_SMS", "OTP_EMAIL", "RECOVERY_CODES"]:
            allowed = self.admin("POST", "policies/login/second_factors", {"type": f"SECOND_FACTOR_TYPE_{factor}"})
            self.assertEqual(allowed.status_code, 200)
        names = [factor.value for factor in self.login().settings.second_factors]
        wanted = ["OTP", "U2F", "OTP_SMS", "OTP_EMAIL", "RECOVERY_CODES"]
        self.assertEqual(names, [f"SECOND_FACTOR_TYPE_{name}" for name in wanted])
        # The version before has no word for recovery codes, and its client would understand nothing of an answer with one.
        answer = self.client().beta_settings.get_login_settings(models.BetaSettingsServiceGetLoginSettingsRequest())
        known = [f"SECOND_FACTOR_TYPE_{name}" for name in wanted if name != "RECOVERY_CODES"]
        self.assertEqual([factor.value for factor in answer.settings.second_factors], known)

    def test_a_lockout_is_read_as_it_was_set(self):
        self.admin("PUT", "policies/password/lockout", {"maxPasswordAttempts": 5, "maxOtpAttempts": 7})
        answer = self.client().settings.get_lockout_settings(models.SettingsServiceGetLockoutSettingsRequest())
        self.assertEqual((int(answer.settings.max_password_attempts), int(answer.settings.max_otp_attempts)), (5, 7))

    def test_the_general_settings_name_the_default_organisation(self):
        answer = self.client().settings.get_general_settings({})
        self.assertRegex(answer.default_org_id, r"^\d{18}$")
        self.assertEqual(answer.supported_languages, ["en"])

    def test_passwords_must_be_as_the_settings_say(self):
        answer = self.client().settings.get_password_complexity_settings(
            models.SettingsServiceGetPasswordComplexitySettingsRequest()
        )
        self.assertEqual(int(answer.settings.min_length), 8)
        self.assertTrue(answer.settings.requires_symbol)


class Refusals(Story):
    def refusal(self, token):
        with self.assertRaises(ApiError) as caught:
            self.client(token).settings.get_lockout_settings(models.SettingsServiceGetLockoutSettingsRequest())
        return caught.exception

    def test_an_unknown_token_is_401(self):
        refusal = self.refusal("nobody")
        self.assertEqual(refusal.code, 401)
        self.assertIn("AUTH-7fs1e", str(refusal.response_body))

    def test_a_token_without_a_role_is_403(self):
        refusal = self.refusal(self.token("default"))
        self.assertEqual(refusal.code, 403)
        self.assertIn("permission_denied", str(refusal.response_body))


if __name__ == "__main__":
    unittest.main()
