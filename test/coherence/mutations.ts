/** The rules of the protocol, each taken out once: the checker is worth what it makes of these. */

export interface Mutation {
  /** What is done instead, or no longer. */
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly consistency: 'default' | 'strict';
  /** The plays that must catch it; none where it takes faults. */
  readonly plays?: 'inFlight' | 'overlap' | 'crash' | 'overtaken';
  /** Whether the random workload catches it, too, within a minute. */
  readonly isCaughtByChance: boolean;
  /** Default: in Redis alone, and without faults unless it is strict. */
  readonly workload?: {
    readonly subject: 'elasticache/memory' | 'elasticache/memory/nested';
    readonly faults: 'none' | 'all';
  };
}

/** In a file of the built library, where the text must be found exactly once. */
interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const SCRIPTS = 'store/lua.scripts.js';

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a load stores without a look at its lease',
    edits: [
      {
        file: SCRIPTS,
        find: "if not holds(get(KEY[2]), ARG[1]) then return 0 end\n  local set = redis.pcall('set', KEY[1], ARG[2]",
        replace: "local set = redis.pcall('set', KEY[1], ARG[2]",
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: true,
  },
  {
    name: 'an eviction leaves the lease',
    edits: [{ file: SCRIPTS, find: 'drop(KEY[2], get(KEY[2]))', replace: '' }],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: true,
  },
  {
    name: 'versions are read after the load',
    edits: [
      {
        file: 'store/redis.store.js',
        find: 'const stamped = this.stamps.of(lease, write);',
        replace:
          'const stamped = this.stamps.current(lease).then((versions) => this.stamps.of({ ...lease, versions }, write));',
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: true,
  },
  {
    name: 'a put reads the versions when it stores',
    edits: [
      {
        file: 'store/redis.writes.js',
        find: 'await this.parts.stamps.of(lease, write)',
        replace:
          'await this.parts.stamps.of({ ...lease, versions: await this.parts.stamps.current(lease) }, write)',
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: true,
  },
  {
    name: 'a load in flight is joined without looking',
    edits: [
      {
        file: 'cache/read.load.js',
        find: 'const until = cache.clock.now() + cache.policy.waitMs;',
        replace: `const until = cache.clock.now() + cache.policy.waitMs;
    for (const known of cache.flights.flights.values()) {
      if (known.isOver || known.lease?.text !== ask.text) continue;
      const wanted = { fills: targets.length, sharing: loader.sharing };
      const outcome = isJoinable(known, cache, wanted) && await joined(target, known, loader);
      if (outcome) return outcome;
    }`,
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: true,
  },
  {
    name: 'a load in flight is joined whatever the versions it began under',
    edits: [
      {
        file: 'cache/read.load.js',
        find: '!(await cache.store.isCurrent(known.lease, progress.view))',
        replace: 'false',
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: true,
  },
  {
    name: 'a put stores without a look at its lease',
    edits: [
      {
        file: SCRIPTS,
        find: "if holds(held, ARG[1]) and ARG[2] ~= ''",
        replace: "if ARG[2] ~= ''",
      },
    ],
    consistency: 'default',
    plays: 'overlap',
    isCaughtByChance: true,
  },
  {
    name: 'a put whose key is in the result does not read the write epoch again',
    edits: [
      {
        file: 'store/redis.writes.js',
        find: 'tokenOf(now) === epoch',
        replace: 'true',
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: false,
  },
  {
    name: 'a load whose tags are in the result does not read the tag epoch again',
    edits: [
      {
        file: 'store/redis.stamps.js',
        find: 'tokenOf(now) !== epoch || found.includes(undefined)',
        replace: 'found.includes(undefined)',
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: false,
  },
  {
    name: 'a tag is evicted without the tag epoch',
    edits: [
      {
        file: 'store/tag.store.js',
        find: 'versions.remove([...epochs, ...keys])',
        replace: 'versions.remove(keys)',
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: true,
  },
  {
    name: 'evictMatching leaves the leases of the keys that match',
    edits: [
      {
        file: 'store/redis.scan.js',
        find: 'pattern: leases',
        replace: "pattern: 'nothing'",
      },
    ],
    consistency: 'default',
    plays: 'inFlight',
    isCaughtByChance: true,
  },
  {
    name: 'strict: a writer replaces the barrier of another, and removes it',
    edits: [
      {
        file: SCRIPTS,
        find: "'b' .. contended .. rest .. token",
        replace: "'b' .. contended .. token",
      },
    ],
    consistency: 'strict',
    plays: 'crash',
    isCaughtByChance: false,
  },
  {
    name: 'strict: no barrier is raised',
    edits: [
      {
        file: SCRIPTS,
        find: "local stored = redis.pcall('set', KEY[2], value,",
        replace: 'local stored = 1 --',
      },
    ],
    consistency: 'strict',
    plays: 'crash',
    isCaughtByChance: false,
  },
  {
    name: 'strict: a version that is pending for one writer is no longer for another',
    edits: [{ file: SCRIPTS, find: "'!' .. rest .. token", replace: "'!' .. token" }],
    consistency: 'strict',
    plays: 'crash',
    isCaughtByChance: false,
  },
  {
    name: 'strict: no version is pending',
    edits: [
      {
        file: SCRIPTS,
        find: "local stored = redis.pcall('set', KEY[1], value,",
        replace: 'local stored = 1 --',
      },
    ],
    consistency: 'strict',
    plays: 'crash',
    isCaughtByChance: true,
  },
  {
    name: 'copies: hits are believed after a pause',
    edits: [
      {
        file: 'memory/near.tier.js',
        find: 'if (behindMs >= 0 && behindMs < this.maxStalenessMs)',
        replace: 'if (behindMs < Infinity)',
      },
    ],
    consistency: 'default',
    isCaughtByChance: true,
    workload: { subject: 'elasticache/memory', faults: 'all' },
  },
  {
    name: 'copies: the message goes out before the invalidation',
    edits: [
      {
        file: 'cache/tiered.store.js',
        find: 'const outcome = await work().catch(',
        replace: 'await publish();\n    const outcome = await work().catch(',
      },
      {
        file: 'cache/tiered.store.js',
        find: 'await publish();\n    return outcome;',
        replace: 'return outcome;',
      },
    ],
    consistency: 'default',
    isCaughtByChance: true,
    workload: { subject: 'elasticache/memory', faults: 'none' },
  },
  {
    name: 'copies: what was invalidated meanwhile comes in',
    edits: [
      {
        file: 'memory/near.tier.js',
        find: 'keys.evictedSince([name], count) !== undefined',
        replace: 'false',
      },
    ],
    consistency: 'default',
    plays: 'overtaken',
    isCaughtByChance: true,
    workload: { subject: 'elasticache/memory', faults: 'none' },
  },
  {
    name: 'copies: what bears a tag that was evicted meanwhile comes in',
    edits: [
      {
        file: 'memory/near.tier.js',
        find: 'tier.set(write, count, now)',
        replace: 'tier.set(write, keys.now, now)',
      },
    ],
    consistency: 'default',
    plays: 'overtaken',
    isCaughtByChance: true,
    workload: { subject: 'elasticache/memory/nested', faults: 'none' },
  },
  {
    name: 'copies: a put that memory alone keeps comes in whatever was invalidated meanwhile',
    edits: [
      {
        file: 'cache/tiered.store.js',
        find: 'near.isUntouched(text, count)',
        replace: 'true',
      },
    ],
    consistency: 'default',
    isCaughtByChance: true,
    workload: { subject: 'elasticache/memory', faults: 'none' },
  },
  {
    name: 'nested: what an entry is made of leaves it no tags',
    edits: [
      { file: 'cache/cache.writes.js', find: 'if (inheritance.isEmpty)', replace: 'if (true)' },
    ],
    consistency: 'default',
    isCaughtByChance: true,
    workload: { subject: 'elasticache/memory/nested', faults: 'none' },
  },
  {
    name: 'copies: a gap in the stream goes unseen',
    edits: [
      {
        file: 'coherence/bus.js',
        find: 'state && positions && !isAnother && !hasGap(state, positions)',
        replace: 'state && positions',
      },
    ],
    consistency: 'default',
    isCaughtByChance: true,
    workload: { subject: 'elasticache/memory', faults: 'all' },
  },
];
