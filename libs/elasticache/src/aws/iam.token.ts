import { createHash, createHmac } from 'node:crypto';

/** What the AWS SDK's credential providers answer with, as far as signing needs it. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** What a token is for. Names are valid, see {@link nameFaults}. */
export interface TokenRequest {
  /** Of the replication group, or of the serverless cache: no endpoint. */
  readonly cacheName: string;
  /** The id of the ElastiCache user. */
  readonly user: string;
  readonly region: string;
  readonly serverless: boolean;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SERVICE = 'elasticache';

/** A token is taken for so long; a connection made with it lives on. */
const LIFE_SECONDS = 900;

/**
 * A token that ElastiCache takes as the user's password: the presigned URL of a request that is never
 * sent, without its scheme.
 * (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html, Signature Version 4)
 */
export function iamToken(request: TokenRequest, credentials: AwsCredentials, now: number): string {
  const host = request.cacheName.toLowerCase();
  const date = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = [date.slice(0, 8), request.region, SERVICE, 'aws4_request'];
  const query = Object.entries({
    Action: 'connect',
    User: request.user.toLowerCase(),
    ...(request.serverless && { ResourceType: 'ServerlessCache' }),
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': [credentials.accessKeyId, ...scope].join('/'),
    'X-Amz-Date': date,
    'X-Amz-Expires': `${LIFE_SECONDS}`,
    'X-Amz-SignedHeaders': 'host',
    ...(credentials.sessionToken && { 'X-Amz-Security-Token': credentials.sessionToken }),
  }).map((pair) => pair.map(escaped).join('='));
  const canonical = [
    'GET',
    '/',
    query.toSorted().join('&'),
    `host:${host}`,
    '',
    'host',
    sha256(''),
  ];
  const toSign = [ALGORITHM, date, scope.join('/'), sha256(canonical.join('\n'))].join('\n');
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
  const signature = hmac(key, toSign).toString('hex');
  return `${host}/?${query.join('&')}&X-Amz-Signature=${signature}`;
}

/** RFC 3986 leaves fewer characters as they are than `encodeURIComponent` does, and what is signed is the difference. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
