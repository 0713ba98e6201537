#!/usr/bin/env python3
"""hvac, unmodified: users, policies and tokens managed, and users logged in under an enforcement."""

import time
import unittest

import hvac
import requests
from hvac import exceptions

from authenticator import Authenticator
from server import serving

TOTP = "identity/mfa/method/totp"
PERIOD = 6


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(serving())

    def setUp(self):
        self.admin = self.client("root")

    def client(self, token="", **more):
        # hvac would look for a token in the environment and at home where it is given None.
        return hvac.Client(url=self.address, token=token, **more)

    def method(self, **settings):
        """The id of a new method."""
        return self.admin.write_data(TOTP, data={"issuer": "Example", **settings})["data"]["method_id"]


class Managing(Story):
    def test_a_mount_is_enabled_tuned_and_disabled(self):
        sys = self.admin.sys
        sys.enable_auth_method("userpass", path="staff", description="those who work here")
        mount = sys.list_auth_methods()["data"]["staff/"]
        self.assertEqual((mount["type"], mount["description"]), ("userpass", "those who work here"))
        sys.tune_auth_method("staff", max_lease_ttl="2h", description="all of them")
        tuned = sys.read_auth_method_tuning("staff")["data"]
        self.assertEqual((tuned["max_lease_ttl"], tuned["description"]), (7200, "all of them"))
        with self.assertRaisesRegex(exceptions.InvalidRequest, "path is already in use at staff/"):
            sys.enable_auth_method("userpass", path="staff")
        sys.disable_auth_method("staff")
        self.assertNotIn("staff/", sys.list_auth_methods()["data"])

    def test_users_are_made_read_listed_changed_and_deleted(self):
        self.admin.sys.enable_auth_method("userpass", path="users")
        users = self.admin.auth.userpass
        users.create_or_update_user("Ann", "first", policies=["reader"], mount_point="users", token_ttl="1h")
        self.assertEqual(users.list_user("users")["data"]["keys"], ["ann"])
        read = users.read_user("ANN", "users")["data"]
        self.assertEqual((read["policies"], read["token_ttl"]), (["reader"], 3600))
        self.assertNotIn("first", str(read))
        users.update_password_on_user("ann", "second", "users")
        with self.assertRaisesRegex(exceptions.InvalidRequest, "invalid username or password"):
            self.client().auth.userpass.login("ann", "first", mount_point="users")
        auth = self.client().auth.userpass.login("aNN", "second", mount_point="users")["auth"]
        self.assertEqual((auth["policies"], auth["metadata"]), (["default", "reader"], {"username": "ann"}))
        users.delete_user("ann", "users")
        with self.assertRaises(exceptions.InvalidPath):
            users.read_user("ann", "users")

    def test_policies_go_by_the_old_routes_and_by_the_new(self):
        rules = 'path "identity/entity/id" { capabilities = ["list"] }'
        sys = self.admin.sys
        sys.create_or_update_policy("auditor", rules)
        self.assertEqual(sys.read_policy("auditor")["data"]["rules"], rules)
        self.assertEqual(sys.read_acl_policy("auditor")["data"]["policy"], rules)
        self.assertLessEqual({"auditor", "default", "root"}, set(sys.list_policies()["data"]["policies"]))
        sys.create_or_update_acl_policy("auditor", {"path": {TOTP: {"capabilities": ["list"]}}})
        self.assertIn(TOTP, sys.read_policy("auditor")["data"]["rules"])
        made = self.admin.auth.token.create(policies=["auditor"])["auth"]["client_token"]
        allowed = sys.get_capabilities([TOTP, "identity/entity/id"], token=made)["data"]
        self.assertEqual((allowed[TOTP], allowed["identity/entity/id"]), (["list"], ["deny"]))
        sys.delete_policy("auditor")
        with self.assertRaises(exceptions.InvalidPath):
            sys.read_policy("auditor")

    def test_a_token_is_renewed_looked_up_and_revoked_with_its_children(self):
        made = self.admin.auth.token.create(policies=["parent"], ttl="1h", meta={"for": "story"})["auth"]
        self.admin.sys.create_or_update_policy("parent", 'path "auth/token/create" { capabilities = ["update"] }')
        parent = self.client(made["client_token"])
        self.assertEqual(parent.auth.token.renew_self(increment="30m")["auth"]["lease_duration"], 1800)
        found = self.admin.auth.token.lookup_accessor(made["accessor"])["data"]
        self.assertEqual((found["meta"], found["policies"]), ({"for": "story"}, ["default", "parent"]))
        child = self.client(parent.auth.token.create(policies=["default"])["auth"]["client_token"])
        self.assertTrue(child.is_authenticated())
        parent.auth.token.revoke_self()
        self.assertFalse(parent.is_authenticated())
        self.assertFalse(child.is_authenticated())

    def test_an_authenticator_is_handed_over_wrapped_and_unwrapped_once(self):
        self.admin.secrets.identity.create_or_update_entity("wendy")
        entity = self.admin.secrets.identity.lookup_entity(name="wendy")["data"]["id"]
        pair = {"method_id": self.method(), "entity_id": entity}
        wrapped = self.admin.write_data(f"{TOTP}/admin-generate", data=pair, wrap_ttl="60s")["wrap_info"]
        given = self.client(wrapped["token"]).sys.unwrap()["data"]
        self.assertTrue(given["url"].startswith("otpauth://totp/Example:"))
        with self.assertRaisesRegex(exceptions.InvalidRequest, "wrapping token is not valid"):
            self.admin.sys.unwrap(wrapped["token"])

    def test_a_namespace_has_users_of_its_own(self):
        self.admin.sys.create_namespace("team")
        self.assertEqual(self.admin.sys.list_namespaces()["data"]["keys"], ["team/"])
        team = self.client("root", namespace="team")
        team.sys.enable_auth_method("userpass")
        team.auth.userpass.create_or_update_user("ann", "here")
        there = self.client(namespace="team")
        there.auth.userpass.login("ann", "here")
        self.assertEqual(there.lookup_token()["data"]["namespace_path"], "team/")
        with self.assertRaises(exceptions.Forbidden):
            self.client().auth.userpass.login("ann", "here")


