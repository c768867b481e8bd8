/** The built library with one of its rules taken out, as a copy beside which the packages are found. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Mutation } from './mutations.js';

export interface Mutant {
  /** The URL of its entry. */
  readonly library: string;
  remove(): void;
}

/** @throws where a text that is to be replaced is not found exactly once: the rule has moved. */
export function breed({ name, edits }: Mutation, repository: URL): Mutant {
  const parent = fileURLToPath(new URL('test/coherence/dist/', repository));
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'mutant-'));
  try {
    cpSync(fileURLToPath(new URL('libs/elasticache/dist', repository)), folder, {
      recursive: true,
      filter: (file) => !/\.(ts|map)$/.test(file),
    });
    for (const { file, find, replace } of edits) {
      const source = readFileSync(join(folder, file), 'utf8');
      const found = source.split(find).length - 1;
      if (found !== 1) throw new Error(`${name}: '${find}' is ${found} times in ${file}`);
      writeFileSync(
        join(folder, file),
        source.replace(find, () => replace),
      );
    }
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  return {
    library: pathToFileURL(join(folder, 'index.js')).href,
    remove: () => rmSync(folder, { recursive: true }),
  };
}
