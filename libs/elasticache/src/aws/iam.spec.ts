import { describe, expect, it } from '@jest/globals';
import { iam, type IamOptions } from './iam.js';
import { iamToken } from './iam.token.js';

/** The credentials of AWS's documentation, which open nothing. */
const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const now = Date.UTC(2025, 0, 1);
const request = { cacheName: 'my-cache', user: 'testuser', region: 'us-east-1', serverless: false };
const signatureOf = (token: string) => new URLSearchParams(token).get('X-Amz-Signature');

describe('A token for ElastiCache', () => {
  // Those that AWS publishes: aws/developer-toolkit-elasticache, node/test/token-generator.test.ts
  it.each([
    [
      'of a node-based cache',
      {},
      'cd78a7de74c1bb1c8c685cac428f783b5433ce5fbf569af867570311d6a85797',
    ],
    [
      'of a serverless cache',
      { serverless: true },
      '28f349fd92f74e0192de149a74743ae7d087bb136523c342bdd67632a8360023',
    ],
    [
      'of names in mixed case',
      { cacheName: 'My-Cache', user: 'TestUser' },
      'cd78a7de74c1bb1c8c685cac428f783b5433ce5fbf569af867570311d6a85797',
    ],
  ])('%s bears the signature that AWS computes', (_, change, signature) => {
    expect(signatureOf(iamToken({ ...request, ...change }, credentials, now))).toBe(signature);
  });

  it('is a presigned URL without its scheme, byte for byte', () => {
    expect(iamToken({ ...request, serverless: true }, credentials, now)).toBe(
      'my-cache/?Action=connect&User=testuser&ResourceType=ServerlessCache' +
        '&X-Amz-Algorithm=AWS4-HMAC-SHA256' +
        '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20250101%2Fus-east-1%2Felasticache%2Faws4_request' +
        '&X-Amz-Date=20250101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host' +
        '&X-Amz-Signature=28f349fd92f74e0192de149a74743ae7d087bb136523c342bdd67632a8360023',
    );
  });

  it('bears the session token of a role, encoded by RFC 3986', () => {
    const token = iamToken(request, { ...credentials, sessionToken: "a+/='()*!" }, now);
    expect(token).toContain('&X-Amz-Security-Token=a%2B%2F%3D%27%28%29%2A%21&');
  });
});

describe('iam', () => {
  const options: IamOptions = {
    user: 'app',
    cacheName: 'orders',
    region: 'eu-west-1',
    credentials: async () => credentials,
  };

  it('answers with a token of this moment each time it is asked', async () => {
    const { username, password } = iam(options);
    expect(username).toBe('app');
    const before = Date.now();
    const date = new URLSearchParams(await password()).get('X-Amz-Date')!;
    const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/
      .exec(date)!
      .map(Number);
    const signedAt = Date.UTC(year!, month! - 1, day, hour, minute, second);
    expect(signedAt).toBeGreaterThan(before - 1_000);
    expect(signedAt).toBeLessThanOrEqual(Date.now());
  });

  it('fails with what the credentials fail with', async () => {
    const failure = new Error('no credentials');
    const { password } = iam({ ...options, credentials: () => Promise.reject(failure) });
    await expect(password()).rejects.toBe(failure);
  });

  it('names what is no name, and shows none', () => {
    const hostile = { user: 'App', cacheName: 'orders.abc/?x', region: 'Ireland' };
    const faults = faultsOf(() => iam({ ...options, ...hostile }));
    expect(faults.map(({ path }) => path)).toEqual(['iam.user', 'iam.cacheName', 'iam.region']);
    expect(faults[0]!.message).toContain('in lower case');
    const text = JSON.stringify(faults);
    for (const value of Object.values(hostile)) expect(text).not.toContain(value);
  });
});

function faultsOf(make: () => unknown): { path: string; message: string }[] {
  try {
    make();
  } catch (error) {
    return (error as { faults: { path: string; message: string }[] }).faults;
  }
  throw new Error('It has no faults.');
}
