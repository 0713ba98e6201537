// @zitadel/proto over Connect, unmodified: what a login UI does, with an authenticator app, codes that are sent, and a key.
//
// zitadel.mjs ADDRESS
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import { test } from 'node:test';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { CredentialsCheckErrorSchema, ErrorDetailSchema } from '@zitadel/proto/zitadel/message_pb';
import { UserVerificationRequirement } from '@zitadel/proto/zitadel/session/v2/challenge_pb';
import { SessionService } from '@zitadel/proto/zitadel/session/v2/session_service_pb';
import { SecondFactorType } from '@zitadel/proto/zitadel/settings/v2/login_settings_pb';
import { SettingsService } from '@zitadel/proto/zitadel/settings/v2/settings_service_pb';
import { AuthenticationMethodType, UserService } from '@zitadel/proto/zitadel/user/v2/user_service_pb';

const baseUrl = process.argv[2];
const PASSWORD = 'Secr3tP4ssw0rd!';

const authorized = (next) => (request) => {
  request.header.set('Authorization', 'Bearer root');
  return next(request);
};
const transport = createConnectTransport({
  baseUrl,
  httpVersion: '1.1',
  useBinaryFormat: false,
  interceptors: [authorized],
});
const users = createClient(UserService, transport);
const sessions = createClient(SessionService, transport);
const settings = createClient(SettingsService, transport);

/** That the promise fails with this code and id, as the package reads them. */
async function refused(code, id, promise) {
  const error = await promise.then(() => assert.fail('it was not refused'), (error) => ConnectError.from(error));
  assert.equal(error.code, code, error.message);
  const details = [...error.findDetails(ErrorDetailSchema), ...error.findDetails(CredentialsCheckErrorSchema)];
  assert.equal(details[0].id, id);
  return details[0];
}

/** Somebody with a proven address and a password. */
async function somebody(email) {
  const made = await users.addHumanUser({
    profile: { givenName: 'Minnie', familyName: 'Mouse' },
    email: { email, verification: { case: 'isVerified', value: true } },
    passwordType: { case: 'password', value: { password: PASSWORD } },
  });
  return made.userId;
}

const about = (userId) => ({ user: { search: { case: 'userId', value: userId } } });

const shown = (secret) => execFileSync('oathtool', ['--totp', '--base32', secret], { encoding: 'utf8' }).trim();

test('an authenticator app is registered and proves its owner beside a password', async () => {
  const offered = (await settings.getLoginSettings({})).settings.secondFactors;
  assert.deepEqual(offered, [SecondFactorType.OTP, SecondFactorType.U2F]);
  const userId = await somebody('app@mouse.com');
  const begun = await users.registerTOTP({ userId });
  assert.match(begun.uri, /^otpauth:\/\/totp\/ZITADEL:app@mouse\.com\?algorithm=SHA1&digits=6&issuer=ZITADEL&period=30&secret=/);
  await refused(Code.InvalidArgument, 'EVENT-8isk2', users.verifyTOTPRegistration({ userId, code: 'abcdef' }));
  const code = shown(begun.secret);
  await users.verifyTOTPRegistration({ userId, code });
  const made = await sessions.createSession({ checks: about(userId), lifetime: { seconds: 3600n } });
  const { sessionId } = made;
  const wrong = await refused(
    Code.InvalidArgument,
    'COMMAND-3M0fs',
    sessions.setSession({ sessionId, checks: { password: { password: 'wrong' } } }),
  );
  assert.equal(wrong.failedAttempts, 1);
  const byPassword = await sessions.setSession({
    sessionId,
    sessionToken: made.sessionToken,
    checks: { password: { password: PASSWORD } },
  });
  const byCode = await sessions.setSession({
    sessionId,
    sessionToken: byPassword.sessionToken,
    checks: { totp: { code } },
  });
  await refused(
    Code.PermissionDenied,
    'COMMAND-sGr42',
    sessions.getSession({ sessionId, sessionToken: byPassword.sessionToken }),
  );
  const { session } = await sessions.getSession({ sessionId, sessionToken: byCode.sessionToken });
  assert.equal(session.factors.user.loginName, 'app@mouse.com');
  assert.ok(session.factors.password.verifiedAt && session.factors.totp.verifiedAt && session.expirationDate);
  await refused(Code.InvalidArgument, 'TOTP-Auw0a', sessions.setSession({ sessionId, checks: { totp: { code } } }));
  const { authMethodTypes } = await users.listAuthenticationMethodTypes({ userId });
  assert.deepEqual(authMethodTypes, [AuthenticationMethodType.PASSWORD, AuthenticationMethodType.TOTP]);
});

