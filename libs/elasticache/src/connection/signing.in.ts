import { types } from 'node:util';

import type { Random } from '../time/jitter.js';
import type { RedisClient } from './redis.client.js';
import type { RotatingPassword } from './rotating.password.js';

/** AWS cuts a connection 12 hours after it has signed in; half of that leaves room for many attempts. */
const SIGN_IN_MS = 6 * 3_600_000;

/** Where it fails it is tried again after a part of that: ten times before the server would cut. */
const AGAIN = 1 / 12;

interface SigningIn {
  readonly username: string | undefined;
  readonly password: RotatingPassword;
  readonly random: Random;
  /** For tests; a fifth more or less. */
  readonly everyMs?: number | undefined;
}

/** A client that is refused needs another password for its next connection. */
export function outdateIfRefused(client: RedisClient, password: RotatingPassword): void {
  const refused = (error: unknown) => {
    if (types.isNativeError(error) && error.message.startsWith('WRONGPASS')) password.outdate();
  };
  client.on('error', refused);
  client.on('node error', refused);
}

/**
 * Signs in anew on live connections, as long as it is not stopped. One where that fails is cut by the
 * server in the end, and made anew. Commands between MULTI and EXEC would be in its way: we send none.
 * (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html)
 *
 * @returns what stops it
 */
export function keepSignedIn(
  client: RedisClient,
  { username = 'default', password, random, everyMs = SIGN_IN_MS }: SigningIn,
): () => void {
  let timer: NodeJS.Timeout;
  const after = (ms: number) => {
    timer = setTimeout(
      () => void again().then((done) => after(done ? everyMs : everyMs * AGAIN)),
      ms * (0.8 + 0.4 * random()),
    );
    timer.unref();
  };
  const again = async (): Promise<boolean> => {
    const fresh = await password.fresh().catch(() => undefined); // told already
    if (fresh === undefined) return false;
    const nodes = client.isCluster && client.nodes ? client.nodes('all') : [client];
    const live = nodes.filter(({ status }) => status === 'ready');
    // An error would show the password among the arguments of its command.
    const signedIn = await Promise.allSettled(
      live.map((node) => node.callBuffer('auth', username, fresh)),
    );
    return signedIn.every(({ status }) => status === 'fulfilled');
  };
  after(everyMs);
  return () => clearTimeout(timer);
}
