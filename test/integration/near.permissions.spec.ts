/** Copies in memory where the application's user may not do on the stream what they need. */
import { describe, expect, it } from '@jest/globals';
import { onTier } from '../support/cache.application.js';
import { recordFailures } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

class Nothing {}

const remedy = (namespace: string) =>
  `allow XADD, XREAD, XINFO, PEXPIRE and UNLINK on ${namespace}:~bus, or set memory: false`;

describe('A user that may not use the stream', () => {
  const tier = onTier('both');
  let namespaces = 0;

  async function start(rule: string, memory?: false) {
    await tier.acl(rule);
    const failures = recordFailures();
    const namespace = `permissions${++namespaces}`;
    const { cache, log } = await tier.start(Nothing, {
      namespace,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '5s' }, ...(memory === false && { memory }) },
    });
    const rows = cache('rows');
    await rows.put(7, 'seven');
    return { rows, log, failures, namespace };
  }

  it('by XADD: an eviction fails, and says what to allow', async () => {
    const { rows, failures, namespace } = await start('-xadd');
    expect(await rows.evict(7)).toBe(false);
    const messages = failures.seen.map(({ error }) => error.message);
    expect(messages.at(-1)).toContain('NOPERM');
    expect(messages.at(-1)).toContain(remedy(namespace));
  });

  it.each(['-xread', '-xinfo', '-xadd'])(
    'by %s: the log says so, and reads go to Redis',
    async (rule) => {
      const { rows, log, namespace } = await start(rule);
      const line = await until('a line', () => log.find((text) => text.includes('cannot be read')));
      expect(line).toContain(remedy(namespace));
      expect(line).toContain('NOPERM');
      expect((await rows.getEntry(7))?.tier ?? 'none').not.toBe('memory');
    },
  );

  it('needs none of it with memory: false', async () => {
    const { rows, log, failures } = await start('-@stream', false);
    expect(await rows.get(7)).toBe('seven');
    expect(await rows.evict(7)).toBe(true);
    expect([failures.seen, log]).toEqual([[], []]);
  });
});