test('codes that are sent are asked for and checked', async () => {
  const userId = await somebody('codes@mouse.com');
  const set = await users.setPhone({
    userId,
    phone: '+41791234567',
    verification: { case: 'returnCode', value: {} },
  });
  await users.verifyPhone({ userId, verificationCode: set.verificationCode });
  await users.addOTPSMS({ userId });
  await users.addOTPEmail({ userId });
  await refused(Code.AlreadyExists, 'COMMAND-Ad3g2', users.addOTPSMS({ userId }));
  const { sessionId } = await sessions.createSession({ checks: about(userId) });
  const asked = await sessions.setSession({
    sessionId,
    challenges: { otpSms: { returnCode: true }, otpEmail: { deliveryType: { case: 'returnCode', value: {} } } },
  });
  const { otpSms, otpEmail } = asked.challenges;
  await refused(
    Code.InvalidArgument,
    'CODE-woT0xc',
    sessions.setSession({ sessionId, checks: { otpSms: { code: otpSms === '00000000' ? '1' : '00000000' } } }),
  );
  await sessions.setSession({ sessionId, checks: { otpSms: { code: otpSms }, otpEmail: { code: otpEmail } } });
  const { session } = await sessions.getSession({ sessionId });
  assert.ok(session.factors.otpSms.verifiedAt && session.factors.otpEmail.verifiedAt);
  await refused(
    Code.FailedPrecondition,
    'COMMAND-S34gh',
    sessions.setSession({ sessionId, checks: { otpSms: { code: otpSms } } }),
  );
});

/** A key in software, at a browser that shows a page of `origin`. */
class Key {
  constructor(origin, domain) {
    const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    Object.assign(this, { origin, domain, counter: 0, id: crypto.randomBytes(32), ...pair });
  }

  clientData(type, challenge) {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  data(flags, attested = Buffer.alloc(0)) {
    const head = Buffer.alloc(5);
    head[0] = flags;
    head.writeUInt32BE(this.counter++, 1);
    return Buffer.concat([crypto.createHash('sha256').update(this.domain).digest(), head, attested]);
  }

  create({ publicKey }) {
    const { x, y } = this.publicKey.export({ format: 'jwk' });
    const bytes = (text) => Buffer.concat([Buffer.from([0x58, 0x20]), Buffer.from(text, 'base64url')]);
    // CBOR: { 1: 2, 3: -7, -1: 1, -2: x, -3: y }.
    const cose = [Buffer.from([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21]), bytes(x), Buffer.from([0x22]), bytes(y)];
    const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, ...cose]);
    const data = this.data(0x41, attested);
    const length = Buffer.from([0x58, data.length]);
    // CBOR: { "fmt": "none", "attStmt": {}, "authData": data }.
    const text = (text) => Buffer.concat([Buffer.from([0x60 + text.length]), Buffer.from(text)]);
    const none = [text('fmt'), text('none'), text('attStmt'), Buffer.from([0xa0])];
    const object = Buffer.concat([Buffer.from([0xa3]), ...none, text('authData'), length, data]);
    const clientDataJSON = this.clientData('webauthn.create', publicKey.challenge);
    return this.said({ clientDataJSON, attestationObject: object });
  }

  get({ publicKey }) {
    const clientDataJSON = this.clientData('webauthn.get', publicKey.challenge);
    const authenticatorData = this.data(0x01);
    const digest = crypto.createHash('sha256').update(clientDataJSON).digest();
    const signature = crypto.sign('sha256', Buffer.concat([authenticatorData, digest]), this.privateKey);
    return this.said({ clientDataJSON, authenticatorData, signature });
  }

  said(response) {
    const id = this.id.toString('base64url');
    const texts = Object.entries(response).map(([name, value]) => [name, value.toString('base64url')]);
    return { type: 'public-key', id, rawId: id, response: Object.fromEntries(texts) };
  }
}

test('a key is registered and proves its owner', async () => {
  const userId = await somebody('key@mouse.com');
  const key = new Key('https://login.acme.com', 'acme.com');
  const begun = await users.registerU2F({ userId, domain: 'acme.com' });
  const publicKeyCredential = key.create(begun.publicKeyCredentialCreationOptions);
  await refused(
    Code.NotFound,
    'WEBAU-5M9so',
    users.verifyU2FRegistration({ userId, u2fId: '1', publicKeyCredential, tokenName: 'x' }),
  );
  await users.verifyU2FRegistration({ userId, u2fId: begun.u2fId, publicKeyCredential, tokenName: 'Google Pixel' });
  const made = await sessions.createSession({
    checks: about(userId),
    challenges: { webAuthN: { domain: 'acme.com', userVerificationRequirement: UserVerificationRequirement.DISCOURAGED } },
  });
  const { sessionId } = made;
  const credentialAssertionData = key.get(made.challenges.webAuthN.publicKeyCredentialRequestOptions);
  await sessions.setSession({ sessionId, checks: { webAuthN: { credentialAssertionData } } });
  const { session } = await sessions.getSession({ sessionId });
  assert.ok(session.factors.webAuthN.verifiedAt && !session.factors.webAuthN.userVerified);
  await refused(
    Code.FailedPrecondition,
    'COMMAND-Ioqu5',
    sessions.setSession({ sessionId, checks: { webAuthN: { credentialAssertionData } } }),
  );
  const { authMethodTypes } = await users.listAuthenticationMethodTypes({ userId });
  assert.ok(authMethodTypes.includes(AuthenticationMethodType.U2F));
});
