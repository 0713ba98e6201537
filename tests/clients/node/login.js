// node-vault, unmodified: what an operator does with it, and users who log in under an enforcement.
//
// login.js ADDRESS
'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const vault = require('node-vault');

const endpoint = process.argv[2];
const TOTP = 'identity/mfa/method/totp';
const PERIOD = 6;

const client = (token, more) => {
  const made = vault({ endpoint, ...more });
  // Nothing that the environment knows is meant.
  made.token = token;
  return made;
};
const admin = client('root');

/** The id of a new method. */
async function method(settings) {
  return (await admin.write(TOTP, { issuer: 'Example', ...settings })).data.method_id;
}

/** That the promise fails with this status and, in its message, this text. */
function refused(status, text, promise) {
  return assert.rejects(promise, (error) => error.response.statusCode === status && error.message.includes(text));
}

/** An authenticator app; oathtool does its arithmetic. */
class Authenticator {
  constructor(url) {
    this.secret = new URL(url).searchParams.get('secret');
    this.shown = 0;
  }

  /** A passcode that it has not shown before: this may take a period. */
  async passcode() {
    while (this.step() <= this.shown) await sleep(100);
    this.shown = this.step();
    return this.at(this.shown);
  }

  /** What looks like a passcode, and is not one anywhere near now. */
  wrong() {
    const near = [-3, -2, -1, 0, 1, 2, 3].map((steps) => this.at(this.step() + steps));
    return ['000000', '111111', '222222', '333333', '444444', '555555', '666666', '777777'].find(
      (code) => !near.includes(code),
    );
  }

  step() {
    return Math.floor(Date.now() / 1000 / PERIOD);
  }

  at(step) {
    const times = [`--time-step-size=${PERIOD}s`, `--now=@${step * PERIOD}`];
    return execFileSync('oathtool', ['--totp', '--base32', ...times, this.secret], { encoding: 'utf8' }).trim();
  }
}

/** A mount, a user, a method of the settings and an enforcement that binds them. */
class People {
  static async of(name, settings) {
    const people = new People();
    people.mount_point = name;
    await admin.addPolicy({ name: 'lister', policy: `path "${TOTP}" { capabilities = ["list"] }` });
    await admin.enableAuth({ mount_point: name, type: 'userpass' });
    await admin.write(`auth/${name}/users/alice`, { password: 'wonder', token_policies: ['lister'] });
    const { accessor } = (await admin.auths()).data[`${name}/`];
    people.entity = (await admin.write('identity/entity', { name: `alice of ${name}` })).data.id;
    await admin.write('identity/entity-alias', {
      name: 'alice', canonical_id: people.entity, mount_accessor: accessor,
    });
    people.method = await method({ period: PERIOD, ...settings });
    await admin.write(`identity/mfa/login-enforcement/${name}`, {
      mfa_method_ids: [people.method], auth_method_accessors: [accessor],
    });
    return people;
  }

  async authenticator() {
    const pair = { method_id: this.method, entity_id: this.entity };
    return new Authenticator((await admin.write(`${TOTP}/admin-generate`, pair)).data.url);
  }

  login(requestOptions) {
    const { mount_point } = this;
    return client('').userpassLogin({ mount_point, username: 'alice', password: 'wonder', requestOptions });
  }

  async requirement() {
    const { auth } = await this.login();
    assert.equal(auth.client_token, '');
    return auth.mfa_requirement;
  }

  /** What the answer to the requirement is answered with. */
  async validate({ mfa_request_id }, passcode) {
    const answer = { mfa_request_id, mfa_payload: { [this.method]: [passcode] } };
    return (await client('').write('sys/mfa/validate', answer)).auth;
  }
}

test('the server is well', async () => {
  assert.deepEqual(await admin.initialized(), { initialized: true });
  assert.equal((await admin.status()).sealed, false);
  assert.equal((await admin.health()).standby, false);
});

test('policies go by the old routes', async () => {
  const rules = 'path "identity/entity/id" { capabilities = ["list"] }';
  await admin.addPolicy({ name: 'auditor', policy: rules });
  assert.equal((await admin.getPolicy({ name: 'auditor' })).data.rules, rules);
  assert.ok((await admin.policies()).data.policies.includes('auditor'));
  await admin.removePolicy({ name: 'auditor' });
  await refused(404, 'Status 404', admin.getPolicy({ name: 'auditor' }));
});

