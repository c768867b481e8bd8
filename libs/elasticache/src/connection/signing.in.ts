import type { Random } from '../time/jitter.js';
import type { RedisClient } from './redis.client.js';
import type { RotatingPassword } from './rotating.password.js';

/** AWS cuts a connection 12 hours after it has signed in; half of that leaves room for many attempts. */
const SIGN_IN_MS = 6 * 3_600_000;

interface SigningIn {
  readonly username: string | undefined;
  readonly password: RotatingPassword;
  readonly random: Random;
  /** For tests; a fifth more or less. */
  readonly everyMs?: number | undefined;
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
  const later = () => {
    timer = setTimeout(() => void again().finally(later), everyMs * (0.8 + 0.4 * random()));
    timer.unref();
  };
  const again = async () => {
    const fresh = await password.fresh().catch(() => undefined); // told already
    if (fresh === undefined) return;
    const nodes = client.isCluster && client.nodes ? client.nodes('all') : [client];
    const live = nodes.filter(({ status }) => status === 'ready');
    // An error would show the password among the arguments of its command.
    await Promise.allSettled(live.map((node) => node.callBuffer('auth', username, fresh)));
  };
  later();
  return () => clearTimeout(timer);
}
