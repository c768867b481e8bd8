/** What does a hit cost the server, beside a handler that does nothing? */
import autocannon from 'autocannon';
import { deepStrictEqual } from 'node:assert/strict';
import { articleOf } from './articles.js';
import { Child } from './child.js';
import type { Spent } from './http.process.js';
import { contenders, type HttpContender } from './http.servers.js';
import type { Experiment } from './question.js';
import { aligned, median, nameOf, notRunningOf } from './table.js';

const CONNECTIONS = 64;
const REQUESTS = 4000;
const ROUNDS = 7;
/** Not counted: the compiler is at work. */
const WARM_UP_REQUESTS = 15_000;
const ID = 7;
const PLATFORMS = ['Express', 'Fastify'] as const;

export default {
  title: `A response: 1 KB of JSON, a handler that waits for 5 ms, ${CONNECTIONS} connections, asked from another process`,
  async ask({ redisUrl }) {
    const answers: string[] = [];
    for (const platform of PLATFORMS) {
      answers.push(`### ${platform}`, '', await compare(platform.toLowerCase(), redisUrl), '');
    }
    return `${answers.join('\n')}
A ratio is the first row's time of the server's processor for a request by that of this row, in the
same round. Both share their processors with whoever asks, so requests a second say less.`;
  },
} satisfies Experiment;

async function compare(platform: string, redisUrl: string): Promise<string> {
  const servers = contenders.map((one, i) => new Server(one, [platform, `${redisUrl}/${i}`]));
  try {
    for (const server of servers) await server.ready();
    for (let n = 0; n < ROUNDS; n++) {
      // Each in turn the first.
      for (let i = 0; i < servers.length; i++) await servers[(n + i) % servers.length]!.round();
    }
    return tableOf(servers);
  } finally {
    for (const server of servers) server.end();
  }
}

interface Round {
  readonly cpuUs: number;
  readonly perSecond: number;
}

class Server {
  readonly rounds: Round[] = [];
  notRunning: string | undefined;
  private readonly child: Child;

  constructor(
    readonly contender: HttpContender,
    [platform = '', redisUrl = '']: readonly string[],
  ) {
    this.child = new Child(contender.name, './http.process.js', [
      contender.name,
      platform,
      redisUrl,
    ]);
  }

  async ready(): Promise<void> {
    this.notRunning = await this.child.ready();
    if (this.notRunning !== undefined) {
      if (this.contender.peer === undefined) throw new Error(this.notRunning);
      return;
    }
    const { url } = await this.child.ask<Spent>({});
    for (let i = 0; i < 2; i++) {
      const response = await fetch(`${url}/articles/${ID}`);
      deepStrictEqual(await response.json(), articleOf(ID));
    }
    await this.fire(WARM_UP_REQUESTS);
  }

  async round(): Promise<void> {
    if (this.notRunning === undefined) this.rounds.push(await this.fire(REQUESTS));
  }

  end(): void {
    this.child.end();
  }

  private async fire(amount: number): Promise<Round> {
    const before = await this.child.ask<Spent>({});
    const begun = performance.now();
    const url = `${before.url}/articles/${ID}`;
    const result = await autocannon({ url, connections: CONNECTIONS, amount });
    const seconds = (performance.now() - begun) / 1000;
    const after = await this.child.ask<Spent>({});
    if (result['2xx'] !== amount)
      throw new Error(
        `${this.contender.name}: ${JSON.stringify(result.statusCodeStats)}, ${result.timeouts} timeouts`,
      );
    return { cpuUs: (after.cpuUs - before.cpuUs) / amount, perSecond: amount / seconds };
  }
}

function tableOf(servers: readonly Server[]): string {
  const floor = servers[0]!.rounds;
  const rows = servers.map(({ contender, notRunning, rounds }) => {
    const name = nameOf(contender);
    if (notRunning !== undefined) return [name, notRunningOf(notRunning), '', '', ''];
    const ratios = rounds.map(({ cpuUs }, i) => floor[i]!.cpuUs / cpuUs);
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
    return [
      name,
      median(ratios).toFixed(2),
      `${least.toFixed(2)}–${most.toFixed(2)}`,
      median(rounds.map(({ cpuUs }) => cpuUs)).toFixed(0),
      median(rounds.map(({ perSecond }) => perSecond)).toFixed(0),
    ];
  });
  return aligned([['', 'CPU ratio', 'min–max', 'CPU µs', 'requests/s'], ...rows]);
}
