import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { plainError, plainReason } from './plain.reason.js';

describe('The plain reason', () => {
  it('is what the error says', () => {
    expect(plainReason(new Error('WRONGTYPE Operation against a key'))).toBe(
      'WRONGTYPE Operation against a key',
    );
    expect(plainReason('text')).toBe('no reason given');
  });

  it('is told of errors that Node itself makes', async () => {
    const [error] = (await once(connect(1, '127.0.0.1'), 'error')) as unknown[];
    expect(plainReason(error)).toContain('ECONNREFUSED');
    expect(plainError(error).message).toContain('ECONNREFUSED');
  });

  it('is the code where there is no message, the name where there is neither', () => {
    expect(plainReason(Object.assign(new Error(), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
    expect(plainReason(new RangeError())).toBe('RangeError');
  });

  it('holds no argument that the server quotes', () => {
    const said = "ERR unknown command 'SET', with args beginning with: 'key' 'hunter2\nhunter2' ";
    expect(plainReason(new Error(said))).toBe("ERR unknown command 'SET'");
  });

  it('as an error keeps the name and leaves everything else behind', () => {
    const failure = Object.assign(new TypeError('refused'), { command: { args: ['hunter2'] } });
    const plain = plainError(failure);
    expect([plain.name, plain.message, Object.keys(plain)]).toEqual([
      'TypeError',
      'refused',
      ['name'],
    ]);
  });
});
