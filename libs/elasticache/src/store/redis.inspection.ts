import { plainTag } from '../key/tag.names.js';
import type { Ask, Inspection, Look } from './cache.store.js';
import type { ReadBatch } from './read.batch.js';
import { keysOf, type RedisStoreParts } from './redis.parts.js';
import type { RedisStamps } from './redis.stamps.js';
import { tokenOf } from './redis.versions.js';

interface Inspected {
  readonly parts: RedisStoreParts;
  readonly stamps: RedisStamps;
  readonly reads: ReadBatch;
}

/** Reads what the lease and the version keys hold, beside what was looked up. */
export async function inspect(
  look: Look,
  ask: Ask,
  { parts, stamps, reads }: Inspected,
): Promise<Inspection> {
  const [key, leaseKey] = keysOf(parts.layout, ask.text);
  const tags = [...new Set([...ask.tags, ...(look.entry?.tags ?? look.tags ?? [])])];
  const keys = [leaseKey, ...stamps.keysOf({ tags })];
  const [lease, ...versions] = await reads.versions(keys);
  const named = ['cache', ...tags.map((tag) => `tag ${plainTag(tag)}`)].map(
    (name, i) => [name, shown(versions[i]!)] as const,
  );
  return { look, key, lease: kindOf(lease!), versions: Object.fromEntries(named) };
}

function shown(version: Buffer | null): string | undefined {
  return version === null ? undefined : (tokenOf(version) ?? 'pending');
}

function kindOf(lease: Buffer | null): Inspection['lease'] {
  switch (lease?.toString('latin1', 0, 1)) {
    case undefined:
    case '-': // the next load is not worth waiting for
      return 'none';
    case 'r':
      return 'load';
    case 'w':
      return 'write';
    case 'b':
      return 'strict write';
    default:
      return 'unstored load';
  }
}
