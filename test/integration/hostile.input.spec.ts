import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type CacheManager,
  CacheContext,
  type ElastiCacheModuleOptions,
  glob,
} from 'nestjs-elasticache';
import { onTier } from '../support/cache.application.js';

/*
 * Whatever callers name, and whatever stands in Redis: nobody reads what somebody else has stored, no
 * key, slot, pattern or command is reached that was not meant, and no prototype is changed.
 */

class Nothing {}

/** What tries to be something else: segments, scopes, patterns, slots, marks, prototypes, commands. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...':{}*?[]\\%,=~\'"@\0\r\n \u2028tu$|'), maxLength: 10 }),
  fc.constantFrom(
    'global',
    't=a',
    't=a,u=b',
    'a,u=b',
    ':lease',
    '{a}:lease',
    '~cache',
    '~tag',
    '~bus',
    '__proto__',
    'constructor',
    'toString',
    '*',
    '[a-z]*',
    '\\*',
    '%2A',
    '%',
    "'7",
    '7',
    '\r\nFLUSHALL\r\n',
    '"; redis.call("flushall")--',
    '\ud800',
    '\udfff\ud800',
    '\0t=a:x',
    'x'.repeat(600),
  ),
);
const name = hostile.filter((text) => text !== '' && text.length <= 256);
/** Well-formed, as tags must be. */
const tag = name.filter((text) => !/\p{Surrogate}/u.test(text));
const key = fc.oneof(
  hostile,
  fc.integer(),
  fc.boolean(),
  fc.tuple(hostile, hostile),
  fc.dictionary(hostile, hostile, { maxKeys: 2 }),
  fc.array(fc.oneof(hostile, fc.constant(null)), { maxLength: 3 }),
);

/** Equal for what the library takes for one key. */
const identityOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? ['an object', ...Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))]
      : part,
  );

interface Command {
  readonly who: { readonly tenant: string; readonly user: string };
  readonly cache: string;
  readonly key: unknown;
  readonly tag: string;
  readonly kind: 'put' | 'get' | 'evict' | 'clear' | 'tag' | 'pattern';
}

const command: fc.Arbitrary<Command> = fc.record({
  who: fc.record({ tenant: name, user: name }),
  cache: fc.constantFrom('invoices', 'drafts'),
  key: key as fc.Arbitrary<unknown>,
  tag,
  kind: fc.constantFrom('put', 'put', 'put', 'get', 'evict', 'clear', 'tag', 'pattern'),
});

/** Some names again, so that commands meet. */
const commands = fc
  .tuple(fc.array(command, { minLength: 2, maxLength: 6 }), fc.infiniteStream(fc.nat()))
  .map(([few, picks]) => {
    const pick = <T>(from: (one: Command) => T): T => from(few[picks.next().value! % few.length]!);
    return Array.from({ length: 12 }, () => ({
      who: pick(({ who }) => who),
      cache: pick(({ cache }) => cache),
      key: pick((one) => one.key),
      tag: pick((one) => one.tag),
      kind: pick(({ kind }) => kind),
    }));
  });

/** What each must find: by cache, scope and key. */
class Model {
  private readonly entries = new Map<string, { readonly tag: string; readonly value: string }>();

  scopeOf({ who, cache }: Command): string {
    return identityOf(cache === 'drafts' ? [cache, who.tenant, who.user] : [cache, who.tenant]);
  }

  nameOf(one: Command): string {
    return `${this.scopeOf(one)} ${identityOf(one.key)}`;
  }

  value(one: Command): string | undefined {
    return this.entries.get(this.nameOf(one))?.value;
  }

  put(one: Command, value: string): void {
    this.entries.set(this.nameOf(one), { tag: identityOf([one.who.tenant, one.tag]), value });
  }

  remove(isMeant: (name: string, tag: string) => boolean): void {
    for (const [name, { tag: borne }] of this.entries) {
      if (isMeant(name, borne)) this.entries.delete(name);
    }
  }
}

async function carryOut(manager: CacheManager, model: Model, one: Command, i: number) {
  const cache = manager.getCache<never, string>(one.cache);
  const asked = one.key as never;
  const scope = `${model.scopeOf(one)} `;
  switch (one.kind) {
    case 'put':
      await cache.put(asked, `value ${i}`, { tags: [one.tag] });
      return model.put(one, `value ${i}`);
    case 'get':
      return expect(await cache.get(asked)).toBe(model.value(one));
    case 'evict':
      await cache.evict(asked);
      return model.remove((known) => known === model.nameOf(one));
    case 'clear':
      await cache.clear();
      return model.remove((known) => known.startsWith(scope));
    case 'tag':
      await manager.evictTags(one.tag);
      return model.remove((_, borne) => borne === identityOf([one.who.tenant, one.tag]));
    case 'pattern':
      // Interpolated, it is one part of a key and has no wildcards: the key that is this text.
      await cache.evictMatching(glob`${one.tag}`);
      return model.remove((known) => known === `${scope}${identityOf(one.tag)}`);
  }
}

