import { describe, expect, it } from '@jest/globals';
import { encoded, invalidationsOf } from './bus.messages.js';

const received = (...fields: string[]) => fields.map((field) => Buffer.from(field));
const what = (value: unknown) => received('v', '1', 'from', 'other', 'what', JSON.stringify(value));

describe('A message of the bus', () => {
  it('says what was invalidated, whatever the keys hold', () => {
    const invalidations = [
      { cache: 'articles', texts: ['7', 'é:{*}"\n'] },
      { cache: 'lists' },
      { tags: ['user:7'] },
      { cache: 'invoices', scope: 't=acme', texts: ['7'] },
      { cache: 'invoices', everywhere: true as const },
      { everyTag: true as const },
    ];
    const message = received(...encoded('other', invalidations));
    expect(invalidationsOf(message, 'me')).toEqual(invalidations);
  });

  it('means what one kind says, whatever else it holds', () => {
    const fields = what([{ cache: 'a', tags: 7, everyTag: true, other: {} }]);
    expect(invalidationsOf(fields, 'me')).toEqual([{ cache: 'a' }]);
  });

  it('of one’s own says nothing new', () => {
    expect(invalidationsOf(received(...encoded('me', [{ cache: 'a' }])), 'me')).toEqual([]);
  });

  it.each([
    ['of another version', received('v', '2', 'from', 'other', 'what', '[]')],
    ['without a version', received('from', 'other', 'what', '[]')],
    ['without a content', received('v', '1', 'from', 'other')],
    ['half a field', received('v', '1', 'from')],
    ['no JSON', received('v', '1', 'from', 'other', 'what', '[{')],
    ['no list', what({ cache: 'a' })],
    ['an unknown kind', what([{ everything: true }])],
    ['no keys', what([{ cache: 'a', texts: 'b' }])],
    ['keys that are none', what([{ cache: 'a', texts: [7] }])],
    ['tags that are none', what([{ tags: [null] }])],
    ['a scope that is none', what([{ cache: 'a', scope: 7 }])],
    ['everywhere, and not', what([{ cache: 'a', everywhere: 'b' }])],
    ['null', what([null])],
  ])('that cannot be understood is told from an empty one: %s', (_, fields) => {
    expect(invalidationsOf(fields, 'me')).toBeUndefined();
  });
});
