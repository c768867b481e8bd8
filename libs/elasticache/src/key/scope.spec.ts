import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { KeyLayout, TagLayout } from './key.layout.js';
import { KeySecret } from './key.secret.js';
import { plainNames, secretNames } from './names.js';
import { GLOBAL, type Scope, scopeSegment } from './scope.js';
import { plainTag, scopeOfTag, tagName } from './tag.names.js';

const name = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc.constantFrom('global', 't=a', 'a,u=b', 'a:b', '*', '{x}', 'a.b', 'a_b', '\0', '~'),
);
const scope: fc.Arbitrary<Scope> = fc.oneof(
  fc.constant({}),
  fc.record({ tenant: name }),
  fc.record({ user: name }),
  fc.record({ tenant: name, user: name }),
);

/** Lone surrogates are one in UTF-8. */
const alikeInUtf8: [Scope, Scope][] = [
  [{ tenant: '\ud800' }, { tenant: '\udfff' }],
  [{ tenant: '\ud800' }, { tenant: '\ufffd' }],
  [{ tenant: '\ud800' }, { tenant: '%uD800' }],
  [
    { tenant: 'a', user: '\ud800' },
    { tenant: 'a', user: '\udfff' },
  ],
];

describe('The scope of a key', () => {
  it('is readable, and a tenant named `global` is not the global scope', () => {
    expect(scopeSegment({})).toBe(GLOBAL);
    expect(scopeSegment({ tenant: 'global' })).toBe('t=global');
    expect(scopeSegment({ user: '7' })).toBe('u=7');
    expect(scopeSegment({ tenant: 'a.b', user: 'x,u=y' })).toBe('t=a.b,u=x%2Cu%3Dy');
  });

  it.each([
    ['as they are', plainNames],
    ['by a secret', secretNames(new KeySecret({ id: 'k', key: Buffer.alloc(32, 1) }))],
  ])('is another for another tenant or user, whatever they are called, %s', (_, names) => {
    fc.assert(
      fc.property(scope, scope, (a, b) => {
        const isSame = a.tenant === b.tenant && a.user === b.user;
        expect(names.scope(a) === names.scope(b)).toBe(isSame);
      }),
      { examples: alikeInUtf8 },
    );
  });

  it('cannot leave its segment, nor reach a slot or a pattern', () => {
    fc.assert(
      fc.property(scope, (one) => {
        expect(scopeSegment(one)).not.toMatch(/[:{}*?[\]\\\s]/);
      }),
    );
  });

  it('stands in every key of the cache, and keys of two scopes share nothing', () => {
    fc.assert(
      fc.property(scope, scope, fc.string({ maxLength: 600 }), (a, b, text) => {
        const [one, other] = [a, b].map(
          (each) =>
            new KeyLayout({ namespace: 'shop', version: 1, cache: 'c', scope: scopeSegment(each) }),
        );
        fc.pre(scopeSegment(a) !== scopeSegment(b));
        expect(one!.owns(other!.entry(text))).toBe(false);
        expect(one!.version).not.toBe(other!.version);
        expect(one!.writes).not.toBe(other!.writes);
        expect(Buffer.byteLength(one!.entry(text))).toBeLessThanOrEqual(512);
      }),
    );
  });

  it('comes last in version keys, so that those of all scopes can be found', () => {
    const names = { namespace: 'shop', version: 1, cache: 'articles', scope: 't=acme' };
    expect(new KeyLayout(names).version).toBe('shop:~cache:articles:t=acme');
    const tags = new TagLayout('shop', 't=acme');
    expect(tags.epoch).toBe('shop:~tags:t=acme');
    expect(tags.version(tagName('news', 't=acme'))).toBe('shop:~tag:news:t=acme');
    expect(tags.everywhere('news')).toBe('shop:~tag:news:*');
    expect(tags.versionsOf('articles')).toBe('shop:~cache:articles:*');
    expect(tags.epochsEverywhere).toBe('shop:~tags:*');
  });

  it('keeps that beginning however long the names are', () => {
    fc.assert(
      fc.property(scope, fc.integer({ min: 1, max: 900 }), (one, length) => {
        const names = { namespace: 'n'.repeat(length), version: 1, cache: 'c'.repeat(length) };
        const segment = scopeSegment(one);
        fc.pre(segment !== GLOBAL);
        const { version } = new KeyLayout({ ...names, scope: segment });
        const pattern = new TagLayout(names.namespace).versionsOf(names.cache);
        expect(version.startsWith(pattern.slice(0, -1))).toBe(true);
      }),
    );
  });
});

describe('The name of a tag', () => {
  const tag = fc.oneof(name, fc.constantFrom('news', '\0t=a:news', '\0:news'));

  it('is the tag itself where there are no scopes', () => {
    expect(tagName('news', GLOBAL)).toBe('news');
    expect(tagName('t=acme:news', GLOBAL)).toBe('t=acme:news');
  });

  it('says tag and scope, whatever either holds', () => {
    fc.assert(
      fc.property(scope, tag, (one, plain) => {
        const named = tagName(plain, scopeSegment(one));
        expect(scopeOfTag(named)).toEqual({ scope: scopeSegment(one), tag: plain });
        expect(plainTag(named)).toBe(plain);
      }),
    );
  });

  it('leads to one version a tag and scope', () => {
    fc.assert(
      fc.property(fc.tuple(scope, tag), fc.tuple(scope, tag), ([a, x], [b, y]) => {
        const layout = new TagLayout('shop');
        const [one, other] = [tagName(x, scopeSegment(a)), tagName(y, scopeSegment(b))];
        expect(layout.version(one) === layout.version(other)).toBe(one === other);
      }),
    );
  });

  it('leads nowhere else, where it comes from anybody’s bytes', () => {
    const bytes = fc.oneof(name, tag).map((text) => `\0${text}`);
    fc.assert(
      fc.property(bytes, (hostile) => {
        const key = new TagLayout('shop').version(hostile);
        expect(key).toMatch(/^shop:~tag:[^:{}*?[\]\\\s]*(:[tu]=[^:{}*?[\]\\\s]+)?$/);
      }),
    );
  });
});
