/**
 * The processes of a run are plain Node, not Jest: compiled for them are the sources of this folder
 * alone, in a folder of their own within the repository, where the packages are found.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFileSync } from '@swc/core';

const SOURCES = fileURLToPath(new URL('.', import.meta.url));
const COMPILED = join(SOURCES, 'dist');

export interface WorkerBuild {
  readonly workerFile: string;
  remove(): void;
}

export function buildWorker(): WorkerBuild {
  mkdirSync(COMPILED, { recursive: true });
  const folder = mkdtempSync(join(COMPILED, 'worker-'));
  for (const file of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.spec.ts') || file.startsWith('dist')) continue;
    const target = join(folder, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compile(join(SOURCES, file)));
  }
  return {
    workerFile: join(folder, 'worker.process.js'),
    remove: () => rmSync(folder, { recursive: true }),
  };
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
