/** The code of a documentation page as a program, in a folder of its own. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { attempt, type Outcome } from '../packaging/npm.js';

export interface PageProgram {
  /** Takes in a file of TypeScript. */
  write(file: string, code: string): Promise<void>;
  /** Runs its `main.ts` to the end. */
  run(env: NodeJS.ProcessEnv): Promise<Outcome>;
  remove(): Promise<void>;
}

/** Inside the repository, so that the package is found by its name. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url));

const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

export async function createPageProgram(): Promise<PageProgram> {
  await mkdir(CACHE, { recursive: true });
  const directory = await mkdtemp(join(CACHE, 'page-'));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  return {
    async write(file, code) {
      const { outputText } = ts.transpileModule(code, { compilerOptions: COMPILER_OPTIONS });
      await writeFile(join(directory, file.replace(/\.ts$/, '.js')), outputText);
    },
    run: (env) => attempt(process.execPath, ['main.js'], { cwd: directory, env }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
