import { describe, expect, it } from '@jest/globals';
import { type IamCache, tokenFault } from './iam.verifier.js';

const now = Date.UTC(2025, 0, 1);
const cache: IamCache = {
  cacheName: 'my-cache',
  region: 'us-east-1',
  serverless: true,
  users: ['testuser', 'TestUser'],
  keys: { AKIAIOSFODNN7EXAMPLE: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
};

/** As AWS publishes it: aws/developer-toolkit-elasticache, node/test/token-generator.test.ts */
const token =
  'my-cache/?Action=connect&User=testuser&ResourceType=ServerlessCache' +
  '&X-Amz-Algorithm=AWS4-HMAC-SHA256' +
  '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20250101%2Fus-east-1%2Felasticache%2Faws4_request' +
  '&X-Amz-Date=20250101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host' +
  '&X-Amz-Signature=28f349fd92f74e0192de149a74743ae7d087bb136523c342bdd67632a8360023';

interface Attempt {
  change?: Partial<IamCache>;
  user?: string;
  sent?: string;
  at?: number;
}
const fault = ({ change, user = 'testuser', sent = token, at = now }: Attempt) =>
  tokenFault({ ...cache, ...change }, user, sent, at);

describe('The verifier of tokens', () => {
  it('takes one that AWS has published, for 15 minutes', () => {
    expect(fault({})).toBeUndefined();
    expect(fault({ at: now + 900_000 })).toBeUndefined();
  });

  it.each<[string, Attempt]>([
    ['signature', { change: { keys: { AKIAIOSFODNN7EXAMPLE: 'another' } } }],
    ['signature', { sent: token.replace('000000Z', '000001Z') }],
    ['signature', { sent: `${token}&More=1` }],
    ['key', { change: { keys: {} } }],
    ['user', { user: 'TestUser' }],
    ['user', { user: 'somebody' }],
    ['cache', { change: { cacheName: 'orders' } }],
    ['kind of cache', { change: { serverless: false } }],
    ['kind of cache', { sent: token.replace('&ResourceType=ServerlessCache', '') }],
    ['scope', { change: { region: 'eu-west-1' } }],
    ['life', { sent: token.replace('=900&', '=90000&') }],
    ['expired', { at: now + 901_000 }],
    ['expired', { at: now - 60_000 }],
    ['no presigned URL', { sent: 'correct-horse' }],
  ])('refuses: %s', (what, attempt) => {
    expect(fault(attempt)).toBe(what);
  });
});
