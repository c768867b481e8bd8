import { nextTick } from 'node:process';

import type { RedisClient } from '../connection/redis.client.js';
import type { Script } from './lua.scripts.js';
import type { RedisExchange } from './redis.exchange.js';
import { bySlot, chunks } from './slots.js';

type Argument = string | Buffer | number;

/** What one call of a script is given. */
export interface ScriptItem {
  readonly keys: readonly string[];
  readonly arguments: readonly Argument[];
}

interface Pending extends ScriptItem {
  readonly replied: (reply: unknown) => void;
  readonly failed: (error: unknown) => void;
}

/** Items of one EVALSHA: bounds the time the server spends on it, and lets it begin while the next are written. */
const MOST_ITEMS = 16;

/**
 * Runs scripts. Items for one script that are asked for in one turn of the event loop travel
 * together, on a cluster those of one slot.
 */
export class ScriptRunner {
  private readonly waiting = new Map<Script, Pending[]>();

  constructor(private readonly exchange: RedisExchange) {}

  /** What is made of the reply to one item. */
  run<T = unknown>(
    script: Script,
    { keys, arguments: given }: ScriptItem,
    make: (reply: unknown) => T = asIs,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const replied = (reply: unknown) => {
        try {
          resolve(make(reply));
        } catch (error) {
          reject(error as Error);
        }
      };
      const pending = { keys, arguments: given, replied, failed: reject };
      const waiting = this.waiting.get(script);
      if (waiting !== undefined) return void waiting.push(pending);
      this.waiting.set(script, [pending]);
      nextTick(() => this.flush(script));
    });
  }

  /** Each item's reply, or its error; repeated until acknowledged, while there is time. */
  insist(script: Script, items: readonly ScriptItem[]): Promise<unknown[]> {
    return insistOn(this.exchange, script, items);
  }

  private flush(script: Script): void {
    const items = this.waiting.get(script)!;
    this.waiting.delete(script);
    const groups = this.exchange.isCluster ? bySlot(items, ({ keys }) => keys[0]!) : [items];
    for (const part of groups.flatMap((group) => chunks(group, MOST_ITEMS))) {
      this.send(script, part);
    }
  }

  private send(script: Script, items: readonly Pending[]): void {
    this.exchange[script.sent](items[0]!.keys[0]!, (client) =>
      evaluate(client, script, items),
    ).then(
      (replies) => {
        for (const [i, { replied, failed }] of items.entries()) {
          const reply = replies[i];
          if (reply instanceof Error) failed(this.exchange.unavailable(reply));
          else replied(reply);
        }
      },
      (error: unknown) => {
        for (const { failed } of items) failed(error);
      },
    );
  }
}

/** Each item's reply, or its error, on a cluster slot by slot; repeated until acknowledged, while there is time. */
export async function insistOn(
  exchange: Pick<RedisExchange, 'isCluster' | 'insist'>,
  script: Script,
  items: readonly ScriptItem[],
): Promise<unknown[]> {
  const indexed = items.map((item, index) => ({ ...item, index }));
  const groups = exchange.isCluster ? bySlot(indexed, ({ keys }) => keys[0]!) : [indexed];
  const replies: unknown[] = [];
  await Promise.all(
    groups.map(async (group) => {
      const send = (client: RedisClient) => runAll(client, script, group);
      const answers = await exchange.insist(group[0]?.keys[0], send);
      for (const [i, { index }] of group.entries()) replies[index] = answers[i];
    }),
  );
  return replies;
}

/** All of them, on a cluster of one slot, in as many commands as bounds ask for; the first error ends it. */
export async function runAll(
  client: RedisClient,
  script: Script,
  items: readonly ScriptItem[],
): Promise<unknown[]> {
  const parts = chunks(items, MOST_ITEMS).map((part) => evaluate(client, script, part));
  const replies = (await Promise.all(parts)).flat();
  const failure = replies.find((reply) => reply instanceof Error);
  if (failure !== undefined) throw failure;
  return replies;
}

async function evaluate(
  client: RedisClient,
  { lua, sha }: Script,
  items: readonly ScriptItem[],
): Promise<unknown[]> {
  const rest: Argument[] = [0];
  for (const item of items) for (const key of item.keys) rest.push(key);
  rest[0] = rest.length - 1;
  for (const item of items) for (const argument of item.arguments) rest.push(argument);
  try {
    return (await client.callBuffer('evalsha', sha, rest)) as unknown[];
  } catch (error) {
    if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
    return (await client.callBuffer('eval', lua, rest)) as unknown[];
  }
}

function asIs<T>(reply: unknown): T {
  return reply as T;
}
