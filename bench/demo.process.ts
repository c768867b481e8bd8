/** The demo, in a process of its own, as `npm start` runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../apps/demo/dist/main.js', import.meta.url));
const ADDRESS = /listening on (http:\S+)/;

interface Head {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
}

export class DemoProcess {
  // Shorter than the server waits for a next request.
  private readonly agent = new Agent({ keepAlive: true, timeout: 3_000 });

  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
  ) {}

  static async start(variables: Record<string, string>): Promise<DemoProcess> {
    const env = { ...process.env, PORT: '0', ...variables };
    const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await new Promise<string>((resolve, reject) => {
      let printed = '';
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        const [, found] = ADDRESS.exec(printed) ?? [];
        if (found !== undefined) resolve(found);
      });
      child.once('exit', () => reject(new Error(`The demo has ended:\n${printed}`)));
    });
    return new DemoProcess(child, url);
  }

  /** How it was answered, and how long that took. */
  async ask(path: string, body?: object): Promise<{ verdict: string; ms: number }> {
    const begun = performance.now();
    const { status, headers } = await this.send(path, body);
    const ms = performance.now() - begun;
    if (status !== 200) throw new Error(`${path} was answered ${status}`);
    return { verdict: String(headers['x-cache'] ?? ''), ms };
  }

  /** By a client that costs little beside what it asks for. */
  private send(path: string, body?: object): Promise<Head> {
    const headers = { 'content-type': 'application/json' };
    const options = { method: body ? 'PUT' : 'GET', headers, agent: this.agent };
    return new Promise((resolve, reject) => {
      const asking = request(this.url + path, options, (response) => {
        const { statusCode: status, headers: fields } = response;
        response.once('end', () => resolve({ status, headers: fields })).resume();
      });
      asking.once('error', reject).end(body && JSON.stringify(body));
    });
  }

  async queries(): Promise<number> {
    const response = await fetch(`${this.url}/stats`);
    return ((await response.json()) as { databaseQueries: number }).databaseQueries;
  }

  end(): void {
    this.agent.destroy();
    this.process.kill();
  }
}