test('a token is made, renewed, asked about and revoked', async () => {
  // It goes on with the token that it made.
  const user = client('root');
  const { client_token: token, accessor } = (await user.tokenCreate({ policies: ['default'], ttl: '1h' })).auth;
  assert.equal((await user.tokenRenewSelf({ increment: '30m' })).auth.lease_duration, 1800);
  assert.deepEqual((await user.tokenLookupSelf()).data.policies, ['default']);
  assert.equal((await admin.tokenLookupAccessor({ accessor })).data.id, '');
  await refused(403, 'permission denied', user.list(TOTP));
  await admin.tokenRevoke({ token });
  await refused(403, 'permission denied', user.tokenLookupSelf());
});

test('methods are made, listed and deleted', async () => {
  const made = await method({ method_name: 'phone' });
  assert.equal((await admin.read(`${TOTP}/${made}`)).data.name, 'phone');
  assert.ok((await admin.list(TOTP)).data.keys.includes(made));
  assert.ok((await client('root', { noCustomHTTPVerbs: true }).list(TOTP)).data.keys.includes(made));
  await admin.delete(`${TOTP}/${made}`);
  await refused(404, 'Status 404', admin.read(`${TOTP}/${made}`));
});

test('an authenticator is handed over wrapped, and unwrapped once', async () => {
  const entity_id = (await admin.write('identity/entity', { name: 'wendy' })).data.id;
  const pair = { method_id: await method(), entity_id };
  const wrapping = { headers: { 'X-Vault-Wrap-TTL': '60s' } };
  const { token } = (await admin.write(`${TOTP}/admin-generate`, pair, wrapping)).wrap_info;
  assert.match((await admin.unwrap({ token })).data.url, /^otpauth:\/\/totp\/Example:/);
  await refused(400, 'wrapping token is not valid', client(token).unwrap());
});

test('a login takes two steps, and a passcode is good for one', async () => {
  const people = await People.of('two');
  const code = await (await people.authenticator()).passcode();
  const asked = await people.requirement();
  assert.deepEqual(asked.mfa_constraints, { two: { any: [{ type: 'totp', id: people.method, uses_passcode: true }] } });
  const auth = await people.validate(asked, code);
  assert.deepEqual([auth.entity_id, auth.policies], [people.entity, ['default', 'lister']]);
  const user = client(auth.client_token);
  assert.ok((await user.list(TOTP)).data.keys.includes(people.method));
  await refused(403, 'permission denied', user.read(`${TOTP}/${people.method}`));
  await refused(400, 'invalid request ID', people.validate(asked, code));
  await refused(403, 'MFA credentials not supplied or incorrect', people.validate(await people.requirement(), code));
});

test('guessing locks for a period', async () => {
  const people = await People.of('guessed', { max_validation_attempts: 2 });
  const phone = await people.authenticator();
  const asked = await people.requirement();
  for (let guess = 0; guess < 2; guess += 1)
    await refused(403, 'MFA credentials not supplied or incorrect', people.validate(asked, phone.wrong()));
  const locked = 'maximum TOTP validation attempts 3 exceeded';
  await refused(403, locked, people.validate(await people.requirement(), await phone.passcode()));
  await sleep(PERIOD * 1000);
  assert.ok((await people.validate(asked, await phone.passcode())).client_token);
});

test('a passcode in a header makes it one step', async () => {
  const people = await People.of('single');
  const code = await (await people.authenticator()).passcode();
  const login = () => people.login({ headers: { 'X-Vault-MFA': `${people.method}:${code}` } });
  assert.equal((await login()).auth.entity_id, people.entity);
  await refused(403, 'permission denied', login());
});

test('a user without an authenticator enrols within the login', async () => {
  const people = await People.of('enrolled', { enable_self_enrollment: true });
  const asked = await people.requirement();
  assert.ok(asked.mfa_constraints.enrolled.any[0].self_enrollment_enabled);
  const { mfa_request_id } = asked;
  const enrol = { mfa_request_id, mfa_method_id: people.method };
  const phone = new Authenticator((await client('').write(`${TOTP}/self-enroll`, enrol)).data.url);
  assert.equal((await people.validate(asked, await phone.passcode())).entity_id, people.entity);
  const [again] = (await people.requirement()).mfa_constraints.enrolled.any;
  assert.equal(again.self_enrollment_enabled, undefined);
});
