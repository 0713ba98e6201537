#!/usr/bin/env python3
"""hvac, unmodified: methods and entities managed, authenticators given and taken, errors in its own classes."""

import base64
import subprocess
import unittest
import urllib.parse

import hvac
from hvac import exceptions

from server import serving

TOTP = "identity/mfa/method/totp"


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(serving())

    def setUp(self):
        self.client = hvac.Client(url=self.address, token="root")
        self.identity = self.client.secrets.identity

    def method(self, kind="totp", **settings):
        """The id of a new method."""
        return self.client.write_data(f"identity/mfa/method/{kind}", data=settings)["data"]["method_id"]

    def entity(self, name):
        """The id of the entity of this name."""
        self.identity.create_or_update_entity(name=name)
        return self.identity.lookup_entity(name=name)["data"]["id"]

    def validate(self, pair, passcode):
        return self.client.write_data("identity/mfa/validate", data={**pair, "passcode": passcode})


class Session(Story):
    def test_the_root_token_is_known_and_no_other(self):
        self.assertTrue(self.client.is_authenticated())
        self.assertFalse(hvac.Client(url=self.address, token="other").is_authenticated())
        self.assertEqual(self.client.lookup_token()["data"]["policies"], ["root"])

    def test_the_server_is_well(self):
        self.assertEqual(self.client.sys.read_health_status().status_code, 200)
        health = self.client.sys.read_health_status(method="GET")
        self.assertTrue(health["initialized"])
        self.assertFalse(health["sealed"])
        self.assertTrue(self.client.sys.is_initialized())
        self.assertFalse(self.client.sys.is_sealed())

    def test_a_token_made_here_works_until_it_is_revoked(self):
        made = self.client.auth.token.create(ttl="1h", display_name="story")["auth"]
        other = hvac.Client(url=self.address, token=made["client_token"])
        self.assertTrue(other.is_authenticated())
        self.client.auth.token.revoke(made["client_token"])
        self.assertFalse(other.is_authenticated())


class Methods(Story):
    def test_a_totp_method_is_made_read_listed_changed_and_deleted(self):
        method = self.method(issuer="Example", period="45s", qr_size=128)
        read = self.client.read(f"{TOTP}/{method}")["data"]
        self.assertEqual(
            {name: read[name] for name in ("id", "type", "issuer", "period", "digits", "algorithm", "skew", "qr_size")},
            {
                "id": method, "type": "totp", "issuer": "Example", "period": 45,
                "digits": 6, "algorithm": "SHA1", "skew": 1, "qr_size": 128,
            },
        )
        self.assertIn(method, self.client.list(TOTP)["data"]["keys"])
        self.assertIn(method, self.client.list("identity/mfa/method")["data"]["keys"])
        self.client.write_data(f"{TOTP}/{method}", data={"issuer": "Other", "digits": 8})
        changed = self.client.read(f"{TOTP}/{method}")["data"]
        self.assertEqual((changed["issuer"], changed["digits"]), ("Other", 8))
        self.client.delete(f"{TOTP}/{method}")
        self.assertIsNone(self.client.read(f"{TOTP}/{method}"))

    def test_duo_okta_and_pingid_keep_their_secrets_to_themselves(self):
        settings_file = base64.b64encode(b"use_signature=true\nidp_url=https://idp.example\n").decode()
        for kind, settings, shown in (
            (
                "duo",
                {"secret_key": "hidden-1", "integration_key": "hidden-2", "api_hostname": "api.example"},
                {"api_hostname": "api.example"},
            ),
            ("okta", {"org_name": "dev", "api_token": "hidden-1", "production": False}, {"org_name": "dev"}),
            ("pingid", {"settings_file_base64": settings_file}, {"idp_url": "https://idp.example"}),
        ):
            with self.subTest(kind):
                path = f"identity/mfa/method/{kind}/" + self.method(kind, **settings)
                read = self.client.read(path)["data"]
                self.assertEqual(read["type"], kind)
                self.assertEqual(shown, {name: read[name] for name in shown})
                self.assertNotIn("hidden", str(read))
                self.client.delete(path)
                self.assertIsNone(self.client.read(path))


