import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from '@jest/globals';
import { snippetsIn } from '../support/markdown.snippets.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the repository, so that the package is found by its name. */
const OUT = join(ROOT, 'test/docs/.snippets');

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  types: ['node'],
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  noEmit: true,
};

interface Place {
  page: string;
  line: number;
}

function pages(): string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const all = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...docs.map((p) => `docs/${p}`)];
  return all.filter((path) => path.endsWith('.md') && existsSync(join(ROOT, path)));
}

/** A folder for each page; where each file came from. */
function writeSnippets(paths: string[]): Map<string, Place> {
  rmSync(OUT, { recursive: true, force: true });
  const places = new Map<string, Place>();
  for (const page of paths) {
    for (const { line, file, code } of snippetsIn(join(ROOT, page))) {
      const target = join(OUT, page.replace(/\.md$/, ''), file ?? `line-${line}.ts`);
      if (places.has(target)) throw new Error(`${page}:${line}: the page has another ${file}`);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, code);
      places.set(target, { page, line });
    }
  }
  return places;
}

function compile(places: Map<string, Place>): string[] {
  const program = ts.createProgram([...places.keys()], OPTIONS);
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const place = file && places.get(file.fileName);
    const line = file ? ts.getLineAndCharacterOfPosition(file, start).line : 0;
    const where = place ? `${place.page}:${place.line + line}` : file?.fileName;
    return `${where}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

describe('the code in the documentation', () => {
  it('compiles against the built package, every block of every page', () => {
    const places = writeSnippets(pages());
    expect([...places.values()].map(({ page }) => page)).toContain('README.md');
    expect(compile(places)).toEqual([]);
  });

  it('asks for no exemption', () => {
    const exempt = pages().flatMap((page) =>
      snippetsIn(join(ROOT, page))
        .filter(({ info, code }) => info !== '' || /@ts-(nocheck|ignore)/.test(code))
        .map(({ line, info }) => `${page}:${line} ${info}`),
    );
    expect(exempt).toEqual([]);
  });

  it('comes first in the README, before line 25', () => {
    expect(snippetsIn(join(ROOT, 'README.md'))[0]?.line).toBeLessThan(25);
  });
});
