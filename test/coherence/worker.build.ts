/**
 * The processes of a run are plain Node, not Jest: compiled for them are the sources of this folder
 * and of test/chaos, in a folder of their own within the repository, where the packages are found.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFileSync } from '@swc/core';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
const COMPILED = join(TESTS, 'coherence', 'dist');
const FOLDERS = ['coherence', 'chaos'];

export interface WorkerBuild {
  readonly workerFile: string;
  remove(): void;
}

export function buildWorker(file = 'coherence/worker.process.js'): WorkerBuild {
  mkdirSync(COMPILED, { recursive: true });
  const folder = mkdtempSync(join(COMPILED, 'worker-'));
  for (const source of FOLDERS.flatMap(sourcesIn)) {
    const target = join(folder, source.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compile(join(TESTS, source)));
  }
  return {
    workerFile: join(folder, file),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(TESTS, folder), { recursive: true, encoding: 'utf8' })
    .filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !file.startsWith('dist'),
    )
    .map((file) => join(folder, file));
}

function compile(file: string): string {
  const { code } = transformFileSync(file, {
    module: { type: 'es6' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      keepClassNames: true,
    },
  });
  return code;
}
