#!/usr/bin/env python3
"""A person's second factor in OpenZiti's client API, from enrolment to removal, by a client that bravado makes from the API's own description
and that validates every reply against it. Where that description is not at hand, the same calls are made without one."""

import os
import pathlib
import sys

import requests

from authenticator import Authenticator
from server import ROOT, serving

DESCRIPTION = ROOT.parent / "shared/compat/openziti-client.yml"
GENERATOR = pathlib.Path(sys.prefix).resolve().parent / "bravado"
PASSWORD = "correct horse battery"
INVALID, EXISTS, NOT_ENROLLED, NOT_FOUND = "MFA_INVALID_TOKEN", "MFA_EXISTS", "MFA_NOT_ENROLLED", "NOT_FOUND"


class Refused(Exception):
    """An answer that is an error: its status, and its code."""

    def __init__(self, status, body):
        error = body["error"]
        assert error["message"] and error["requestId"] and body["meta"]["apiVersion"], body
        super().__init__(status, error["code"])


class Generated:
    """The client that was made of the description."""

    def __init__(self, address):
        import warnings

        import yaml
        from bravado.client import SwaggerClient
        from bravado.exception import HTTPError

        description = yaml.safe_load(DESCRIPTION.read_text())
        description.update(host=address.partition("//")[2], schemes=["http"])
        # It says of texts that are links to it, and nothing else, that it does not know their format.
        warnings.filterwarnings("ignore", "uri format is not registered")
        # The description itself is taken as it is: it has whole numbers with a decimal point.
        config = {
            "also_return_response": True, "include_missing_properties": False, "use_models": False,
            "validate_responses": True, "validate_swagger_spec": False,
        }
        self.client, self.error = SwaggerClient.from_spec(description, config=config), HTTPError
        # The description calls links URIs; the original's are relative, and so are ours.
        checker = self.client.swagger_spec.format_checker
        checker.checkers = {name: check for name, check in checker.checkers.items() if name != "uri"}

    def __call__(self, session, tag, operation, **parameters):
        headers = {"zt-session": session} if session else {}
        call = getattr(getattr(self.client, tag), operation)
        try:
            data, answer = call(_request_options={"headers": headers}, **parameters).result(timeout=30)
        except self.error as error:
            raise Refused(error.response.status_code, error.response.json()) from None
        return data if isinstance(data, bytes) else answer.raw_bytes if data is None else data["data"]


class Plain:
    """A client that knows paths."""

    MFA = "current-identity/mfa"
    PATHS = {
        "listVersion": ("GET", "version"),
        "authenticate": ("POST", "authenticate"),
        "authenticateMfa": ("POST", "authenticate/mfa"),
        "getCurrentAPISession": ("GET", "current-api-session"),
        "delete_current_api_session": ("DELETE", "current-api-session"),
        "getCurrentIdentity": ("GET", "current-identity"),
        "detailMfa": ("GET", MFA),
        "enrollMfa": ("POST", MFA),
        "deleteMfa": ("DELETE", MFA),
        "verifyMfa": ("POST", f"{MFA}/verify"),
        "detailMfaQrCode": ("GET", f"{MFA}/qr-code"),
        "detailMfaRecoveryCodes": ("GET", f"{MFA}/recovery-codes"),
        "createMfaRecoveryCodes": ("POST", f"{MFA}/recovery-codes"),
        "listSessions": ("GET", "sessions"),
        "listServices": ("GET", "services"),
    }

    def __init__(self, address):
        self.base = f"{address}/edge/client/v1"

    def __call__(self, session, _tag, operation, method=None, **parameters):
        verb, path = self.PATHS[operation]
        headers = {"zt-session": session} if session else {}
        body = None
        for name, value in parameters.items():
            if name == "mfa-validation-code":
                headers[name] = value
            else:
                body = value
        answer = requests.request(
            verb, f"{self.base}/{path}", params={"method": method}, headers=headers, json=body, timeout=30
        )
        if answer.status_code >= 400:
            raise Refused(answer.status_code, answer.json())
        return answer.content if "json" not in answer.headers["content-type"] else answer.json()["data"]


def main():
    generated = DESCRIPTION.exists()
    if generated and pathlib.Path(sys.prefix).resolve() != GENERATOR:
        generator = str(GENERATOR / "bin/python")
        os.execv(generator, [generator, __file__])
    print("by a client made of the description" if generated else f"no description at {DESCRIPTION}: by plain calls")
    with serving("--dev-admin-password", PASSWORD) as address:
        live(Generated(address) if generated else Plain(address), Administrator(address))
    print("the second factor was enrolled, proven, recovered and removed")


