/** What `npm test` and `npm run test:long` put to the test, and whom they compare it with. */
import type { Configuration } from './run.js';

const ours = { subject: 'elasticache' } as const;

export const CONFIGURATIONS: readonly Configuration[] = (
  ['standalone', 'cluster'] as const
).flatMap((servers) =>
  (['default', 'strict'] as const).flatMap((consistency) =>
    (['none', 'all'] as const).map((faults) => ({ ...ours, consistency, faults, servers })),
  ),
);

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
