/** What `npm test` and `npm run test:long` put to the test, and whom they compare it with. */
import type { Configuration } from './run.js';

const ours = { subject: 'elasticache' } as const;

/** In Redis alone, and with copies in each process's memory. */
const FLAT: readonly Configuration[] = (['standalone', 'cluster'] as const).flatMap((servers) =>
  ['elasticache', 'elasticache/memory'].flatMap((subject) =>
    (['default', 'strict'] as const).flatMap((consistency) =>
      (['none', 'all'] as const).map((faults) => ({ subject, consistency, faults, servers })),
    ),
  ),
);

/** Entries that are made of entries. */
const NESTED: readonly Configuration[] = (['none', 'all'] as const).map((faults) => ({
  subject: 'elasticache/memory/nested',
  consistency: 'default',
  faults,
  servers: 'standalone',
}));

/** As ElastiCache has them, each with what befalls it there. */
const ELASTICACHE: readonly Configuration[] = (
  ['cluster over TLS', 'serverless', 'replicas'] as const
).map((servers) => ({ ...ours, consistency: 'default', faults: 'change', servers }));

export const CONFIGURATIONS = [...FLAT, ...NESTED, ...ELASTICACHE];

const COMPARED = [
  { subject: 'naive' },
  { subject: 'bentocache' },
  { subject: 'bentocache/memory' },
  { subject: 'cacheable' },
  { subject: 'cacheable/memory' },
  ours,
  { ...ours, consistency: 'strict' as const },
];

export const COMPARISON: readonly Configuration[] = COMPARED.flatMap((one) =>
  (['none', 'all'] as const).map((faults) => ({
    consistency: 'default',
    servers: 'standalone',
    ...one,
    faults,
  })),
);