class Administrator:
    """Whoever runs the network."""

    def __init__(self, address):
        self.base, self.headers = f"{address}/edge/management/v1", {}
        login = {"username": "admin", "password": PASSWORD}
        self.headers["zt-session"] = self("POST", "authenticate?method=password", login)["token"]

    def __call__(self, verb, path, body=None):
        answer = requests.request(verb, f"{self.base}/{path}", headers=self.headers, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()["data"]

    def person(self, name):
        made = self("POST", "identities", {"name": name, "type": "User", "isAdmin": False})["id"]
        self(
            "POST", "authenticators",
            {"method": "updb", "identityId": made, "username": name, "password": PASSWORD},
        )
        return made


def live(ask, administrator):
    alice = administrator.person("alice")
    assert ask(None, "Informational", "listVersion")["apiVersions"]["edge"]["v1"]["path"] == "/edge/client/v1"

    def login():
        return ask(None, "Authentication", "authenticate", method="password", auth={
            "username": "alice", "password": PASSWORD, "configTypes": [], "sdkInfo": {"type": "story"},
        })

    session = login()
    token = session["token"]
    assert session["authQueries"] == [] and session["identity"]["id"] == alice
    assert ask(token, "Current_Identity", "getCurrentIdentity")["isMfaEnabled"] is False

    # Enrol: look, start, look again, as SDKs do.
    refused(404, NOT_FOUND, ask, token, "MFA", "detailMfa")
    refused(409, NOT_ENROLLED, ask, token, "MFA", "authenticateMfa", mfaAuth={"code": "000000"})
    ask(token, "MFA", "enrollMfa")
    refused(409, EXISTS, ask, token, "MFA", "enrollMfa")
    pending = ask(token, "MFA", "detailMfa")
    assert pending["isVerified"] is False and len(pending["recoveryCodes"]) == 20
    app = Authenticator(pending["provisioningUrl"])
    assert ask(token, "MFA", "detailMfaQrCode").startswith(b"\x89PNG")
    refused(400, INVALID, ask, token, "MFA", "verifyMfa", mfaValidation={"code": app.wrong()})
    refused(400, INVALID, ask, token, "MFA", "verifyMfa", mfaValidation={"code": pending["recoveryCodes"][0]})
    ask(token, "MFA", "verifyMfa", mfaValidation={"code": app.now()})
    assert "provisioningUrl" not in ask(token, "MFA", "detailMfa")
    ask(token, "Current_API_Session", "delete_current_api_session")
    refused(401, "UNAUTHORIZED", ask, token, "Current_API_Session", "getCurrentAPISession")

    # Log in again: the session waits for the second factor.
    session = login()
    token, [query] = session["token"], session["authQueries"]
    assert query["typeId"] == "MFA" and query["isTotpEnrolled"] is True
    refused(401, "UNAUTHORIZED", ask, token, "Service", "listServices")
    refused(400, INVALID, ask, token, "MFA", "authenticateMfa", mfaAuth={"code": app.wrong()})
    code = app.now()
    ask(token, "MFA", "authenticateMfa", mfaAuth={"code": code})
    session = ask(token, "Current_API_Session", "getCurrentAPISession")
    assert session["authQueries"] == [] and session["isMfaComplete"] is True
    assert ask(token, "Service", "listServices") == [] and ask(token, "Session", "listSessions") == []

    # Recovery codes: shown by header and by body, replaced, used.
    old = ask(token, "MFA", "detailMfaRecoveryCodes", **{"mfa-validation-code": code})["recoveryCodes"]
    assert old == pending["recoveryCodes"]
    ask(token, "MFA", "createMfaRecoveryCodes", mfaValidation={"code": code})
    new = ask(token, "MFA", "detailMfaRecoveryCodes", mfaValidation={"code": code})["recoveryCodes"]
    assert len(new) == 20 and not set(new) & set(old)
    token = login()["token"]
    refused(400, INVALID, ask, token, "MFA", "authenticateMfa", mfaAuth={"code": code})
    refused(400, INVALID, ask, token, "MFA", "authenticateMfa", mfaAuth={"code": old[0]})
    ask(token, "MFA", "authenticateMfa", mfaAuth={"code": new[0]})
    refused(400, INVALID, ask, token, "MFA", "authenticateMfa", mfaAuth={"code": new[0]})

    # Remove: by its owner, and by an administrator.
    refused(400, INVALID, ask, token, "MFA", "deleteMfa", **{"mfa-validation-code": app.wrong()})
    ask(token, "MFA", "deleteMfa", **{"mfa-validation-code": new[1]})
    refused(404, NOT_FOUND, ask, token, "MFA", "detailMfa")
    app = Authenticator(ask(token, "MFA", "enrollMfa").get("provisioningUrl"))
    ask(token, "MFA", "verifyMfa", mfaValidation={"code": app.now()})
    assert administrator("GET", f"identities/{alice}")["isMfaEnabled"] is True
    administrator("DELETE", f"identities/{alice}/mfa")
    assert administrator("GET", f"identities/{alice}")["isMfaEnabled"] is False
    refused(404, NOT_FOUND, ask, token, "MFA", "detailMfa")


def refused(status, code, ask, *call, **parameters):
    """A call must be refused, and so."""
    try:
        answer = ask(*call, **parameters)
    except Refused as refusal:
        assert refusal.args == (status, code), (call, refusal.args)
    else:
        sys.exit(f"{call} was not refused: {answer}")


if __name__ == "__main__":
    main()
