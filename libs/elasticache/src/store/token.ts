import { randomFillSync } from 'node:crypto';

const RANDOM_BYTES = 12;
const POOL_BYTES = 4_096 * RANDOM_BYTES;

const pool = Buffer.allocUnsafe(POOL_BYTES);
let used = POOL_BYTES;

/** 96 random bits as 16 characters: of leases, of versions and of the writers at a barrier. */
export function newToken(): string {
  if (used === POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const token = pool.toString('base64url', used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  return token;
}
