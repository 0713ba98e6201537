#!/usr/bin/env python3
"""ZITADEL's own SDK for Python, unmodified: somebody registers factors, logs in with them, and is told what was wrong."""

import subprocess
import unittest
import warnings

warnings.filterwarnings("ignore", module="authlib|zitadel_client")

import zitadel_client  # noqa: E402
from zitadel_client import models as m  # noqa: E402
from zitadel_client.exceptions import ApiError  # noqa: E402

from server import serving  # noqa: E402

PASSWORD = "Secr3tP4ssw0rd!"


class Factors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        client = zitadel_client.Zitadel.with_access_token(cls.enterClassContext(serving()), "root")
        cls.users, cls.sessions = client.users, client.sessions

    def somebody(self, email):
        """Somebody with a proven address and a password."""
        made = self.users.add_human_user(
            m.UserServiceAddHumanUserRequest(
                profile=m.UserServiceSetHumanProfile(givenName="Minnie", familyName="Mouse"),
                email=m.UserServiceSetHumanEmail(email=email, isVerified=True),
                password=m.UserServicePassword(password=PASSWORD),
            )
        )
        return made.user_id

    def begin(self, user, **checks):
        """A session about somebody."""
        checks = m.SessionServiceChecks(user=m.SessionServiceCheckUser(userId=user), **checks)
        return self.sessions.create_session(m.SessionServiceCreateSessionRequest(checks=checks))

    def check(self, session, **checks):
        return self.sessions.set_session(
            m.SessionServiceSetSessionRequest(sessionId=session, checks=m.SessionServiceChecks(**checks))
        )

    def factors(self, session):
        return self.sessions.get_session(m.SessionServiceGetSessionRequest(sessionId=session)).session.factors

    def refused(self, status, text, ask):
        """That it is refused with this status, in words that have this text in them."""
        with self.assertRaises(ApiError) as caught:
            ask()
        self.assertEqual(caught.exception.code, status)
        self.assertIn(text, str(caught.exception.response_body))

    def test_an_authenticator_app_beside_a_password(self):
        user = self.somebody("app@mouse.com")
        begun = self.users.register_totp(m.UserServiceRegisterTOTPRequest(userId=user))
        code = subprocess.check_output(["oathtool", "--totp", "--base32", begun.secret], text=True).strip()

        def verify(code):
            return self.users.verify_totp_registration(
                m.UserServiceVerifyTOTPRegistrationRequest(userId=user, code=code)
            )

        self.refused(400, "EVENT-8isk2", lambda: verify("abcdef"))
        verify(code)
        password = m.SessionServiceCheckPassword(password=PASSWORD)
        made = self.begin(user, password=password, totp=m.SessionServiceCheckTOTP(code=code))
        factors = self.factors(made.session_id)
        self.assertEqual(factors.user.login_name, "app@mouse.com")
        self.assertTrue(factors.password.verified_at and factors.totp.verified_at)
        again = lambda: self.check(made.session_id, totp=m.SessionServiceCheckTOTP(code=code))  # noqa: E731
        self.refused(400, "TOTP-Auw0a", again)
        wrong = m.SessionServiceCheckPassword(password="wrong")
        self.refused(400, "COMMAND-3M0fs", lambda: self.check(made.session_id, password=wrong))
        self.refused(409, "COMMAND-do9se", lambda: self.users.register_totp(m.UserServiceRegisterTOTPRequest(userId=user)))

    def test_codes_by_text_message_and_by_mail(self):
        user = self.somebody("codes@mouse.com")
        given = self.users.set_phone(m.UserServiceSetPhoneRequest(userId=user, phone="+41791234567", returnCode={}))
        self.users.verify_phone(
            m.UserServiceVerifyPhoneRequest(userId=user, verificationCode=given.verification_code)
        )
        self.users.add_otpsms(m.UserServiceAddOTPSMSRequest(userId=user))
        self.users.add_otp_email(m.UserServiceAddOTPEmailRequest(userId=user))
        session = self.begin(user).session_id
        asked = self.sessions.set_session(
            m.SessionServiceSetSessionRequest(
                sessionId=session,
                challenges=m.SessionServiceRequestChallenges(
                    otpSms=m.SessionServiceOTPSMS(returnCode=True), otpEmail=m.SessionServiceOTPEmail(returnCode={})
                ),
            )
        )
        sms, mail = asked.challenges.otp_sms, asked.challenges.otp_email
        self.assertTrue(len(sms) == len(mail) == 8)
        self.check(session, otpSms=m.SessionServiceCheckOTP(code=sms), otpEmail=m.SessionServiceCheckOTP(code=mail))
        factors = self.factors(session)
        self.assertTrue(factors.otp_sms.verified_at and factors.otp_email.verified_at)
        self.refused(400, "COMMAND-S34gh", lambda: self.check(session, otpSms=m.SessionServiceCheckOTP(code=sms)))

    def test_recovery_codes_and_listings(self):
        user = self.somebody("recovery@mouse.com")
        made = self.users.generate_recovery_codes(m.UserServiceGenerateRecoveryCodesRequest(userId=user, count=3))
        self.assertEqual(len(made.recovery_codes), 3)
        session = self.begin(user).session_id
        code = m.SessionServiceCheckRecoveryCode(code=made.recovery_codes[0])
        self.check(session, recoveryCode=code)
        self.assertTrue(self.factors(session).recovery_code.verified_at)
        self.refused(400, "DOMAIN-6uvh0", lambda: self.check(session, recoveryCode=code))
        methods = self.users.list_authentication_method_types(
            m.UserServiceListAuthenticationMethodTypesRequest(userId=user)
        )
        names = [kind.value for kind in methods.auth_method_types]
        self.assertEqual(names, ["AUTHENTICATION_METHOD_TYPE_PASSWORD", "AUTHENTICATION_METHOD_TYPE_RECOVERY_CODE"])
        user = self.users.get_user_by_id(m.UserServiceGetUserByIDRequest(userId=user)).user
        self.assertEqual(user.human.profile.display_name, "Minnie Mouse")


if __name__ == "__main__":
    unittest.main()