class Entities(Story):
    def test_an_entity_is_made_found_changed_listed_and_deleted(self):
        made = self.identity.create_or_update_entity(name="ann", metadata={"team": "red"})["data"]["id"]
        self.assertEqual(self.identity.lookup_entity(name="ann")["data"]["id"], made)
        self.assertEqual(self.identity.read_entity(made)["data"]["metadata"], {"team": "red"})
        self.identity.update_entity(made, name="ann", metadata={"team": "blue"}, disabled=True)
        changed = self.identity.read_entity_by_name("ann")["data"]
        self.assertEqual((changed["metadata"], changed["disabled"]), ({"team": "blue"}, True))
        self.assertIn(made, self.identity.list_entities()["data"]["keys"])
        self.assertIn("ann", self.identity.list_entities_by_name()["data"]["keys"])
        self.identity.delete_entity(made)
        self.assertEqual(self.identity.lookup_entity(name="ann").status_code, 204)

    def test_entities_are_merged(self):
        kept, gone = self.entity("kept"), self.entity("gone")
        self.identity.merge_entities(from_entity_ids=[gone], to_entity_id=kept)
        self.assertEqual(self.identity.read_entity(kept)["data"]["merged_entity_ids"], [gone])
        with self.assertRaises(exceptions.InvalidPath):
            self.identity.read_entity(gone)


class Authenticators(Story):
    def test_an_authenticator_is_given_used_once_and_taken(self):
        pair = {"method_id": self.method(issuer="Example"), "entity_id": self.entity("bob")}
        given = self.client.write_data(f"{TOTP}/admin-generate", data=pair)["data"]
        self.assertTrue(base64.b64decode(given["barcode"]).startswith(b"\x89PNG"))
        again = self.client.write_data(f"{TOTP}/admin-generate", data=pair)
        self.assertIsNone(again["data"])
        self.assertIn("Entity already has a secret for MFA method", again["warnings"][0])

        code = passcode(given["url"])
        self.assertTrue(self.validate(pair, code)["data"]["valid"])
        with self.assertRaisesRegex(exceptions.Forbidden, "MFA credentials not supplied or incorrect"):
            self.validate(pair, code)

        self.client.write_data(f"{TOTP}/admin-destroy", data=pair)
        fresh = self.client.write_data(f"{TOTP}/admin-generate", data=pair)["data"]
        self.assertNotEqual(fresh["url"], given["url"])

    def test_guessing_ends_soon(self):
        method = self.method(issuer="Example", max_validation_attempts=2)
        pair = {"method_id": method, "entity_id": self.entity("eve")}
        self.client.write_data(f"{TOTP}/admin-generate", data=pair)
        for _ in range(2):
            with self.assertRaisesRegex(exceptions.Forbidden, "incorrect"):
                self.validate(pair, "000000")
        with self.assertRaisesRegex(exceptions.Forbidden, "maximum TOTP validation attempts 3 exceeded"):
            self.validate(pair, "000000")


class Errors(Story):
    def test_each_has_the_class_that_hvac_gives_it(self):
        method, entity = self.method(issuer="Example"), self.entity("eric")
        stranger = hvac.Client(url=self.address, token="other")
        for expected, act in (
            (exceptions.InvalidRequest, lambda: self.client.write_data(TOTP, data={"issuer": ""})),
            (exceptions.InvalidRequest, lambda: self.client.delete(f"identity/mfa/method/duo/{method}")),
            (exceptions.InvalidRequest, lambda: self.validate({"entity_id": entity}, "000000")),
            (exceptions.Forbidden, lambda: self.validate({"method_id": method, "entity_id": entity}, "000000")),
            (exceptions.Forbidden, lambda: stranger.list(TOTP)),
            (exceptions.InvalidPath, lambda: self.client.write_data("no/such/engine", data={})),
            (exceptions.InvalidPath, lambda: self.identity.read_entity("nobody")),
            # hvac has no class for status 405.
            (exceptions.UnexpectedError, lambda: self.client.write_data("identity/mfa/method", data={})),
        ):
            with self.subTest(expected), self.assertRaises(expected):
                act()


def passcode(url):
    """What an authenticator app would show now for this key."""
    secret = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["secret"][0]
    return subprocess.run(
        ["oathtool", "--totp", "--base32", secret], check=True, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    unittest.main()