const SECRET = { id: 'k', key: Buffer.alloc(32, 7) };
const MODES: Record<string, ElastiCacheModuleOptions> = {
  plain: {},
  sealed: { encryption: { keys: [SECRET] } },
};

describe.each(['memory', 'redis', 'both'] as const)('Hostile names, %s', (tier) => {
  const harness = onTier(tier);
  const caches = { drafts: { scope: 'user' } } as const;
  beforeEach(async () => {
    if (tier !== 'memory') await harness.redis.command('FLUSHALL');
  });

  it.each(Object.keys(MODES))('reach what is meant by them and nothing else, %s', async (mode) => {
    const { manager } = await harness.start(Nothing, {
      namespace: 'shop',
      tenancy: {},
      caches,
      ...MODES[mode],
    });
    const members = Reflect.ownKeys(Object.prototype);
    await fc.assert(
      fc.asyncProperty(commands, async (all) => {
        const model = new Model();
        await manager.forAllTenants().clear();
        for (const [i, one] of all.entries()) {
          await CacheContext.run(one.who, () => carryOut(manager, model, one, i));
        }
        for (const one of all) {
          const found = await CacheContext.run(one.who, () =>
            manager.getCache<never, string>(one.cache).get(one.key as never),
          );
          expect(found).toBe(model.value(one));
        }
      }),
      { numRuns: 60 },
    );
    expect(Reflect.ownKeys(Object.prototype)).toEqual(members);
    if (tier === 'memory') return;
    const keys = (await harness.redis.command('KEYS', '*')) as string[];
    const segment = String.raw`[^:{}*?\[\]\\\s]*`;
    const ours = new RegExp(
      `^(shop:v1:t=${segment}:(invoices|drafts):.*|\\{shop:v1:t=.*\\}:lease|shop:~(cache|writes|tag):${segment}(:t=${segment})?|shop:~(bus|tags)(:t=${segment})?)$`,
      's',
    );
    expect(keys.filter((one) => !ours.test(one))).toEqual([]);
  });
});

describe('Hostile bytes in Redis', () => {
  const harness = onTier('both');
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.constantFrom(
      '',
      'r',
      'w',
      'b',
      '!',
      '!'.repeat(16),
      'x'.repeat(16),
      '[{"cache":"articles","scope":"t=b","tags":7}]',
    ),
  );

  it('are never a value, wherever they stand, and what was loaded is found', async () => {
    const { cache } = await harness.start(Nothing, {
      namespace: 'junk',
      tenancy: {},
      defaults: { timeouts: { wait: '20ms' } }, // bytes may read as the lease of somebody who never comes
    });
    const articles = cache('articles');
    const as = <T>(tenant: string, work: () => T): T => CacheContext.run({ tenant }, work);
    const suspects = (tenant: string) => [
      `junk:v1:t=${tenant}:articles:7`,
      `{junk:v1:t=${tenant}:articles:7}:lease`,
      `junk:~cache:articles:t=${tenant}`,
      `junk:~tag:news:t=${tenant}`,
      `junk:~tags:t=${tenant}`,
      `junk:~writes:articles:t=${tenant}`,
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(5), junk), { maxLength: 6 }), async (placed) => {
        for (const [place, bytes] of placed) {
          await harness.redis.command('SET', suspects('a')[place]!, bytes, 'PX', '600000');
        }
        for (const tenant of ['a', 'b']) {
          const load = async () => `of ${tenant}`;
          const read = () => articles.getOrLoad(7, load, { tags: ['news'] });
          expect([await as(tenant, read), await as(tenant, read)]).toEqual([
            `of ${tenant}`,
            `of ${tenant}`,
          ]);
        }
        await harness.redis.command('DEL', ...suspects('a'));
        await as('a', () => articles.clear());
      }),
      { numRuns: 60 },
    );
  });

  it('on the bus cost copies at most, and it is read on', async () => {
    const { cache } = await harness.start(Nothing, { namespace: 'bus' });
    const articles = cache('articles');
    const messages = [
      [],
      ['v', '1'],
      ['v', '1', 'from', 'x', 'what', '[{"tags":7,"cache":"articles"}]'],
      ['v', '1', 'from', 'x', 'what', '[{"cache":"__proto__","scope":"__proto__"}]'],
      ['v', '1', 'from', 'x', 'what', '{"__proto__":{"polluted":true}}'],
      ['v', '1', 'from', 'x', 'what', `[${'['.repeat(10_000)}`],
      ['v', '9', 'from', 'x', 'what', '[]'],
    ];
    for (const fields of messages) {
      await articles.put(7, 'seven');
      const given = fields.length > 0 ? fields : ['a', 'b'];
      await harness.redis.command('XADD', 'bus:~bus', '*', ...given);
      expect(await articles.get(7)).toBe('seven');
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    await articles.put(7, 'eight');
    expect(await articles.get(7)).toBe('eight');
  });
});