class LoggingIn(Story):
    """Each test has a mount and a method of its own, under one enforcement."""

    def people(self, name, **settings):
        self.name = name
        self.admin.sys.create_or_update_policy("lister", f'path "{TOTP}" {{ capabilities = ["list"] }}')
        self.admin.sys.enable_auth_method("userpass", path=name)
        self.admin.auth.userpass.create_or_update_user("alice", "wonder", "lister", mount_point=name)
        accessor = self.admin.sys.list_auth_methods()["data"][f"{name}/"]["accessor"]
        identity = self.admin.secrets.identity
        self.entity = identity.create_or_update_entity(f"alice of {name}")["data"]["id"]
        identity.create_or_update_entity_alias("alice", self.entity, accessor)
        self.id = self.method(period=PERIOD, **settings)
        self.admin.write_data(
            f"identity/mfa/login-enforcement/{name}",
            data={"mfa_method_ids": [self.id], "auth_method_accessors": [accessor]},
        )

    def authenticator(self):
        pair = {"method_id": self.id, "entity_id": self.entity}
        return Authenticator(self.admin.write_data(f"{TOTP}/admin-generate", data=pair)["data"]["url"])

    def requirement(self):
        login = self.client().auth.userpass.login("alice", "wonder", use_token=False, mount_point=self.name)
        self.assertEqual(login["auth"]["client_token"], "")
        return login["auth"]["mfa_requirement"]

    def validate(self, asked, passcode):
        """What the answer to the requirement is answered with."""
        answer = {"mfa_request_id": asked["mfa_request_id"], "mfa_payload": {self.id: [passcode]}}
        return self.client().write_data("sys/mfa/validate", data=answer)["auth"]

    def test_a_login_takes_two_steps_and_a_passcode_is_good_for_one(self):
        self.people("two")
        code = self.authenticator().passcode()
        asked = self.requirement()
        self.assertEqual(
            asked["mfa_constraints"], {"two": {"any": [{"type": "totp", "id": self.id, "uses_passcode": True}]}}
        )
        auth = self.validate(asked, code)
        self.assertEqual((auth["entity_id"], auth["policies"]), (self.entity, ["default", "lister"]))
        user = self.client(auth["client_token"])
        self.assertIn(self.id, user.list(TOTP)["data"]["keys"])
        self.assertEqual(user.lookup_token()["data"]["path"], "auth/two/login/alice")
        with self.assertRaises(exceptions.Forbidden):
            user.read(f"{TOTP}/{self.id}")
        with self.assertRaisesRegex(exceptions.InvalidRequest, "invalid request ID"):
            self.validate(asked, code)
        with self.assertRaisesRegex(exceptions.Forbidden, "MFA credentials not supplied or incorrect"):
            self.validate(self.requirement(), code)

    def test_guessing_locks_for_a_period_and_a_new_login_is_no_way_round(self):
        self.people("guessed", max_validation_attempts=2)
        phone = self.authenticator()
        asked = self.requirement()
        for _ in range(2):
            with self.assertRaisesRegex(exceptions.Forbidden, "MFA credentials not supplied or incorrect"):
                self.validate(asked, phone.wrong())
        with self.assertRaisesRegex(exceptions.Forbidden, "maximum TOTP validation attempts 3 exceeded"):
            self.validate(self.requirement(), phone.passcode())
        time.sleep(PERIOD)
        self.assertTrue(self.validate(asked, phone.passcode())["client_token"])

    def test_a_passcode_in_a_header_makes_it_one_step(self):
        self.people("single")
        session = requests.Session()
        session.headers["X-Vault-MFA"] = f"{self.id}:{self.authenticator().passcode()}"
        user = self.client(session=session)
        user.auth.userpass.login("alice", "wonder", mount_point="single")
        self.assertTrue(user.is_authenticated())
        with self.assertRaisesRegex(exceptions.Forbidden, "permission denied"):
            user.auth.userpass.login("alice", "wonder", mount_point="single")

    def test_a_recovery_code_is_one_more_passcode_to_a_client_that_knows_of_no_other(self):
        self.people("recovered")
        self.authenticator()
        paper = self.admin.write_data("identity/mfa/method/recovery", data={"count": 3})["data"]["method_id"]
        pair = {"method_id": paper, "entity_id": self.entity}
        codes = self.admin.write_data("identity/mfa/method/recovery/admin-generate", data=pair)["data"]["codes"]
        self.assertEqual(len(set(codes)), 3)
        auth = self.validate(self.requirement(), codes[0])
        self.assertEqual(auth["entity_id"], self.entity)
        with self.assertRaisesRegex(exceptions.Forbidden, "MFA credentials not supplied or incorrect"):
            self.validate(self.requirement(), codes[0])
        session = requests.Session()
        session.headers["X-Vault-MFA"] = f"{self.id}:{codes[1].upper()}"
        user = self.client(session=session)
        user.auth.userpass.login("alice", "wonder", mount_point="recovered")
        self.assertTrue(user.is_authenticated())
        left = self.admin.read(f"identity/mfa/enrollments/{self.entity}")["data"]["enrollments"]
        self.assertEqual([one["remaining"] for one in left if one["type"] == "recovery"], [1])

    def test_a_login_that_a_text_message_completes_waits_like_any_other(self):
        self.people("texted")
        texts = self.admin.write_data("identity/mfa/method/sms", data={"method_name": "texts"})["data"]["method_id"]
        pair = {"method_id": texts, "entity_id": self.entity}
        given = self.admin.write_data(
            "identity/mfa/method/sms/admin-generate", data={**pair, "phone": "+15005550006", "verified": True}
        )
        self.assertEqual(given["data"], {"type": "sms", "recipient": "+*****06", "state": "active"})
        accessor = self.admin.sys.list_auth_methods()["data"]["texted/"]["accessor"]
        self.admin.write_data(
            "identity/mfa/login-enforcement/texted",
            data={"mfa_method_ids": [texts], "auth_method_accessors": [accessor]},
        )
        asked = self.requirement()
        any_of = asked["mfa_constraints"]["texted"]["any"]
        self.assertEqual(any_of, [{"type": "sms", "id": texts, "uses_passcode": True, "name": "texts"}])
        self.id = texts
        with self.assertRaisesRegex(exceptions.Forbidden, "MFA credentials not supplied or incorrect"):
            self.validate(asked, "000000")

    def test_a_user_without_an_authenticator_enrols_within_the_login(self):
        self.people("enrolled", enable_self_enrollment=True)
        asked = self.requirement()
        self.assertTrue(asked["mfa_constraints"]["enrolled"]["any"][0]["self_enrollment_enabled"])
        given = self.client().write_data(
            f"{TOTP}/self-enroll", data={"mfa_request_id": asked["mfa_request_id"], "mfa_method_id": self.id}
        )["data"]
        phone = Authenticator(given["url"])
        self.assertEqual(self.validate(asked, phone.passcode())["entity_id"], self.entity)
        again = self.requirement()
        self.assertNotIn("self_enrollment_enabled", str(again))
        self.assertTrue(self.validate(again, phone.passcode())["client_token"])


if __name__ == "__main__":
    unittest.main()
