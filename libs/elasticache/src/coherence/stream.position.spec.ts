import { describe, expect, it } from '@jest/globals';
import { hasGap, stateOf } from './stream.position.js';

const state = (first: string | undefined, last: string) => ({ first, last, added: 0 });

describe('Of a stream', () => {
  it('the reply of XINFO tells both ends', () => {
    const named = (first: unknown) => [
      Buffer.from('length'),
      2,
      Buffer.from('last-generated-id'),
      Buffer.from('12-3'),
      Buffer.from('first-entry'),
      first,
    ];
    expect(stateOf(named([Buffer.from('10-0'), []]))).toEqual(state('10-0', '12-3'));
    expect(stateOf(named(null))).toEqual(state(undefined, '12-3'));
  });

  it.each<[string, string | undefined, string, [from: string, to: string], boolean]>([
    ['nothing new was read', '10-0', '12-3', ['11-0', '11-0'], false],
    ['what was new was read', '10-0', '12-3', ['11-0', '12-0'], false],
    ['it begins where reading began', '10-0', '12-3', ['10-0', '12-0'], false],
    ['all is read', '10-0', '12-3', ['12-3', '12-3'], false],
    ['all is read, and trimmed away', undefined, '12-3', ['12-3', '12-3'], false],
    ['it begins above the positions', '11-1', '12-3', ['11-0', '11-0'], true],
    [
      'it begins above the first, and was read over the gap',
      '11-1',
      '12-3',
      ['11-0', '12-3'],
      true,
    ],
    ['all is trimmed away, maybe unread', undefined, '12-3', ['12-2', '12-3'], true],
    ['it was made anew with smaller ids', '1-0', '2-0', ['12-3', '12-3'], true],
    ['it was made anew, and is empty', undefined, '0-0', ['12-3', '12-3'], true],
    ['ids of other lengths', '9-0', '10-0', ['9-9', '10-0'], false],
    ['numbers of other lengths', '1-9', '1-10', ['1-8', '1-8'], true],
  ])('messages may be missing or not: %s', (_, first, last, [from, to], expected) => {
    expect(hasGap(state(first, last), { from, to })).toBe(expected);
  });
});
