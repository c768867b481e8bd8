/** An application that has never seen this repository: the tarball and npm are all it gets. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { snippetsIn } from '../support/markdown.snippets.js';
import { attempt, npm, type Outcome } from './npm.js';

const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = join(ROOT, 'README.md');
/** What `npm pack` reads: the package, and what its `prepack` copies into it. */
const PACKED = ['README.md', 'LICENSE', 'libs/elasticache/package.json', 'libs/elasticache/dist'];

export interface FreshApplication {
  readonly directory: string;
  /** Runs its main file, or another. */
  run(options?: { node?: string; args?: string[]; env?: NodeJS.ProcessEnv }): Promise<Outcome>;
  delete(): Promise<void>;
}

/**
 * Packs the built library as `npm publish` would. Resolves with the path of the tarball. It packs a
 * copy: `prepack` writes into the package, and two specs pack at the same time.
 */
export async function packLibrary(directory: string): Promise<string> {
  const copy = join(directory, 'workspace');
  for (const path of PACKED) await cp(join(ROOT, path), join(copy, path), { recursive: true });
  const library = join(copy, 'libs/elasticache');
  const report = await npm(['pack', '--json', '--pack-destination', directory], library);
  const [{ filename }] = JSON.parse(report) as [{ filename: string }];
  return join(directory, filename);
}

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'elasticache-packaging-'));
}

/** Installs and compiles the fixture, with the README's files as its module and its service. */
export async function createApplication(
  fixture: 'nest12-esm' | 'nest11-commonjs',
): Promise<FreshApplication> {
  const directory = await temporaryDirectory();
  const application: FreshApplication = {
    directory,
    run: ({ node = process.execPath, args = ['dist/main.js'], env = {} } = {}) =>
      attempt(node, args, { cwd: directory, env }),
    delete: () => rm(directory, { recursive: true, force: true }),
  };
  try {
    await fill(directory, fixture);
    return application;
  } catch (error) {
    await application.delete();
    throw error;
  }
}

async function fill(directory: string, fixture: string): Promise<void> {
  await cp(join(FIXTURES, 'app'), directory, { recursive: true });
  await cp(join(FIXTURES, fixture), directory, { recursive: true });
  await writeReadmeFiles(join(directory, 'src'));
  const manifest = join(directory, 'package.json');
  const description = JSON.parse(await readFile(manifest, 'utf8'));
  description.dependencies['nestjs-elasticache'] = `file:${await packLibrary(directory)}`;
  await writeFile(manifest, JSON.stringify(description));
  const quietly = ['--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline'];
  await npm(['install', ...quietly], directory);
  await npm(['run', 'build'], directory);
}

async function writeReadmeFiles(sources: string): Promise<void> {
  await mkdir(sources, { recursive: true });
  for (const { file, code } of snippetsIn(README)) {
    if (file) await writeFile(join(sources, file), code);
  }
}
