import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { plainError, plainReason, withAdvice } from './plain.reason.js';

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

  it('is what the last node of a cluster said, where none answered', () => {
    const lastNodeError = new Error('WRONGPASS invalid username-password pair');
    const failure = new Error('Failed to refresh slots cache.');
    expect(plainReason(Object.assign(failure, { lastNodeError }))).toBe(lastNodeError.message);
    expect(plainReason(Object.assign(failure, { lastNodeError: null }))).toBe(failure.message);
  });

  it('holds no argument that the server quotes', () => {
    const said = "ERR unknown command 'SET', with args beginning with: 'key' 'hunter2\nhunter2' ";
    expect(plainReason(new Error(said))).toBe("ERR unknown command 'SET'");
  });

  it('is what OpenSSL says, without its numbers and lines', () => {
    const said =
      '807CC2592E7F0000:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1601:SSL alert number 48\n';
    expect(plainReason(new Error(said))).toBe('TLS: tlsv1 alert unknown ca');
  });

  it.each([
    ["READONLY You can't write against a read only replica.", /primary endpoint/],
    ['LOADING Redis is loading the dataset in memory', /wait until it is through/],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", /primary/],
    ["OOM command not allowed when used memory > 'maxmemory'.", /allkeys-lru/],
    ['CLUSTERDOWN Hash slot not served', /wait for the failover/],
    ['MOVED 3999 127.0.0.1:6381', /give connection.cluster/],
    ['ASK 3999 127.0.0.1:6381', /give connection.cluster/],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', /namespace of its own/],
    ["NOPERM this user has no permissions to run the 'set' command", /allow/],
    ["ERR The user executing the script can't run this command or subcommand", /allow/], // Redis
    ['ERR ACL failure in script: No permissions to access a key', /allow/], // Valkey
    ['WRONGPASS invalid username-password pair or user is disabled.', /check user, password/],
    ['certificate has expired', /renew the server's certificate/],
    ['self-signed certificate', /connection\.tls\.ca/],
    ['connect ECONNREFUSED 127.0.0.1:6379', /that the server runs/],
    ['connect ETIMEDOUT', /security group/],
    ['TLS: wrong version number', /does not speak TLS on this port/],
  ])('is followed by what to do about it: %s', (reason, advice) => {
    const told = withAdvice(reason);
    expect(told).toMatch(advice);
    expect(told.startsWith(reason.replace(/\.$/, ''))).toBe(true);
    expect(withAdvice('anything else')).toBe('anything else');
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
