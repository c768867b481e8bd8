import { CacheConfigurationError } from '../errors/cache.errors.js';
import type { Fault } from '../errors/catalogue.js';
import { systemClock } from '../time/clock.js';
import { type AwsCredentials, iamToken, type TokenRequest } from './iam.token.js';

/** Who connects to which cache. */
export interface IamOptions {
  /** The id of the ElastiCache user; its name must be the same. Lower case, as it was created. */
  readonly user: string;
  /** The name of the replication group or serverless cache: not its endpoint. */
  readonly cacheName: string;
  /** The region of the cache, such as `eu-west-1`. */
  readonly region: string;
  /** Whether the cache is serverless; such a token is another one. Default false. */
  readonly serverless?: boolean;
  /** Asked for each token. Default: the AWS SDK's own chain, of `@aws-sdk/credential-provider-node`. */
  readonly credentials?: () => Promise<AwsCredentials>;
}

/** A user and its password, which is another one each time. */
export interface IamAuth {
  readonly username: string;
  readonly password: () => Promise<string>;
  /** Which tokens these are. */
  readonly iam: { readonly serverless: boolean };
}

/** AWS's own rules, so that no name can become a part of what is signed. */
const NAMES = {
  user: [/^(default\.)?[a-z][a-z0-9-]*$/, 'must be the id of an ElastiCache user, in lower case'],
  cacheName: [
    /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/i,
    'must be the name of the replication group or serverless cache, no endpoint',
  ],
  region: [/^[a-z]{2}(-[a-z]+)+-\d$/, "must be a region, such as 'eu-west-1'"],
} as const;

const PROVIDER = '@aws-sdk/credential-provider-node';

/**
 * Signs in to ElastiCache as an IAM user: a token for each connection instead of a password. The role
 * that signs needs `elasticache:Connect` on the cache and on the user. (Redis 7.0, Valkey 7.2, over TLS)
 *
 * @throws CacheConfigurationError for names that are none; no message shows one
 * @example
 * elastiCache({ endpoint, auth: iam({ user: 'app', cacheName: 'orders', region: 'eu-west-1' }) })
 */
export function iam(options: IamOptions): IamAuth {
  const faults = nameFaults(options);
  if (faults.length > 0) throw new CacheConfigurationError(faults);
  const { user, cacheName, region, serverless = false, credentials = chain() } = options;
  const request: TokenRequest = { user, cacheName, region, serverless };
  return {
    username: user,
    iam: { serverless },
    password: async () => iamToken(request, await credentials(), systemClock.now()),
  };
}

function nameFaults(options: IamOptions): Fault[] {
  return Object.entries(NAMES).flatMap(([name, [pattern, message]]) => {
    const value = options[name as keyof typeof NAMES] as unknown;
    const isFit = typeof value === 'string' && pattern.test(value);
    return isFit ? [] : [{ path: `iam.${name}`, message }];
  });
}

/** The SDK's provider remembers credentials as long as they hold. */
function chain(): () => Promise<AwsCredentials> {
  let provider: Promise<() => Promise<AwsCredentials>> | undefined;
  return async () => (await (provider ??= sdkProvider()))();
}

async function sdkProvider(): Promise<() => Promise<AwsCredentials>> {
  try {
    const { defaultProvider } = (await import(PROVIDER)) as {
      defaultProvider: () => () => Promise<AwsCredentials>;
    };
    return defaultProvider();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message = `needs a function, or the package ${PROVIDER}; run: npm i ${PROVIDER}`;
    throw new CacheConfigurationError([{ path: 'iam.credentials', message }]);
  }
}
