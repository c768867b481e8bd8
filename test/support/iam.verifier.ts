/**
 * Who checks a token as AWS does, from what Signature Version 4 says and nothing of the library's.
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)
 */
import { createHash, createHmac } from 'node:crypto';

/** What a cache was made with, and the keys that may sign for it. */
export interface IamCache {
  readonly cacheName: string;
  readonly region: string;
  readonly serverless: boolean;
  /** The ids of its users, which are their names as well. */
  readonly users: readonly string[];
  /** Secret keys by the ids they go by. */
  readonly keys: Readonly<Record<string, string>>;
}

const EXPIRES_SECONDS = 900;

/** What is wrong with a token that somebody signs in with at this moment; undefined where nothing is. */
export function tokenFault(
  cache: IamCache,
  user: string,
  token: string,
  now: number,
): string | undefined {
  const [, host, query] = /^([^/]+)\/\?(.+)$/.exec(token) ?? [];
  if (host === undefined || query === undefined) return 'no presigned URL';
  const pairs = query.split('&');
  const signed = pairs.filter((pair) => !pair.startsWith('X-Amz-Signature='));
  const of = (name: string) => {
    const values = pairs.filter((pair) => pair.startsWith(`${name}=`));
    return values.length === 1 ? decodeURIComponent(values[0]!.slice(name.length + 1)) : undefined;
  };
  const credential = of('X-Amz-Credential')?.split('/') ?? [];
  const [keyId = '', day = '', ...scope] = credential;
  const date = of('X-Amz-Date') ?? '';
  const signedAt = Date.parse(
    date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  const isOf = (name: string, value: string | undefined) => of(name) === value;
  const checks: [string, boolean][] = [
    ['cache', host === cache.cacheName],
    ['action', isOf('Action', 'connect')],
    ['user', cache.users.includes(user) && isOf('User', user)],
    ['kind of cache', isOf('ResourceType', cache.serverless ? 'ServerlessCache' : undefined)],
    ['algorithm', isOf('X-Amz-Algorithm', 'AWS4-HMAC-SHA256')],
    ['headers', isOf('X-Amz-SignedHeaders', 'host')],
    ['scope', scope.join('/') === `${cache.region}/elasticache/aws4_request`],
    ['life', isOf('X-Amz-Expires', `${EXPIRES_SECONDS}`)],
    ['day', day !== '' && date.startsWith(`${day}T`)],
    ['key', keyId in cache.keys],
  ];
  const fault = checks.find(([, holds]) => !holds)?.[0];
  if (fault !== undefined) return fault;
  const age = (now - signedAt) / 1_000; // a date is a full second
  if (!(age >= -1 && age <= EXPIRES_SECONDS)) return 'expired';
  const request = ['GET', '/', signed.sort().join('&'), `host:${host}`, '', 'host', sha256('')];
  const toSign = [
    'AWS4-HMAC-SHA256',
    date,
    credential.slice(1).join('/'),
    sha256(request.join('\n')),
  ].join('\n');
  let key: Buffer = Buffer.from(`AWS4${cache.keys[keyId]}`);
  for (const part of credential.slice(1)) key = hmac(key, part);
  return isOf('X-Amz-Signature', hmac(key, toSign).toString('hex')) ? undefined : 'signature';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
