/**
 * Everyone in a process of its own; one round of everyone after the other, each in turn the first,
 * so that what disturbs the machine disturbs all. A ratio is the floor's time by a contender's in
 * the same round, and the median of those is the result: 0.5 takes twice as long as the floor.
 */
import { Child } from './child.js';
import type { Round, RoundRequest } from './contender.process.js';
import type { Case, Contender, Question } from './question.js';

const ROUNDS = 15;
const ROUND_MS = 200;
/** Not counted: the compiler is at work, for some hundred thousand calls. */
const WARM_UP_MS = 3000;

export interface Result {
  readonly contender: Contender;
  readonly outcome: { readonly notRunning: string } | readonly CaseResult[];
}

export interface CaseResult {
  readonly load: Case;
  readonly rounds: readonly Round[];
}

/** @throws where a contender brings a wrong value, loads too much or too little, or is no peer and does not start */
export async function measure(
  question: Question,
  { file, redisUrl }: { file: string; redisUrl: string },
): Promise<Result[]> {
  const processes = question.contenders.map(
    // Redis has sixteen databases.
    (contender, i) => new ContenderProcess(contender, [file, contender.name, `${redisUrl}/${i}`]),
  );
  try {
    for (const one of processes) await one.ready();
    const running = processes.filter(({ notRunning }) => notRunning === undefined);
    for (const load of question.cases) await measureCase(load, running);
    return processes.map(({ contender, notRunning, results }) => ({
      contender,
      outcome: notRunning === undefined ? results : { notRunning },
    }));
  } finally {
    for (const one of processes) one.end();
  }
}

async function measureCase(load: Case, running: readonly ContenderProcess[]): Promise<void> {
  for (const one of running) await one.round({ load, ms: WARM_UP_MS });
  const rounds = running.map((): Round[] => []);
  for (let n = 0; n < ROUNDS; n++) {
    for (let i = 0; i < running.length; i++) {
      const turn = (n + i) % running.length;
      rounds[turn]!.push(await running[turn]!.round({ load, ms: ROUND_MS }));
    }
  }
  running.forEach((one, i) => one.results.push({ load, rounds: rounds[i]! }));
}

class ContenderProcess {
  readonly results: CaseResult[] = [];
  notRunning: string | undefined;
  private readonly child: Child;

  constructor(
    readonly contender: Contender,
    args: string[],
  ) {
    this.child = new Child(contender.name, './contender.process.js', args);
  }

  async ready(): Promise<void> {
    this.notRunning = await this.child.ready();
    if (this.notRunning === undefined || this.contender.peer !== undefined) return;
    throw new Error(`${this.contender.name}: ${this.notRunning}`);
  }

  round(request: RoundRequest): Promise<Round> {
    return this.child.ask(request);
  }

  end(): void {
    this.child.end();
  }
}
