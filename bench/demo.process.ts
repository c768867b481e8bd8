/** The demo, in a process of its own, as `npm start` runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../apps/demo/dist/main.js', import.meta.url));
const ADDRESS = /listening on (http:\S+)/;

export class DemoProcess {
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
    const response = await fetch(this.url + path, {
      ...(body && { method: 'PUT', body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json' },
    });
    await response.arrayBuffer();
    const ms = performance.now() - begun;
    if (!response.ok) throw new Error(`${path} was answered ${response.status}`);
    return { verdict: response.headers.get('x-cache') ?? '', ms };
  }

  async queries(): Promise<number> {
    const response = await fetch(`${this.url}/stats`);
    return ((await response.json()) as { databaseQueries: number }).databaseQueries;
  }

  end(): void {
    this.process.kill();
  }
}
