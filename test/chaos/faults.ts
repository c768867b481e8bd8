/** The faults, each on servers of its own. */
import type { Random } from '../coherence/random.js';
import type { Spoil } from '../support/tcp.proxy.js';
import type { Alone, Followed } from './ground.js';

/** What a fault can do besides striking. */
export interface Stage {
  /** It has begun; resolves when it has lasted long enough. */
  lasts(): Promise<void>;
  /** Lets some more writes happen. */
  writes(): Promise<void>;
  /** Of all processes. */
  breakDatabase(): Promise<void>;
  mendDatabase(): Promise<void>;
  readonly random: Random;
}

export type Fault = FaultOfOne | FaultOfMany;

export interface FaultOfOne {
  readonly name: string;
  readonly on: 'one';
  /** Whether it is the way to the server that is struck, and of one process alone. */
  readonly isProxied: boolean;
  /** Bytes that are changed may say something else, and nobody can tell: what is read is not judged. */
  readonly changesBytes?: boolean;
  strike(ground: Alone, stage: Stage): Promise<void>;
}

export interface FaultOfMany {
  readonly name: string;
  readonly on: 'replicated' | 'cluster';
  readonly changesBytes?: false;
  strike(ground: Followed, stage: Stage): Promise<void>;
}

export const FAULTS: readonly Fault[] = [
  alone('hung: stopped, its sockets open', async ({ server }, stage) => {
    server.pause();
    await stage.lasts();
    server.resume();
  }),
  alone('killed, and started again empty', async ({ server }, stage) => {
    await server.kill();
    await stage.lasts();
    await server.restart();
  }),
  alone('started again with old data', async ({ server }, stage) => {
    await server.command('SAVE');
    await stage.writes();
    await server.kill();
    await stage.lasts();
    await server.restart();
  }),
  alone('hung, while the database fails', async ({ server }, stage) => {
    server.pause();
    await stage.breakDatabase();
    await stage.lasts();
    await stage.mendDatabase();
    server.resume();
  }),
  proxied('half-open: old connections are dead, and do not say so', () => {
    const begun = performance.now();
    return (chunk, { connection }) =>
      connection.since < begun ? { then: 'silence' } : { arrives: chunk };
  }),
  proxied('answers are 200 ms late', () => (chunk, { to }) => ({
    arrives: chunk,
    afterMs: to === 'client' ? 200 : 0,
  })),
  proxied(
    'one chunk in ten is lost, with all that would follow',
    ({ random }) =>
      (chunk) =>
        random.next() < 0.1 ? { then: 'silence' } : { arrives: chunk },
  ),
  proxied(
    'answers are cut short by a reset',
    ({ random }) =>
      (chunk, { to }) =>
        to === 'client' && random.next() < 0.1
          ? { arrives: chunk.subarray(0, chunk.length / 2), then: 'reset' }
          : { arrives: chunk },
  ),
  {
    ...proxied('answers have a byte changed', ({ random }) => (chunk, { to }) => ({
      arrives: to === 'client' && random.next() < 0.1 ? changed(chunk, random) : chunk,
    })),
    changesBytes: true,
  },
  proxied('the stream alone is cut', () => {
    const readers = new WeakSet<object>();
    return (chunk, { to, connection }) => {
      if (to === 'server' && chunk.includes('XREAD')) readers.add(connection);
      return readers.has(connection) ? { then: 'silence' } : { arrives: chunk };
    };
  }),
  followed('a replica takes over that lacks the last writes', 'replicated'),
  followed("a cluster's node is killed, and its replica promoted", 'cluster'),
];

function alone(name: string, strike: FaultOfOne['strike']): FaultOfOne {
  return { name, on: 'one', isProxied: false, strike };
}

/** Of what one process sends and gets; the others know nothing of it. */
function proxied(name: string, spoil: (stage: Stage) => Spoil): FaultOfOne {
  return {
    name,
    on: 'one',
    isProxied: true,
    async strike({ proxy }, stage) {
      proxy.spoil(spoil(stage));
      await stage.lasts();
      proxy.spoil();
    },
  };
}

function followed(name: string, on: FaultOfMany['on']): FaultOfMany {
  return {
    name,
    on,
    async strike(ground, stage) {
      await ground.cutOff();
      await stage.writes();
      await Promise.all([ground.replace(), stage.lasts()]);
    },
  };
}

function changed(chunk: Buffer, random: Random): Buffer {
  const copy = Buffer.from(chunk);
  copy[Math.floor(random.upTo(copy.length))] = Math.floor(random.upTo(256));
  return copy;
}
