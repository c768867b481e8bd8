/**
 * Interleavings by hand, of every operation with every other: chance does not meet all of them in a
 * minute. Each play has a key of its own and yields what came out wrong.
 */
import { within } from './monotonic.js';
import type { Stage } from './stage.js';
import { type ReadOperation, readOne, type Subject, type WriteOperation } from './subject.js';

/** For a look to begin to wait, should it wrongly do so. */
const HEAD_START_MS = 25;

export type Plays = (stage: Stage) => AsyncGenerator<string>;

/**
 * A load or a put in flight has seen or written the row; a write with its invalidation comes and
 * goes, in the same process or in another. Nobody who begins then may see the row as it was: neither
 * before the one in flight has ended, whom they must not join, nor after.
 */
export async function* inFlight(stage: Stage): AsyncGenerator<string> {
  const { a } = stage;
  for (const slow of [...loadsOf(a), ...putsOf(a)]) {
    for (const write of a.writes) {
      for (const [where, writer] of Object.entries({ here: a, elsewhere: stage.b })) {
        for (const looks of ['after', 'meanwhile']) {
          const key = stage.freshKey();
          const held = await ('isPut' in slow
            ? stage.holdAfterCommit(slow, key)
            : stage.holdRead(slow, key));
          await stage.write(named(writer, write.name), key);
          const scene = `${slow.name} in flight, ${write.name} ${where}, ${looks}`;
          const looking = looks === 'meanwhile' ? stage.lookAtOnce(key) : undefined;
          if (looking) await within(HEAD_START_MS, looking);
          await held.letGo();
          yield* tell(scene, (await looking) ?? []);
          yield* tell(scene, await stage.lookAt(key));
        }
      }
    }
  }
}

/** Two writes overlap; they commit in one order, and end in either. When both have ended, the last commit is what all see. */
export async function* overlap(stage: Stage): AsyncGenerator<string> {
  const { a, b } = stage;
  for (const first of a.writes) {
    for (const second of b.writes) {
      for (const last of ['the first', 'the second']) {
        const key = stage.freshKey();
        const one = await stage.holdBeforeCommit(first, key);
        const other = await stage.holdBeforeCommit(second, key);
        one.commit();
        other.commit();
        for (const held of last === 'the first' ? [other, one] : [one, other]) await held.letGo();
        const scene = `${first.name} and ${second.name} overlap, ${last} ends last`;
        yield* tell(scene, await stage.lookAt(key));
      }
    }
  }
}

/**
 * Strict: a writer is between its first phase and its commit; others read, and may write and end
 * meanwhile. Once it commits, all see that, though it may die there and never evict.
 */
export async function* crash(stage: Stage): AsyncGenerator<string> {
  const { a, b } = stage;
  for (const dying of a.writes.filter(({ isApart }) => !isApart)) {
    for (const other of [undefined, ...b.writes]) {
      const key = stage.freshKey();
      await stage.lookAt(key);
      const held = await stage.holdBeforeCommit(dying, key);
      if (other) await stage.write(other, key);
      const scene = `${dying.name} in flight, ${other?.name ?? 'nobody else'}`;
      yield* tell(`${scene}, before its commit`, await stage.lookAtOnce(key));
      held.commit();
      yield* tell(`${scene}, dead after its commit`, await stage.lookAt(key));
      await held.letGo();
      yield* tell(`${scene}, ended`, await stage.lookAt(key));
    }
  }
}

/**
 * Copies in memory: what Redis answers a read is late, and a write elsewhere comes and goes, and is
 * told, meanwhile. That read may see the row as it was, but it leaves no copy that stays.
 */
export async function* overtaken(stage: Stage): AsyncGenerator<string> {
  const { a, b } = stage;
  const [load] = loadsOf(a) as [ReadOperation];
  const pairs = [
    ...a.reads.map((read) => [read, b.writes.find(({ name }) => name === '@CacheEvict')!] as const),
    ...b.writes.map((write) => [load, write] as const),
  ];
  for (const [read, write] of pairs) {
    const key = stage.freshKey();
    await readOne(loadsOf(b)[0]!, key);
    await stage.overtake(read, key, () => stage.write(write, key));
    const scene = `${write.name} elsewhere overtakes what ${read.name} is answered`;
    yield* tell(scene, await stage.lookUntilNew(load, key));
  }
}

function loadsOf({ reads }: Subject) {
  return reads.filter(({ isLook }) => !isLook);
}

function putsOf({ writes }: Subject) {
  return writes.filter((write): write is WriteOperation & { isPut: true } => write.isPut === true);
}

function named({ writes }: Subject, name: string): WriteOperation {
  return writes.find((write) => write.name === name)!;
}

function* tell(scene: string, complaints: readonly string[]): Generator<string> {
  for (const complaint of complaints) yield `${scene}: ${complaint}`;
}
