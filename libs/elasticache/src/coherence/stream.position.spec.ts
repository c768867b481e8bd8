import { describe, expect, it } from '@jest/globals';
import { hasGap, stateOf } from './stream.position.js';

const state = (first: string | undefined, last: string) => ({ first, last });

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

  it.each<[string, string | undefined, string, string, boolean]>([
    ['the position is within', '10-0', '12-3', '11-0', false],
    ['the position is the first', '10-0', '12-3', '10-0', false],
    ['all is read', '10-0', '12-3', '12-3', false],
    ['all is read, and trimmed away', undefined, '12-3', '12-3', false],
    ['all is read, and a first one that came later is the last', '12-3', '12-3', '12-3', false],
    ['it begins above the position', '11-1', '12-3', '11-0', true],
    ['all is trimmed away, unread', undefined, '12-3', '12-2', true],
    ['it was made anew with smaller ids', '1-0', '2-0', '12-3', true],
    ['it was made anew, and is empty', undefined, '0-0', '12-3', true],
    ['ids of other lengths', '9-0', '10-0', '9-9', false],
    ['numbers of other lengths', '1-9', '1-10', '1-8', true],
  ])('messages may be missing or not: %s', (_, first, last, position, expected) => {
    expect(hasGap(state(first, last), position)).toBe(expected);
  });
});
